"""Reading query parameters strictly: a typo or a doubled filter is an error, never a wider answer.

FastAPI declares the parameters (and writes them into /openapi.json); what it lets through by
default is refused here: unknown names, names given twice, NUL bytes. An empty value counts as not
given, as forms send it.
"""

from __future__ import annotations

import datetime
import re
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from fastapi import Query, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from tracefoundry.model.ids import parse_span_id, parse_trace_id
from tracefoundry.query.errors import invalid_parameter

MAX_NS = 2**63 - 1
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+\- ]\d\d:\d\d)"
)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)

TIME_FORMS = "RFC 3339 (2026-11-21T12:00:00Z) or integer nanoseconds since 1970"

Project = Annotated[
    str | None,
    Query(max_length=63, description="Project; without it all projects that may be read."),
]


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


def time_ns(name: str, value: str) -> int:
    """Nanoseconds since the epoch from a parameter in one of the :data:`TIME_FORMS`.

    Raises:
        ApiError: 400 naming the parameter.
    """
    if value.isascii() and value.isdigit():
        number = int(value) if len(value) <= 19 else MAX_NS + 1
        if number > MAX_NS:
            raise invalid_parameter(name, "later than can be stored (2^63 - 1 ns)")
        return number
    match = _RFC3339.fullmatch(value)
    if match is None:
        raise invalid_parameter(name, f"{value[:80]!r} is not a time; give {TIME_FORMS}")
    day, clock, fraction, zone = match.groups()
    # An unescaped plus sign arrives as a space.
    zone = "+00:00" if zone in "Zz" else zone.replace(" ", "+")
    try:
        moment = datetime.datetime.fromisoformat(f"{day}T{clock}{zone}")
        since = moment - _EPOCH
    except (ValueError, OverflowError):
        raise invalid_parameter(name, f"{value[:80]!r} is not a time of any calendar") from None
    whole = (since.days * 86_400 + since.seconds) * 1_000_000_000
    number = whole + int((fraction or "").ljust(9, "0"))
    if not 0 <= number <= MAX_NS:
        raise invalid_parameter(name, f"{value[:80]!r} is outside 1970 to 2262")
    return number


def trace_id_of(value: str) -> bytes:
    """A trace id from the path or a parameter; 400 when it is none."""
    try:
        return parse_trace_id(value)
    except ValueError as error:
        raise invalid_parameter("trace_id", str(error)) from None


def span_id_of(name: str, value: str) -> bytes:
    """A span id from the path or a parameter; 400 when it is none."""
    try:
        return parse_span_id(value)
    except ValueError as error:
        raise invalid_parameter(name, str(error)) from None
