"""Whether the bounds of an instance allow a TraceExport. Pure functions.

Without bounds, everybody who may create a TraceExport could read every prompt of the namespace. So
the bounds are part of the TraceFoundry, which fewer people may change.
"""

from __future__ import annotations

from tracefoundry_operator.api.export import Export, ExportDestination
from tracefoundry_operator.api.instance import Destination, Instance

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
    image = image_refusal(export, instance)
    return found if image is None else [*found, image]


def image_refusal(export: Export, instance: Instance) -> tuple[str, str] | None:
    """Why the image of the re-run is not allowed: reason and sentence; None if it is."""
    image = export.spec.dry_replay.image
    if image is None or image in instance.spec.exports.rerun_images:
        return None
    return "ImageNotAllowed", f"image {image!r} is not among the rerunImages"


def _within(wanted: ExportDestination, allowed: tuple[Destination, ...]) -> bool:
    if wanted.bucket is None:
        return True
    return any(
        place.bucket == wanted.bucket and _under(wanted.prefix, place.prefix) for place in allowed
    )


def _under(prefix: str, allowed: str) -> bool:
    """Compare whole path segments: ``teamwork`` is not under ``team``."""
    return not allowed or prefix == allowed or prefix.startswith(f"{allowed}/")
