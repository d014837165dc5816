"""The steps of a commit on PostgreSQL.

Spans are first copied straight into the partitioned table, in a savepoint: nearly every commit
brings only new keys, and then this is all there is to do. A unique violation undoes the savepoint
and the batch goes through a temporary table with ON CONFLICT DO NOTHING instead, which tells row
by row what was new. Both ways end in the same state; the second costs twice as much, so a writer
that has just met a resend takes it at once for a few commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import psycopg
from psycopg import errors

from tracefoundry.model.payload import BlobKey, BlobRow
from tracefoundry.model.span import Resource, Scope
from tracefoundry.model.summary import SpanFacts, TraceKey, TraceSummary
from tracefoundry.store.contract import PreparedLog, PreparedSpan
from tracefoundry.store.postgres import statements
from tracefoundry.store.postgres.rows import COPY_HEADER, COPY_TRAILER
from tracefoundry.store.sql import columns
from tracefoundry.store.transaction import (
    DictionaryKey,
    ExistingTrace,
    ListPart,
    RefRow,
    SpanKey,
    log_key,
    span_key,
)

RESEND_COMMITS = 8
"""Commits that go through staging at once after a resend was met."""


class ResendMemory:
    """How many of the next commits should expect keys that are stored already."""

    def __init__(self) -> None:
        self.left = 0


class PostgresTransaction:
    """One open transaction; see :class:`tracefoundry.store.commit.Transaction`."""

    def __init__(self, connection: psycopg.Connection, memory: ResendMemory) -> None:
        self._connection = connection
        self._memory = memory

    def put_resources(self, rows: Sequence[tuple[DictionaryKey, Resource]], day: int) -> None:
        self._connection.execute(
            statements.PUT_RESOURCES,
            {
                "projects": [key[0] for key, _ in rows],
                "ids": [key[1] for key, _ in rows],
                "services": [resource.service for _, resource in rows],
                "environments": [resource.environment for _, resource in rows],
                "attributes": [_json(resource.attributes) for _, resource in rows],
                "extras": [_text(columns.envelope_extra(resource)) for _, resource in rows],
                "day": day,
            },
        )

    def put_scopes(self, rows: Sequence[tuple[DictionaryKey, Scope]], day: int) -> None:
        self._connection.execute(
            statements.PUT_SCOPES,
            {
                "projects": [key[0] for key, _ in rows],
                "ids": [key[1] for key, _ in rows],
                "names": [scope.name for _, scope in rows],
                "versions": [scope.version for _, scope in rows],
                "attributes": [_json(scope.attributes) for _, scope in rows],
                "extras": [_text(columns.envelope_extra(scope)) for _, scope in rows],
                "day": day,
            },
        )

    def put_blobs(self, blobs: Sequence[BlobRow]) -> set[BlobKey]:
        rows = self._connection.execute(
            statements.PUT_BLOBS,
            {
                "projects": [blob.project_id for blob in blobs],
                "days": [blob.day for blob in blobs],
                "refs": [blob.ref for blob in blobs],
                "objects": [blob.object for blob in blobs],
                "offsets": [blob.object_offset for blob in blobs],
                "stored": [blob.stored_bytes for blob in blobs],
                "plain": [blob.plain_bytes for blob in blobs],
                "depths": [blob.depth for blob in blobs],
                "previews": [blob.preview for blob in blobs],
            },
            binary=True,
        )
        return {(row[0], row[1], row[2]) for row in rows}

    def lock_blobs(self, keys: Sequence[BlobKey]) -> set[BlobKey]:
        rows = self._connection.execute(
            statements.LOCK_BLOBS,
            {
                "projects": [key[0] for key in keys],
                "refs": [key[1] for key in keys],
                "days": [key[2] for key in keys],
            },
            binary=True,
        )
        return {(row[0], row[1], row[2]) for row in rows}

    def put_list_parts(self, rows: Sequence[ListPart]) -> None:
        self._connection.execute(
            statements.PUT_LIST_PARTS, [list(column) for column in zip(*rows, strict=True)]
        )

    def put_refs(self, rows: Sequence[RefRow]) -> None:
        self._connection.execute(
            statements.PUT_REFS, [list(column) for column in zip(*rows, strict=True)]
        )

    def insert_spans(self, spans: Sequence[PreparedSpan]) -> list[int]:
        rows = [prepared.row for prepared in spans]
        if self._memory.left > 0:
            self._memory.left -= 1
        elif self._copied(statements.COPY_SPANS, rows):
            return []
        inserted = self._through_staging("span_in", "spans", rows, statements.INSERT_STAGED_SPANS)
        if len(inserted) < len(spans):
            self._memory.left = RESEND_COMMITS
        return [
            position
            for position, prepared in enumerate(spans)
            if span_key(prepared) not in inserted
        ]

    def insert_logs(self, logs: Sequence[PreparedLog]) -> list[int]:
        rows = [prepared.row for prepared in logs]
        if self._copied(statements.COPY_LOGS, rows):
            return []
        inserted = self._through_staging("log_in", "span_logs", rows, statements.INSERT_STAGED_LOGS)
        return [
            position for position, prepared in enumerate(logs) if log_key(prepared) not in inserted
        ]

    def _copied(self, statement: str, rows: list[bytes]) -> bool:
        """Copy rows in a savepoint; False, and nothing done, when a key was there already."""
        try:
            with self._connection.transaction():
                self._copy(statement, rows)
        except errors.UniqueViolation:
            return False
        return True

    def _through_staging(
        self, staging: str, table: str, rows: list[bytes], insert: str
    ) -> set[tuple[Any, ...]]:
        execute = self._connection.execute
        execute(statements.STAGING.format(staging=staging, table=table))
        self._copy(statements.COPY_STAGING.format(staging=f"pg_temp.{staging}"), rows)
        return set(execute(insert, binary=True).fetchall())

    def _copy(self, statement: str, rows: list[bytes]) -> None:
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(b"".join((COPY_HEADER, *rows, COPY_TRAILER)))

    def stored_digests(self, keys: Sequence[SpanKey]) -> dict[SpanKey, tuple[bytes, int]]:
        rows = self._connection.execute(
            statements.STORED_DIGESTS,
            {
                **_span_keys(keys),
                "first": min(key[3] for key in keys),
                "last": max(key[3] for key in keys),
            },
            binary=True,
        )
        return {(row[0], row[1], row[2], row[3]): (row[4], row[5]) for row in rows}

    def upsert_traces(
        self, summaries: Sequence[tuple[TraceKey, TraceSummary]], now_ns: int
    ) -> dict[TraceKey, ExistingTrace]:
        rows = self._connection.execute(
            statements.UPSERT_TRACES, [now_ns, *_summary_arrays(summaries)], binary=True
        )
        return {
            (row[0], row[1]): ExistingTrace(row[3], row[4], row[5]) for row in rows if not row[2]
        }

    def lock_traces(self, keys: Sequence[TraceKey]) -> None:
        self._connection.execute(statements.LOCK_TRACES, _trace_keys(keys))

    def tombstoned(self, keys: Sequence[TraceKey], now_ns: int) -> set[TraceKey]:
        rows = self._connection.execute(
            statements.TOMBSTONED, {**_trace_keys(keys), "now": now_ns}, binary=True
        )
        return {(row[0], row[1]) for row in rows}

    def remove_spans(self, keys: Sequence[SpanKey]) -> None:
        self._connection.execute(statements.REMOVE_SPANS, _span_keys(keys))

    def remove_logs(self, logs: Sequence[PreparedLog]) -> None:
        keys = [log_key(prepared) for prepared in logs]
        self._connection.execute(
            statements.REMOVE_LOGS,
            {
                "projects": [key[0] for key in keys],
                "traces": [key[1] for key in keys],
                "spans": [key[2] for key in keys],
                "times": [key[3] for key in keys],
                "hashes": [key[4] for key in keys],
            },
        )

    def remove_traces(self, keys: Sequence[TraceKey]) -> None:
        self._connection.execute(statements.REMOVE_TRACES, _trace_keys(keys))

    def facts(self, keys: Sequence[TraceKey]) -> dict[TraceKey, list[SpanFacts]]:
        bounds = self._connection.execute(statements.TRACE_BOUNDS, _trace_keys(keys)).fetchone()
        if bounds is None or bounds[0] is None:
            return {}
        facts: dict[TraceKey, list[SpanFacts]] = {}
        rows = self._connection.execute(
            statements.FACTS,
            {**_trace_keys(keys), "first": bounds[0], "last": bounds[1]},
            binary=True,
        )
        for row in rows:
            facts.setdefault((row[0], row[1]), []).append(SpanFacts(*row[2:]))
        return facts

    def rewrite_summaries(
        self, summaries: Sequence[tuple[TraceKey, TraceSummary]], now_ns: int
    ) -> None:
        self._connection.execute(
            statements.REWRITE_SUMMARIES, [now_ns, *_summary_arrays(summaries)]
        )

    def put_off(self, keys: Sequence[TraceKey]) -> None:
        self._connection.execute(statements.PUT_OFF, _trace_keys(keys))


def _trace_keys(keys: Sequence[TraceKey]) -> dict[str, list[Any]]:
    return {"projects": [key[0] for key in keys], "traces": [key[1] for key in keys]}


def _span_keys(keys: Sequence[SpanKey]) -> dict[str, list[Any]]:
    return {
        "projects": [key[0] for key in keys],
        "traces": [key[1] for key in keys],
        "spans": [key[2] for key in keys],
        "starts": [key[3] for key in keys],
    }


def _summary_arrays(summaries: Sequence[tuple[TraceKey, TraceSummary]]) -> list[list[Any]]:
    """One array a column, in the order of the statements' ``c1`` ... ``c26``."""
    rows = [
        (
            *key,
            summary.span_count,
            summary.error_count,
            *columns.summary_columns(summary),
        )
        for key, summary in summaries
    ]
    return [list(column) for column in zip(*rows, strict=True)]


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
