"""Which format a file has, told by its first record."""

from __future__ import annotations

from typing import Any, Literal

from tracefoundry.interchange.errors import UnreadableFile

Format = Literal["otlp", "atif", "langfuse", "phoenix"]

FORMATS: tuple[Format, ...] = ("otlp", "atif", "langfuse", "phoenix")

OTLP_SIGNALS = {
    "resourceSpans": "spans",
    "resource_spans": "spans",
    "resourceLogs": "logs",
    "resource_logs": "logs",
    "resourceMetrics": "metrics",
    "resource_metrics": "metrics",
    "resourceProfiles": "profiles",
    "resource_profiles": "profiles",
}
"""Top-level keys of OTLP files, and the signal that each holds."""


def detect(value: Any, place: str) -> Format:
    """The format of a record.

    Raises:
        UnreadableFile: it has the marks of none of them.
    """
    found = _format_of(value)
    if found is None:
        raise UnreadableFile(
            place,
            "the file is none of the known formats (OTLP JSON, ATIF, Langfuse, Phoenix)",
            "see docs/import-formats.md, or name its format",
        )
    return found


def _format_of(value: Any) -> Format | None:
    if type(value) is list:
        return _format_of(value[0]) if value and type(value[0]) is not list else None
    if type(value) is not dict:
        return None
    if any(key in value for key in OTLP_SIGNALS):
        return "otlp"
    version = value.get("schema_version")
    if (type(version) is str and version.startswith("ATIF")) or ("steps" in value):
        return "atif"
    if "context" in value or "context.span_id" in value:
        return "phoenix"
    if type(value.get("observations")) is list:
        return "langfuse"
    if "type" in value and ("traceId" in value or "trace_id" in value):
        return "langfuse"
    if type(value.get("data")) is list and value["data"]:
        return _format_of(value["data"][0]) if type(value["data"][0]) is dict else None
    return None
