"""The types of fields that recur in answers, with their units, and JSON that is not parsed."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

import msgspec
from msgspec import Meta

TimeNs = Annotated[
    str,
    Meta(
        pattern="^[0-9]+$",
        description="Nanoseconds since 1970-01-01 UTC, as a decimal string.",
        examples=["1764230400000000000"],
    ),
]
DurationNs = Annotated[
    str,
    Meta(
        pattern="^[0-9]+$",
        description="Nanoseconds, as a decimal string.",
        examples=["1500000000"],
    ),
]
Moment = Annotated[str, Meta(description="RFC 3339 in UTC.", examples=["2026-11-27T12:00:00.000Z"])]
Duration = Annotated[str, Meta(description="A whole number and s, m, h, d or w.", examples=["7d"])]
TraceId = Annotated[
    str,
    Meta(description="32 lower-case hex digits.", examples=["0af7651916cd43dd8448eb211c80319c"]),
]
SpanId = Annotated[
    str, Meta(description="16 lower-case hex digits.", examples=["b7ad6b7169203331"])
]
Tokens = Annotated[int, Meta(description="A number of model tokens.", examples=[1200])]
Usd = Annotated[float, Meta(description="US dollars.", examples=[0.0042])]
Cursor = Annotated[
    str | None, Meta(description="The parameter `cursor` of the next page; null on the last one.")
]
Quota = Annotated[
    int | None, Meta(description="A limit, from 1 up; null for none.", examples=[1000])
]

JsonObject = dict[str, Any]
"""An attribute map in tagged JSON form (docs/otlp.md)."""

Redaction = Literal["strict", "standard", "off"]
Role = Literal["ingest", "viewer", "engineer", "admin"]
TraceStatus = Literal["ok", "error", "unset"]
SpanKind = Literal["unspecified", "internal", "server", "client", "producer", "consumer"]
CostSource = Literal["reported", "computed", "mixed"]
SpanCostSource = Literal["reported", "computed"]


def raw_object(text: str) -> JsonObject:
    """A JSON object that goes into the answer as it is stored, unparsed."""
    return cast(JsonObject, msgspec.Raw(text.encode()))


def raw_list(text: str | None) -> list[Any]:
    """A JSON list that goes into the answer as it is stored, unparsed; empty for None."""
    return [] if text is None else cast("list[Any]", msgspec.Raw(text.encode()))
