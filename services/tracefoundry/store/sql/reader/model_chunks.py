"""All spans or logs of a trace as the model has them, in chunks of bounded size.

Every chunk is a statement of its own that begins behind the last span of the chunk before, so that
nothing is held but one chunk. Resources and scopes are decoded once: spans of a chunk, and of the
one after it, share them.

What counts is the stored text, with the resources and scopes that a chunk adds, and the payloads
that are put back. The first span of a chunk is read whatever its size is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from tracefoundry.model.contents import restore_log, restore_span
from tracefoundry.model.payload import PayloadEntry
from tracefoundry.model.span import LogRecord, Resource, Scope, Span
from tracefoundry.store.api import ContentSource
from tracefoundry.store.records import (
    SpanPosition,
    StoredLog,
    StoredSpan,
    StoredTrace,
    payload_day,
)
from tracefoundry.store.sql.decoding import decode_log, decode_resource, decode_scope, decode_span
from tracefoundry.store.sql.engine import extend_deadline
from tracefoundry.store.sql.reader.page_size import dictionary_bytes, text_bytes
from tracefoundry.store.sql.reader.rows import Statement, columns_of, stream_sized
from tracefoundry.store.sql.reader.sources import tables_of
from tracefoundry.store.sql.reader.span_pages import resources_of, scopes_of
from tracefoundry.store.sql.reader.spans import page_of
from tracefoundry.store.sql.tables import (
    imported_span_logs,
    resources,
    scopes,
    span_logs,
)

_Stored = TypeVar("_Stored", StoredSpan, StoredLog)
_Model = TypeVar("_Model", Span, LogRecord)

_ENTRIES = msgspec.json.Decoder(list[PayloadEntry])


@dataclass(frozen=True, slots=True)
class ChunkLimits:
    """How large a chunk may be, in records and in bytes."""

    records: int
    bytes: int


def span_chunks(
    connection: sa.Connection,
    trace: StoredTrace,
    contents: ContentSource | None,
    limits: ChunkLimits,
) -> Iterator[list[Span]]:
    """All spans of a trace by start, then span id."""
    columns = _span_columns(tables_of(trace).spans)
    envelopes = _Envelopes(connection, trace.project_id)
    after: SpanPosition | None = None
    while True:
        statement = page_of(trace, columns, after, None, limits.records)
        stored, more = _read(connection, statement, StoredSpan, envelopes, contents, limits)
        if not stored:
            return
        spans = [decode_span(one, *envelopes.of(one), trace_id=trace.trace_id) for one in stored]
        if contents is not None:
            spans = _restored(
                spans,
                [trace.payload_day(span.start_time_ns) for span in spans],
                trace.project_id,
                contents,
                restore_span,
            )
        yield spans
        if not more:
            return
        after = SpanPosition(stored[-1].start_time_ns, stored[-1].span_id)


def log_chunks(
    connection: sa.Connection,
    project_id: int,
    trace_id: bytes,
    import_day: int | None,
    contents: ContentSource | None,
    limits: ChunkLimits,
) -> Iterator[list[LogRecord]]:
    """All log records of a trace by time, span id and content hash. ``import_day`` is that of an
    imported trace; else there may be logs without a trace."""
    envelopes = _Envelopes(connection, project_id)
    after: StoredLog | None = None
    while True:
        statement = _logs_behind(project_id, trace_id, import_day, after, limits.records)
        stored, more = _read(connection, statement, StoredLog, envelopes, contents, limits)
        if not stored:
            return
        logs = [decode_log(one, *envelopes.of(one), trace_id=trace_id) for one in stored]
        if contents is not None:
            logs = _restored(
                logs, [payload_day(log.time_ns, import_day) for log in logs],
                project_id, contents, restore_log,
            )  # fmt: skip
        yield logs
        if not more:
            return
        after = stored[-1]


@cache
def _span_columns(spans: sa.Table) -> tuple[sa.ColumnElement[Any], ...]:
    return columns_of(spans, StoredSpan.__struct_fields__)


@cache
def _log_columns(logs: sa.Table) -> tuple[sa.ColumnElement[Any], ...]:
    return columns_of(logs, StoredLog.__struct_fields__)


def _logs_behind(
    project_id: int, trace_id: bytes, import_day: int | None, after: StoredLog | None, limit: int
) -> Statement:
    logs = span_logs if import_day is None else imported_span_logs
    order = (logs.c.time_ns, logs.c.span_id, logs.c.content_hash)
    statement = sa.select(*_log_columns(logs)).where(
        logs.c.project_id == project_id, logs.c.trace_id == trace_id
    )
    if import_day is not None:
        statement = statement.where(logs.c.import_day == import_day)
    if after is not None:
        place = sa.tuple_(
            sa.literal(after.time_ns, sa.BigInteger),
            sa.literal(after.span_id, sa.LargeBinary),
            sa.literal(after.content_hash, sa.LargeBinary),
        )
        statement = statement.where(sa.tuple_(*order) > place)
    return statement.order_by(*order).limit(limit)


def _read(
    connection: sa.Connection,
    statement: Statement,
    record: type[_Stored],
    envelopes: _Envelopes,
    contents: ContentSource | None,
    limits: ChunkLimits,
) -> tuple[list[_Stored], bool]:
    """One chunk of a statement that is limited to ``limits.records``, and whether there may be
    more; loads the resources and scopes of the chunk."""
    extend_deadline(connection)
    found: list[_Stored] = []
    sizes: list[int] = []
    total = 0
    with closing(stream_sized(connection, statement, text_bytes)) as rows:
        for row, size in rows:
            stored = record(*row)
            if contents is not None and stored.payloads is not None:
                size += _content_bytes(stored.payloads)
            total += size
            if found and total > limits.bytes:
                break
            found.append(stored)
            sizes.append(size)
    more = len(found) == limits.records or total > limits.bytes
    kept = envelopes.load(found, sizes, limits.bytes)
    return found[:kept], more or kept < len(found)


def _content_bytes(payloads: str) -> int:
    return sum(entry.bytes or 0 for entry in _ENTRIES.decode(payloads) if _is_stored(entry))


def _is_stored(entry: PayloadEntry) -> bool:
    return entry.ref is not None and entry.state != "reference"


def _restored(
    models: Sequence[_Model],
    days: Sequence[int],
    project_id: int,
    contents: ContentSource,
    restore: Callable[[_Model, Mapping[str, bytes]], _Model],
) -> list[_Model]:
    """Spans or logs with their contents, which are read once for each of their days."""
    wanted: dict[int, set[str]] = {}
    for model, day in zip(models, days, strict=True):
        refs = {entry.ref for entry in model.payloads if entry.ref and _is_stored(entry)}
        if refs:
            wanted.setdefault(day, set()).update(refs)
    found = {day: contents(project_id, day, refs) for day, refs in sorted(wanted.items())}
    return [restore(model, found.get(day, {})) for model, day in zip(models, days, strict=True)]


class _Envelopes:
    """The resources and scopes of the chunk that was read last."""

    def __init__(self, connection: sa.Connection, project_id: int) -> None:
        self._connection = connection
        self._project_id = project_id
        self._resources: dict[bytes, Resource] = {}
        self._scopes: dict[bytes, Scope] = {}

    def of(self, stored: StoredSpan | StoredLog) -> tuple[Resource, Scope]:
        """The resource and scope of a record of the chunk."""
        return self._resources[stored.resource_id], self._scopes[stored.scope_id]

    def load(self, chunk: Sequence[_Stored], sizes: Sequence[int], limit_bytes: int) -> int:
        """Read what a chunk refers to; returns how many of its records, from the first on, fit
        into the limit together with that."""
        fit = self._fitting(chunk, sizes, limit_bytes)
        resource_ids = {stored.resource_id for stored in chunk[:fit]}
        scope_ids = {stored.scope_id for stored in chunk[:fit]}
        new_resources = resources_of(
            self._connection, self._project_id, resource_ids - self._resources.keys()
        )
        new_scopes = scopes_of(self._connection, self._project_id, scope_ids - self._scopes.keys())
        # One can be missing only after damage; its spans are still worth reading.
        decoded = {key: decode_resource(stored) for key, stored in new_resources.items()}
        known = {**self._resources, **decoded}
        self._resources = {key: known.get(key, Resource()) for key in resource_ids}
        decoded_scopes = {key: decode_scope(stored) for key, stored in new_scopes.items()}
        known_scopes = {**self._scopes, **decoded_scopes}
        self._scopes = {key: known_scopes.get(key, Scope()) for key in scope_ids}
        return fit

    def _fitting(self, chunk: Sequence[_Stored], sizes: Sequence[int], limit_bytes: int) -> int:
        new_resources = {stored.resource_id for stored in chunk} - self._resources.keys()
        new_scopes = {stored.scope_id for stored in chunk} - self._scopes.keys()
        uncounted = {
            **dictionary_bytes(self._connection, resources, self._project_id, new_resources),
            **dictionary_bytes(self._connection, scopes, self._project_id, new_scopes),
        }
        total = 0
        for index, stored in enumerate(chunk):
            total += sizes[index]
            total += uncounted.pop(stored.resource_id, 0) + uncounted.pop(stored.scope_id, 0)
            if index and total > limit_bytes:
                return index
        return len(chunk)
