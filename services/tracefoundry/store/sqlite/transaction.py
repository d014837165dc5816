"""The steps of a commit on SQLite.

As on PostgreSQL, spans are inserted in bulk first; a key that is there already undoes the
savepoint, and the rows go in one by one with ON CONFLICT DO NOTHING.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Literal

import orjson

from tracefoundry.model.payload import BlobKey, BlobRow
from tracefoundry.model.span import Resource, Scope
from tracefoundry.model.summary import SpanFacts, TraceKey, TraceSummary
from tracefoundry.store.contract import PreparedLog, PreparedSpan
from tracefoundry.store.sql import columns
from tracefoundry.store.sqlite.rows import LOG_COLUMNS, SPAN_COLUMNS
from tracefoundry.store.transaction import (
    DictionaryKey,
    ExistingTrace,
    ListPart,
    RefRow,
    SpanKey,
    log_key,
)

# Constants and question marks only.
_INSERT_SPAN = "INSERT INTO spans VALUES (" + ", ".join("?" * SPAN_COLUMNS) + ")"  # noqa: S608
_INSERT_LOG = "INSERT INTO span_logs VALUES (" + ", ".join("?" * LOG_COLUMNS) + ")"  # noqa: S608
_OR_LEAVE = " ON CONFLICT DO NOTHING"

_PUT_RESOURCE = """
INSERT INTO resources (project_id, resource_id, service, environment, attributes, extra,
                       last_used_day)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (project_id, resource_id) DO UPDATE SET last_used_day = excluded.last_used_day
"""
_PUT_SCOPE = """
INSERT INTO scopes (project_id, scope_id, name, version, attributes, extra, last_used_day)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (project_id, scope_id) DO UPDATE SET last_used_day = excluded.last_used_day
"""
_PUT_BLOB = """
INSERT INTO payload_blobs (project_id, ref, day, object, object_offset, stored_bytes, plain_bytes,
                           depth, preview)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_PUT_LIST_PART = """
INSERT INTO payload_list_parts (project_id, part, list, day) VALUES (?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""
_PUT_REF = """
INSERT INTO span_payload_refs (project_id, trace_id, ref, day) VALUES (?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""
_TRACE_STATE = """
SELECT span_count, recomputed_at_ns, missing_expired FROM traces
WHERE project_id = ? AND trace_id = ?
"""
_INSERT_TRACE = """
INSERT INTO traces (
    project_id, trace_id, span_count, error_count, start_time_ns, last_start_ns, end_time_ns,
    root_span_id, root_name, service, environment, status, services, models, tools, agent,
    conversation_id, user_id, input_tokens, output_tokens, cached_tokens, reasoning_tokens,
    cost_usd, cost_source, missing_roots, missing_parents, recomputed_at_ns)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_ADD_COUNTS = """
UPDATE traces SET
    span_count = span_count + ?, error_count = error_count + ?,
    start_time_ns = min(start_time_ns, ?), last_start_ns = max(last_start_ns, ?),
    end_time_ns = max(end_time_ns, ?)
WHERE project_id = ? AND trace_id = ?
"""
_FACTS = """
SELECT s.span_id, coalesce(s.parent_span_id, x''), s.start_time_ns, s.end_time_ns, s.status_code,
       s.name, r.service, r.environment, s.genai_kind, s.request_model, s.response_model,
       s.response_id, s.agent, s.tool, s.conversation_id, s.user_id, s.input_tokens,
       s.output_tokens, s.cached_tokens, s.cache_write_tokens, s.reasoning_tokens, s.cost_usd,
       s.cost_source
FROM spans s
LEFT JOIN resources r ON r.project_id = s.project_id AND r.resource_id = s.resource_id
WHERE s.project_id = ? AND s.trace_id = ?
"""
_REWRITE = """
UPDATE traces SET
    start_time_ns = ?, last_start_ns = ?, end_time_ns = ?, root_span_id = ?, root_name = ?,
    service = ?, environment = ?, status = ?, services = ?, models = ?, tools = ?, agent = ?,
    conversation_id = ?, user_id = ?, input_tokens = ?, output_tokens = ?, cached_tokens = ?,
    reasoning_tokens = ?, cost_usd = ?, cost_source = ?, missing_roots = ?, missing_parents = ?,
    recomputed_at_ns = ?, totals_pending = 0
WHERE project_id = ? AND trace_id = ?
"""
_REMOVE_SPAN = """
DELETE FROM spans WHERE project_id = ? AND trace_id = ? AND span_id = ? AND start_time_ns = ?
"""
_REMOVE_LOG = """
DELETE FROM span_logs WHERE project_id = ? AND trace_id = ? AND span_id = ? AND time_ns = ?
AND content_hash = ?
"""


_KEYS_AT_ONCE = 500
"""Below what any SQLite takes as parameters of one statement."""


def find_blobs(
    connection: sqlite3.Connection,
    keys: Sequence[BlobKey],
    column: Literal["depth", "object"],
) -> dict[BlobKey, Any]:
    """A column of those of these blobs that are there."""
    by_day: dict[tuple[int, int], list[bytes]] = {}
    for project, ref, day in keys:
        by_day.setdefault((project, day), []).append(ref)
    found: dict[BlobKey, Any] = {}
    for (project, day), refs in by_day.items():
        for at in range(0, len(refs), _KEYS_AT_ONCE):
            chunk = refs[at : at + _KEYS_AT_ONCE]
            marks = ",".join("?" * len(chunk))
            rows = connection.execute(
                f"SELECT ref, {column} FROM payload_blobs"  # noqa: S608 - names of columns, marks
                f" WHERE project_id = ? AND day = ? AND ref IN ({marks})",
                (project, day, *chunk),
            )
            found.update(((project, ref, day), value) for ref, value in rows)
    return found


class SqliteTransaction:
    """One open transaction; see :class:`tracefoundry.store.commit.Transaction`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put_resources(self, rows: Sequence[tuple[DictionaryKey, Resource]], day: int) -> None:
        self._connection.executemany(
            _PUT_RESOURCE,
            [
                (
                    *key,
                    resource.service,
                    resource.environment,
                    _json(resource.attributes),
                    _text(columns.envelope_extra(resource)),
                    day,
                )
                for key, resource in rows
            ],
        )

    def put_scopes(self, rows: Sequence[tuple[DictionaryKey, Scope]], day: int) -> None:
        self._connection.executemany(
            _PUT_SCOPE,
            [
                (
                    *key,
                    scope.name,
                    scope.version,
                    _json(scope.attributes),
                    _text(columns.envelope_extra(scope)),
                    day,
                )
                for key, scope in rows
            ],
        )

    def put_blobs(self, blobs: Sequence[BlobRow]) -> set[BlobKey]:
        inserted = self._connection.executemany(
            _PUT_BLOB,
            [
                (
                    *blob.key,
                    blob.object,
                    blob.object_offset,
                    blob.stored_bytes,
                    blob.plain_bytes,
                    blob.depth,
                    blob.preview,
                )
                for blob in blobs
            ],
        ).rowcount
        if inserted == len(blobs):
            return {blob.key for blob in blobs}
        # No two objects have the same name, so a row that names ours is ours.
        stored = find_blobs(self._connection, [blob.key for blob in blobs], "object")
        return {blob.key for blob in blobs if stored.get(blob.key) == blob.object}

    def lock_blobs(self, keys: Sequence[BlobKey]) -> set[BlobKey]:
        """The transaction holds the one write lock of the file: finding them is enough."""
        return set(find_blobs(self._connection, keys, "depth"))

    def put_list_parts(self, rows: Sequence[ListPart]) -> None:
        self._connection.executemany(_PUT_LIST_PART, rows)

    def put_refs(self, rows: Sequence[RefRow]) -> None:
        self._connection.executemany(_PUT_REF, rows)

    def insert_spans(self, spans: Sequence[PreparedSpan]) -> list[int]:
        return self._insert(_INSERT_SPAN, [prepared.row for prepared in spans])

    def insert_logs(self, logs: Sequence[PreparedLog]) -> list[int]:
        return self._insert(_INSERT_LOG, [prepared.row for prepared in logs])

    def _insert(self, statement: str, rows: list[tuple[Any, ...]]) -> list[int]:
        self._connection.execute("SAVEPOINT bulk")
        try:
            self._connection.executemany(statement, rows)
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode not in _KEY_IS_THERE:
                raise
            self._connection.execute("ROLLBACK TO bulk")
        else:
            self._connection.execute("RELEASE bulk")
            return []
        self._connection.execute("RELEASE bulk")
        one_by_one = statement + _OR_LEAVE
        return [
            position
            for position, row in enumerate(rows)
            if self._connection.execute(one_by_one, row).rowcount == 0
        ]

    def stored_digests(self, keys: Sequence[SpanKey]) -> dict[SpanKey, tuple[bytes, int]]:
        found = {}
        for key in keys:
            row = self._connection.execute(
                "SELECT digest, policy_version FROM spans"
                " WHERE project_id = ? AND trace_id = ? AND span_id = ? AND start_time_ns = ?",
                key,
            ).fetchone()
            if row is not None:
                found[key] = (row[0], row[1])
        return found

    def upsert_traces(
        self, summaries: Sequence[tuple[TraceKey, TraceSummary]], now_ns: int
    ) -> dict[TraceKey, ExistingTrace]:
        existing: dict[TraceKey, ExistingTrace] = {}
        new = []
        for key, summary in summaries:
            row = self._connection.execute(_TRACE_STATE, key).fetchone()
            if row is None:
                head = (*key, summary.span_count, summary.error_count)
                new.append((*head, *columns.summary_columns(summary), now_ns))
                continue
            self._connection.execute(
                _ADD_COUNTS,
                (
                    summary.span_count,
                    summary.error_count,
                    summary.start_time_ns,
                    summary.last_start_ns,
                    summary.end_time_ns,
                    *key,
                ),
            )
            existing[key] = ExistingTrace(row[0] + summary.span_count, row[1], bool(row[2]))
        self._connection.executemany(_INSERT_TRACE, new)
        return existing

    def lock_traces(self, keys: Sequence[TraceKey]) -> None:
        """Nothing to do: the transaction holds the one write lock of the file."""

    def tombstoned(self, keys: Sequence[TraceKey], now_ns: int) -> set[TraceKey]:
        if self._connection.execute("SELECT 1 FROM tombstones LIMIT 1").fetchone() is None:
            return set()
        find = (
            "SELECT 1 FROM tombstones WHERE project_id = ? AND trace_id = ? AND keep_until_ns > ?"
        )
        return {key for key in keys if self._connection.execute(find, (*key, now_ns)).fetchone()}

    def remove_spans(self, keys: Sequence[SpanKey]) -> None:
        self._connection.executemany(_REMOVE_SPAN, keys)

    def remove_logs(self, logs: Sequence[PreparedLog]) -> None:
        self._connection.executemany(_REMOVE_LOG, [log_key(prepared) for prepared in logs])

    def remove_traces(self, keys: Sequence[TraceKey]) -> None:
        self._connection.executemany(
            "DELETE FROM traces WHERE project_id = ? AND trace_id = ?", keys
        )

    def facts(self, keys: Sequence[TraceKey]) -> dict[TraceKey, list[SpanFacts]]:
        return {
            key: [SpanFacts(*row) for row in self._connection.execute(_FACTS, key)] for key in keys
        }

    def rewrite_summaries(
        self, summaries: Sequence[tuple[TraceKey, TraceSummary]], now_ns: int
    ) -> None:
        self._connection.executemany(
            _REWRITE,
            [(*columns.summary_columns(summary), now_ns, *key) for key, summary in summaries],
        )

    def put_off(self, keys: Sequence[TraceKey]) -> None:
        self._connection.executemany(
            "UPDATE traces SET totals_pending = 1 WHERE project_id = ? AND trace_id = ?", keys
        )


_KEY_IS_THERE = (sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE)


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
