"""Spans and logs as the model has them, in chunks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from tracefoundry.model.contents import restore_log, restore_span
from tracefoundry.model.payload import PayloadEntry
from tracefoundry.model.span import LogRecord, Resource, Scope, Span
from tracefoundry.model.summary import TraceKey
from tracefoundry.store.api import ContentSource
from tracefoundry.store.memory.spans import text_bytes
from tracefoundry.store.memory.tables import Tables
from tracefoundry.store.records import StoredLog, StoredSpan, payload_day
from tracefoundry.store.sql.decoding import decode_log, decode_resource, decode_scope, decode_span

_Model = TypeVar("_Model", Span, LogRecord)


def model_spans(
    tables: Tables, key: TraceKey, contents: ContentSource | None, most: int, most_bytes: int
) -> Iterator[list[Span]]:
    """All spans of a trace by start, then span id."""
    envelopes = _Envelopes(tables, key[0])
    stored = [row.shown for row in tables.spans_of(key)]
    spans = [decode_span(one, *envelopes.of(one), trace_id=key[1]) for one in stored]
    sizes = [envelopes.bytes_of(one) for one in stored]
    imported = tables.import_day_of(key)

    def day_of(span: Span) -> int:
        return payload_day(span.start_time_ns, imported)

    for chunk in _chunks(spans, sizes, contents is not None, most, most_bytes):
        yield [
            restore_span(span, _contents(contents, key[0], day_of(span), span.payloads))
            for span in chunk
        ]


def model_logs(
    tables: Tables, key: TraceKey, contents: ContentSource | None, most: int, most_bytes: int
) -> Iterator[list[LogRecord]]:
    """All log records of a trace by time, span id and content hash."""
    envelopes = _Envelopes(tables, key[0])
    stored = tables.logs_of(key)
    logs = [decode_log(one, *envelopes.of(one), trace_id=key[1]) for one in stored]
    sizes = [envelopes.bytes_of(one) for one in stored]
    imported = tables.import_day_of(key)

    def day_of(log: LogRecord) -> int:
        return payload_day(log.time_ns, imported)

    for chunk in _chunks(logs, sizes, contents is not None, most, most_bytes):
        yield [
            restore_log(log, _contents(contents, key[0], day_of(log), log.payloads))
            for log in chunk
        ]


class _Envelopes:
    """The resources and scopes of a trace, each decoded once."""

    def __init__(self, tables: Tables, project_id: int) -> None:
        self._tables = tables
        self._project_id = project_id
        self._resources: dict[bytes, Resource] = {}
        self._scopes: dict[bytes, Scope] = {}

    def of(self, stored: StoredSpan | StoredLog) -> tuple[Resource, Scope]:
        """The resource and scope of a record."""
        resource_id, scope_id = stored.resource_id, stored.scope_id
        if resource_id not in self._resources:
            found = self._tables.resources[self._project_id, resource_id]
            self._resources[resource_id] = decode_resource(found)
        if scope_id not in self._scopes:
            self._scopes[scope_id] = decode_scope(self._tables.scopes[self._project_id, scope_id])
        return self._resources[resource_id], self._scopes[scope_id]

    def bytes_of(self, stored: StoredSpan | StoredLog) -> dict[bytes, int]:
        """Stored bytes: of the record itself (by b""), its resource and its scope, by id."""
        project = self._project_id
        return {
            b"": text_bytes(stored),
            stored.resource_id: text_bytes(self._tables.resources[project, stored.resource_id]),
            stored.scope_id: text_bytes(self._tables.scopes[project, stored.scope_id]),
        }


def _chunks(
    models: Sequence[_Model],
    sizes: Sequence[dict[bytes, int]],
    with_contents: bool,
    most: int,
    most_bytes: int,
) -> Iterator[list[_Model]]:
    """Models in runs of at most so many, and about so many bytes with the resources and scopes that
    a run needs, and its contents; a larger model is a run of its own."""
    chunk: list[_Model] = []
    total = 0
    counted: set[bytes] = set()
    for model, parts in zip(models, sizes, strict=True):
        own = parts[b""] + sum(entry.bytes or 0 for entry in model.payloads if with_contents)
        size = own + sum(size for part, size in parts.items() if part and part not in counted)
        if chunk and (len(chunk) == most or total + size > most_bytes):
            yield chunk
            chunk, total, counted = [], 0, set()
            size = own + sum(size for part, size in parts.items() if part)
        chunk.append(model)
        total += size
        counted |= parts.keys()
    if chunk:
        yield chunk


def _contents(
    source: ContentSource | None, project_id: int, day: int, payloads: Sequence[PayloadEntry]
) -> Mapping[str, bytes]:
    """The stored contents of a span or log record, by ref."""
    refs = {entry.ref for entry in payloads if entry.ref and entry.state != "reference"}
    return source(project_id, day, refs) if source is not None and refs else {}
