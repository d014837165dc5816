"""The status of a TraceExport: whether its instance allows it. Pure functions.

Without bounds, everybody who may create a TraceExport could read every prompt of the namespace. So
the bounds are part of the TraceFoundry, which fewer people may change.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from tracefoundry_operator.api.export import Export, ExportDestination
from tracefoundry_operator.api.instance import Destination, Instance
from tracefoundry_operator.conditions import Condition, timed
from tracefoundry_operator.snapshot import ExportSnapshot

_STRENGTH = {"off": 0, "standard": 1, "strict": 2}


def refusals(export: Export, instance: Instance) -> list[tuple[str, str]]:
    """Why an export is not allowed: reason and sentence for each bound that it exceeds."""
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


def compute(snapshot: ExportSnapshot) -> dict[str, Any]:
    """The status of an export."""
    export, instance = snapshot.export, snapshot.instance
    if instance is None:
        accepted = Condition(
            "Accepted",
            "False",
            "InstanceMissing",
            f"There is no TraceFoundry {export.spec.instance_ref.name!r} in this namespace.",
        )
    elif found := refusals(export, instance):
        accepted = Condition(
            "Accepted",
            "False",
            found[0][0],
            f"TraceFoundry {instance.name!r} does not allow it (spec.exports): "
            f"{'; '.join(sentence for _, sentence in found)}.",
        )
    else:
        accepted = Condition("Accepted", "True", "WithinBounds", "The instance allows it.")
    return _with_conditions(accepted, snapshot.status, export.generation, now=snapshot.now)


def invalid(
    generation: int, reason: str, message: str, previous: Mapping[str, Any], *, now: dt.datetime
) -> dict[str, Any]:
    """The status of an export when it, or its instance, cannot be read."""
    accepted = Condition("Accepted", "False", reason, message)
    return _with_conditions(accepted, previous, generation, now=now)


def _with_conditions(
    accepted: Condition, previous: Mapping[str, Any], generation: int, *, now: dt.datetime
) -> dict[str, Any]:
    """The status with new conditions; all other fields stay."""
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
    """Compare whole path segments: ``teamwork`` is not under ``team``."""
    return not allowed or prefix == allowed or prefix.startswith(f"{allowed}/")
