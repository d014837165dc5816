"""Whether a TraceExport is within what its instance allows.

Whoever may create a TraceExport would otherwise read every prompt of the namespace; so the bounds
stand in the TraceFoundry, which fewer people may change.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from tracefoundry_operator.api.export import Export, ExportDestination
from tracefoundry_operator.api.instance import Destination, Instance
from tracefoundry_operator.conditions import Condition, timed

_STRENGTH = {"off": 0, "standard": 1, "strict": 2}


def refusals(export: Export, instance: Instance) -> list[tuple[str, str]]:
    """Why an export is not allowed: reason and sentence, one for each bound that it breaks."""
    spec, bounds = export.spec, instance.spec.exports
    found = []
    if _STRENGTH[spec.redaction] < _STRENGTH[bounds.weakest_redaction]:
        found.append(
            (
                "RedactionTooWeak",
                f"redaction {spec.redaction} is weaker than {bounds.weakest_redaction}",
            )
        )
    if spec.payloads == "Include" and not bounds.payloads:
        found.append(("PayloadsNotAllowed", "payloads may not be included"))
    if not _within(spec.destination, bounds.destinations):
        place = f"s3://{spec.destination.bucket}/{spec.destination.prefix}"
        found.append(("DestinationNotAllowed", f"{place} is not among the destinations"))
    image = spec.dry_replay.image
    if image is not None and image not in bounds.rerun_images:
        found.append(("ImageNotAllowed", f"image {image!r} is not among the rerunImages"))
    return found


def compute(
    export: Export, instance: Instance | None, previous: Mapping[str, Any], *, now: dt.datetime
) -> dict[str, Any]:
    """The status of an export; ``instance`` is None when there is none of that name."""
    if instance is None:
        accepted = Condition(
            "Accepted",
            "False",
            "InstanceMissing",
            f"There is no TraceFoundry {export.spec.instance_ref.name!r} in this namespace.",
        )
    else:
        found = refusals(export, instance)
        accepted = (
            Condition(
                "Accepted",
                "False",
                found[0][0],
                f"TraceFoundry {instance.name!r} does not allow it (spec.exports): "
                f"{'; '.join(sentence for _, sentence in found)}.",
            )
            if found
            else Condition("Accepted", "True", "WithinBounds", "The instance allows it.")
        )
    return _told(accepted, previous, export.generation, now=now)


def invalid(
    generation: int, reason: str, message: str, previous: Mapping[str, Any], *, now: dt.datetime
) -> dict[str, Any]:
    """The status of an export that cannot be measured: it, or its instance, cannot be read."""
    accepted = Condition("Accepted", "False", reason, message)
    return _told(accepted, previous, generation, now=now)


def _told(
    accepted: Condition, previous: Mapping[str, Any], generation: int, *, now: dt.datetime
) -> dict[str, Any]:
    """The conditions; what else was known of the export stays."""
    complete = (
        Condition("Complete", "False", "NotSupportedYet", "This version makes no export Jobs.")
        if accepted.status == "True"
        else Condition("Complete", "False", "NotAccepted", "It is not accepted.")
    )
    before = previous.get("conditions", ())
    return {
        **previous,
        "observedGeneration": generation,
        "conditions": timed([accepted, complete], before, generation, now=now),
    }


def _within(wanted: ExportDestination, allowed: tuple[Destination, ...]) -> bool:
    if wanted.bucket is None:
        return True
    return any(
        place.bucket == wanted.bucket and _under(wanted.prefix, place.prefix) for place in allowed
    )


def _under(prefix: str, allowed: str) -> bool:
    """Whole parts of the path count: ``team`` does not hold ``teamwork``."""
    return not allowed or prefix == allowed or prefix.startswith(f"{allowed}/")
