"""The parameters and bodies of requests, each declared once as a model that FastAPI reads.

The models make /openapi.json true and say what is wrong with a value. What FastAPI lets through by
default is refused by :func:`known_parameters`: unknown names, names given twice, NUL bytes. A typo
or a doubled filter is an error, never a wider answer. An empty value counts as not given, as forms
send it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode

from fastapi import Path, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from starlette.types import ASGIApp, Receive, Scope, Send

from tracefoundry.model.ids import parse_span_id, parse_trace_id
from tracefoundry.model.limits import PROJECT_NAME_PATTERN
from tracefoundry.model.times import parse_time_ns
from tracefoundry.query.errors import invalid_parameter
from tracefoundry.schemas.fields import Role
from tracefoundry.store.records import ANY_TIME_NS, GroupBy, Sort, SpanPart

TIME_FORMS = "RFC 3339 (2026-11-21T12:00:00Z) or integer nanoseconds since 1970"


def _text_schema(description: str, example: str, **more: Any) -> WithJsonSchema:
    return WithJsonSchema(
        {"type": "string", "description": description, "examples": [example], **more}
    )


def _of_text(parse: Callable[[str], bytes]) -> Callable[[object], bytes]:
    """A parser of what stands in a parameter or in a JSON body, where it may be no text at all."""

    def parsed(value: object) -> bytes:
        if not isinstance(value, str):
            raise ValueError(f"an id is a text of hex digits, not {type(value).__name__}")
        return parse(value)

    return parsed


TimeNs = Annotated[
    int,
    BeforeValidator(parse_time_ns),
    _text_schema(TIME_FORMS + ".", "2026-11-21T12:00:00Z", maxLength=64),
]
TraceId = Annotated[
    bytes,
    BeforeValidator(_of_text(parse_trace_id)),
    _text_schema(
        "32 hex digits, not all zero.", "0af7651916cd43dd8448eb211c80319c",
        pattern="^[0-9a-fA-F]{32}$",
    ),
]  # fmt: skip
SpanId = Annotated[
    bytes,
    BeforeValidator(_of_text(parse_span_id)),
    _text_schema(
        "16 hex digits, not all zero.", "b7ad6b7169203331", pattern="^[0-9a-fA-F]{16}$"
    ),
]  # fmt: skip
TraceIdPath = Annotated[TraceId, Path(description="The trace: 32 hex digits.")]
SpanIdPath = Annotated[SpanId, Path(description="The span: 16 hex digits.")]
NamePath = Annotated[str, Path(max_length=200, description="Its name.", examples=["default"])]

Amount = Annotated[int, Field(ge=0, le=ANY_TIME_NS)]
Milliseconds = Annotated[float, Field(ge=0, le=ANY_TIME_NS / 1e6 / 2, allow_inf_nan=False)]
Dollars = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]
Exactly = Annotated[str, Field(max_length=1000)]


class Parameters(BaseModel):
    """Base of the query parameters of a route."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    project: Annotated[
        str | None,
        Field(
            max_length=63,
            description="Name of a project; without it all projects that may be read.",
            examples=["default"],
        ),
    ] = None


class Paged(BaseModel):
    """Parameters of an answer in pages."""

    cursor: Annotated[
        str | None,
        Field(
            max_length=2000,
            description="`next_cursor` of the page before; the other parameters stay the same.",
        ),
    ] = None


class Window(BaseModel):
    """A window of time."""

    start: Annotated[
        TimeNs | None,
        Field(
            description=f"Start of the window, inclusive: {TIME_FORMS}; 24 hours ago by default,"
            " 0 for everything.",
            examples=["2026-11-21T12:00:00Z"],
        ),
    ] = None
    end: Annotated[
        TimeNs | None,
        Field(
            description=f"End of the window, exclusive: {TIME_FORMS}; 24 hours ahead by default.",
            examples=["2026-11-22T12:00:00Z"],
        ),
    ] = None


class TraceFilters(BaseModel):
    """The filters of a trace list. All of them must hold."""

    service: Annotated[
        Exactly | None,
        Field(description="Any service of the trace, exactly.", examples=["shop-agent"]),
    ] = None
    environment: Annotated[
        Exactly | None,
        Field(description="Environment of the trace's root, exactly.", examples=["production"]),
    ] = None
    status: Annotated[
        Literal["ok", "error", "unset", "running"] | None,
        Field(
            description="Status of the trace; `running`: an agent run of it has started in the last"
            " 24 hours and not ended.",
            examples=["error"],
        ),
    ] = None
    model: Annotated[
        Exactly | None,
        Field(description="A request or response model, exactly.", examples=["gpt-4.1"]),
    ] = None
    tool: Annotated[
        Exactly | None,
        Field(description="Part of the name of a tool.", examples=["search"]),
    ] = None
    min_duration_ms: Annotated[
        Milliseconds | None, Field(description="Shortest duration, in ms.", examples=[1500])
    ] = None
    max_duration_ms: Annotated[
        Milliseconds | None, Field(description="Longest duration, in ms.", examples=[60000])
    ] = None
    min_tokens: Annotated[
        Amount | None, Field(description="Least input plus output tokens.", examples=[1000])
    ] = None
    max_tokens: Annotated[
        Amount | None, Field(description="Most input plus output tokens.", examples=[100000])
    ] = None
    min_cost_usd: Annotated[
        Dollars | None, Field(description="Least cost, in US dollars.", examples=[0.01])
    ] = None
    max_cost_usd: Annotated[
        Dollars | None, Field(description="Highest cost, in US dollars.", examples=[5])
    ] = None


SearchText = Annotated[
    str | None,
    Field(
        max_length=500,
        description="Text in span names and string attributes, whatever the case; for engineers"
        " and admins also in the first 256 characters of payloads. Stops after 2 seconds and"
        " says so.",
        examples=["timeout"],
    ),
]
Order = Annotated[Sort, Field(description="Order: by start, duration or cost, each descending.")]


class ListTraces(Parameters, Window, TraceFilters, Paged):
    """Parameters of the list of traces."""

    q: SearchText = None
    sort: Order = "newest"
    limit: Annotated[int, Field(ge=1, le=1000, description="Most traces of a page.")] = 50


class SelectTraces(Parameters, Window, TraceFilters):
    """Parameters of an export: which traces, as in the list of traces."""

    q: SearchText = None
    sort: Order = "newest"
    limit: Annotated[
        int | None,
        Field(
            ge=1,
            le=10_000,
            description="Most traces; all by default, at most 10,000.",
            examples=[100],
        ),
    ] = None


class ListSpans(Parameters, Paged):
    """Parameters of the spans of a trace."""

    view: Annotated[
        Literal["full", "skeleton"],
        Field(description="Whole spans, or only what a tree with bars needs."),
    ] = "full"
    parent_id: Annotated[
        SpanId | None,
        Field(
            description="Only the direct children of this span: 16 hex digits.",
            examples=["b7ad6b7169203331"],
        ),
        _text_schema(
            "16 hex digits; empty counts as not given.", "b7ad6b7169203331",
            pattern="^([0-9a-fA-F]{16})?$",
        ),
    ] = None  # fmt: skip
    limit: Annotated[int, Field(ge=1, le=10_000, description="Most spans of a page.")] = 50


class FindSpan(Parameters):
    """Parameters of the spans with an id."""

    trace_id: Annotated[
        TraceId, Field(description="The trace: 32 hex digits. Span ids alone are not unique.")
    ]


class ReadPart(FindSpan):
    """Parameters of a part of a span that is too large for one answer."""

    part: Annotated[SpanPart, Field(description="Which part.")]
    cursor: Annotated[
        str,
        Field(
            max_length=2000,
            description="From the span's `more`, or `next_cursor` of the page before.",
        ),
    ]


class DeleteBefore(Parameters):
    """Parameters of a deletion by age."""

    before: Annotated[
        TimeNs,
        Field(description=f"Delete traces that end before this: {TIME_FORMS}."),
    ]


class Summarise(Parameters, Window):
    """Parameters of the statistics."""

    by: Annotated[GroupBy, Field(description="What the spans are grouped by.")] = "service"


class ReadAudit(Window, Paged):
    """Parameters of the audit log."""

    action: Annotated[
        str | None,
        Field(max_length=100, description="Only this action.", examples=["payload.read"]),
    ] = None
    outcome: Annotated[
        Literal["allowed", "denied"] | None, Field(description="Only this outcome.")
    ] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most entries of a page.")] = 50


class Body(BaseModel):
    """Base of the bodies: a field that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ProjectSettings(Body):
    """What is set for a project. A field that is left out stays as it is; null, or ``default`` in
    a text, takes the project's own setting away, so that the platform's holds. Quotas are set by
    admins of all projects alone."""

    redaction: Annotated[
        str | None,
        Field(description="strict, standard, off or default.", examples=["standard"]),
    ] = None
    personal_data: Annotated[
        str | None,
        Field(
            description="Redact phones, IP addresses and national ids too: on, off or default.",
            examples=["on"],
        ),
    ] = None
    retention_spans: Annotated[
        str | None,
        Field(description="How long spans are kept: a duration, or default.", examples=["7d"]),
    ] = None
    retention_payloads: Annotated[
        str | None,
        Field(description="How long payloads are kept; never longer than spans.", examples=["3d"]),
    ] = None
    quota_spans_per_second: Annotated[
        int | None, Field(description="Most spans and log records a second.", examples=[1000])
    ] = None
    quota_bytes_per_second: Annotated[
        int | None,
        Field(description="Most bytes of OTLP a second, after decompression.", examples=[1048576]),
    ] = None
    quota_spans_per_day: Annotated[
        int | None,
        Field(description="Most spans and log records that a day stores.", examples=[1000000]),
    ] = None
    quota_content_bytes_per_day: Annotated[
        int | None,
        Field(
            description="Most bytes of new content that a day stores, before compression.",
            examples=[1073741824],
        ),
    ] = None


class NewProject(ProjectSettings):
    """A project to make, with or without settings of its own."""

    name: Annotated[
        str,
        Field(
            description="1 to 63 lower-case letters, digits and inner hyphens.",
            examples=["shop"],
            json_schema_extra={"pattern": f"^{PROJECT_NAME_PATTERN}$"},
        ),
    ]


class ExportTrace(Body):
    """What the bundle of a trace is to hold."""

    payloads: Annotated[
        bool,
        Field(
            description="Whether contents go with it; else refs are keyed hashes.",
            examples=[True],
        ),
    ] = False
    redaction: Annotated[
        Literal["strict", "standard", "off"] | None,
        Field(
            description="By default the project's mode. It may be stricter, never weaker; strict"
            " leaves no content at all.",
            examples=["strict"],
        ),
    ] = None
    format: Annotated[
        Literal["protobuf", "json"],
        Field(description="json adds a copy of the spans in OTLP/JSON.", examples=["json"]),
    ] = "protobuf"


class ExportTraces(ExportTrace):
    """What the bundle of several traces is to hold."""

    trace_ids: Annotated[
        list[TraceId] | None,
        Field(
            min_length=1,
            max_length=10_000,
            description="Exactly these traces, in place of the filters.",
        ),
    ] = None


class NewToken(Body):
    """A token to make."""

    name: Annotated[str, Field(description="A name to know it by.", examples=["ci"])]
    role: Annotated[Role, Field(description="What it may do.", examples=["viewer"])]
    project: Annotated[
        str | None,
        Field(description="The only project it holds for; null for all.", examples=["shop"]),
    ] = None
    expires: Annotated[
        str | None,
        Field(description="After how long it ends, such as 90d; null never.", examples=["90d"]),
    ] = None


def known_parameters(request: Request) -> None:
    """Route dependency: refuse parameters that the route does not declare, or has twice.

    Raises:
        ApiError: 400 naming the parameter.
    """
    declared = _declared(request)
    seen = set()
    for name, value in request.query_params.multi_items():
        if name not in declared:
            names = ", ".join(sorted(declared)) or "none"
            raise invalid_parameter(name[:100], "no such parameter", f"It takes: {names}.")
        if name in seen:
            raise invalid_parameter(name, "given twice")
        if "\x00" in value:
            raise invalid_parameter(name, "holds a NUL byte")
        seen.add(name)


def _declared(request: Request) -> set[str]:
    """The query parameters that the API's own document gives for this route and method."""
    paths = request.app.openapi()["paths"]
    path = getattr(request.scope.get("route"), "path_format", "")
    operation = paths.get(path, {}).get(request.method.lower(), {})
    return {
        parameter["name"]
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
    }


class DropEmptyParameters:
    """ASGI middleware: ``?service=&limit=10`` means ``?limit=10``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw: bytes = scope.get("query_string", b"")
        if scope["type"] == "http" and raw:
            text = raw.decode("ascii", errors="surrogateescape")
            pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
            kept = [(name, value) for name, value in pairs if value]
            if len(kept) != len(pairs):
                query = urlencode(kept, errors="surrogateescape").encode("ascii")
                scope = {**scope, "query_string": query}
        await self._app(scope, receive, send)
