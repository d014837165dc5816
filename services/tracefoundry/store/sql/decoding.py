"""From stored records to the model; the way back of the encoders.

Columns that are a plain copy of a field go back to it by themselves (``Column.field``). JSON
columns that hold several fields, or a list, are read here.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import msgspec
import orjson

from tracefoundry.model.payload import PayloadEntry
from tracefoundry.model.span import Event, Link, LogRecord, Resource, Scope, Span
from tracefoundry.store.records import StoredLog, StoredResource, StoredScope, StoredSpan
from tracefoundry.store.sql import columns
from tracefoundry.store.sql.schema import Table, Type


def decode_span(stored: StoredSpan, resource: Resource, scope: Scope, *, trace_id: bytes) -> Span:
    """The span as the model has it. Contents that left the row stay out: ``payloads`` says what
    stood where."""
    return Span(
        trace_id=trace_id,
        resource=resource,
        scope=scope,
        attributes=orjson.loads(stored.attributes),
        events=_events(stored.events),
        links=_links(stored.links),
        payloads=_payloads(stored.payloads),
        redactions=_redactions(stored.redactions),
        genai=stored.view(),
        **_SPAN_FIELDS(stored),
        **_object(stored.extra),
    )


def decode_log(
    stored: StoredLog, resource: Resource, scope: Scope, *, trace_id: bytes
) -> LogRecord:
    """The log record as the model has it; contents as in :func:`decode_span`."""
    extra = _object(stored.extra)
    return LogRecord(
        trace_id=trace_id,
        resource=resource,
        scope=scope,
        observed_time_ns=int(extra.pop("observed_time_ns", 0)),
        attributes=orjson.loads(stored.attributes),
        body=None if stored.body is None else orjson.loads(stored.body),
        payloads=_payloads(stored.payloads),
        redactions=_redactions(stored.redactions),
        genai=stored.view(),
        **_LOG_FIELDS(stored),
        **extra,
    )


def decode_resource(stored: StoredResource) -> Resource:
    """The resource as the model has it."""
    return Resource(orjson.loads(stored.attributes), **_object(stored.extra))


def decode_scope(stored: StoredScope) -> Scope:
    """The scope as the model has it."""
    return Scope(
        stored.name, stored.version, orjson.loads(stored.attributes), **_object(stored.extra)
    )


class _CopiedFields:
    """The fields of an object of the model that columns of a record are plain copies of."""

    def __init__(self, table: Table, owner: str, record: type[msgspec.Struct]) -> None:
        copied = [
            (column, column.field[1])
            for column in table.columns
            if column.field is not None
            and column.field[0] == owner
            and column.name in record.__struct_fields__
        ]
        empty: dict[Type, Any] = {Type.TEXT: "", Type.BYTES: b""}
        self._names = [name for _, name in copied]
        self._values = attrgetter(*[column.name for column, _ in copied])
        self._for_null = [(name, empty.get(column.type)) for column, name in copied if column.null]

    def __call__(self, stored: msgspec.Struct) -> dict[str, Any]:
        fields = dict(zip(self._names, self._values(stored), strict=True))
        for name, empty in self._for_null:
            if fields[name] is None:
                fields[name] = empty
        return fields


_SPAN_FIELDS = _CopiedFields(columns.SPANS, "span", StoredSpan)
_LOG_FIELDS = _CopiedFields(columns.SPAN_LOGS, "log", StoredLog)


def _object(text: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {} if text is None else orjson.loads(text)
    return found


def _events(text: str | None) -> list[Event]:
    events = [] if text is None else orjson.loads(text)
    for event in events:
        event["time_ns"] = int(event["time_ns"])
    return [Event(**event) for event in events]


def _links(text: str | None) -> list[Link]:
    links = [] if text is None else orjson.loads(text)
    for link in links:
        link["trace_id"] = bytes.fromhex(link["trace_id"])
        link["span_id"] = bytes.fromhex(link["span_id"])
    return [Link(**link) for link in links]


_PAYLOADS = msgspec.json.Decoder(tuple[PayloadEntry, ...])


def _payloads(text: str | None) -> tuple[PayloadEntry, ...]:
    return () if text is None else _PAYLOADS.decode(text)


def _redactions(text: str | None) -> tuple[tuple[str, int], ...]:
    return (
        () if text is None else tuple((item["rule"], item["count"]) for item in orjson.loads(text))
    )
