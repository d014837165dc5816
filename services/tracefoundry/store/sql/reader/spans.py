"""The spans of one trace: pages of full rows or skeletons, single spans, links, and usage.

Every query names the trace's first and last span start, so that PostgreSQL reads only the
partitions that can hold it. JSON columns come as text and are never parsed here. The caller gives
the ``traces`` row, read in the same snapshot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from tracefoundry.model.usage import counted_indices
from tracefoundry.store.sql.reader import page_size
from tracefoundry.store.sql.reader.row import Row
from tracefoundry.store.sql.reader.selection import SpanPosition
from tracefoundry.store.sql.tables import spans

SAME_ID_LIMIT = 100
"""Most spans with one id that are read at once."""
COUNTS_LIMIT = 100_000
"""Largest trace, in spans, for which it is worked out whose usage counts."""
STREAMED: dict[str, Any] = {"stream_results": True, "max_row_buffer": 50}
"""Execution options of a statement whose rows can be large: few of them are held at once."""

_JSON = frozenset({"attributes", "events", "links", "extra", "payloads", "redactions", "genai"})

SKELETON_COLUMNS: tuple[sa.ColumnElement[Any], ...] = (
    spans.c.span_id,
    spans.c.parent_span_id,
    spans.c.start_time_ns,
    spans.c.end_time_ns,
    spans.c.name,
    spans.c.kind,
    spans.c.status_code,
    spans.c.genai_kind,
    spans.c.input_tokens,
    spans.c.output_tokens,
    spans.c.cost_usd,
)
"""What a skeleton row holds, in this order."""

FULL_COLUMNS: tuple[sa.ColumnElement[Any], ...] = tuple(
    sa.cast(column, sa.Text).label(column.name) if column.name in _JSON else column
    for column in spans.c
    if column.name not in ("project_id", "trace_id", "digest")
)


@dataclass(frozen=True, slots=True)
class SpanPage:
    """A page of spans with what they refer to."""

    rows: list[Row]
    """Rows of :data:`FULL_COLUMNS` or :data:`SKELETON_COLUMNS`, by start, then span id."""
    following: SpanPosition | None
    """Where the next page begins; None at the end."""
    logged: frozenset[bytes] = frozenset()
    """Ids of spans on a page of full rows that have logs."""


def skeletons(
    connection: sa.Connection,
    trace: Row,
    after: SpanPosition | None,
    parent_id: bytes | None,
    limit: int,
) -> SpanPage:
    """A page of skeleton rows."""
    rows = list(connection.execute(_page(trace, SKELETON_COLUMNS, after, parent_id, limit + 1)))
    return _cut(rows, limit)


def full_rows(
    connection: sa.Connection,
    trace: Row,
    after: SpanPosition | None,
    parent_id: bytes | None,
    limit: int,
) -> SpanPage:
    """A page of full rows; it ends early where their answer would be too large."""
    statement = _page(trace, FULL_COLUMNS, after, parent_id, limit + 1)
    return _full_page(connection, trace, statement, limit)


def single_span(connection: sa.Connection, trace: Row, span_id: bytes) -> SpanPage:
    """The full rows of a span id, by start: more than one where an id was used twice."""
    statement = (
        sa.select(*FULL_COLUMNS)
        .where(*_of(trace), spans.c.span_id == span_id)
        .order_by(spans.c.start_time_ns)
        .limit(SAME_ID_LIMIT + 1)
    )
    return _full_page(connection, trace, statement, SAME_ID_LIMIT)


def _full_page(
    connection: sa.Connection, trace: Row, statement: sa.Select[*tuple[Any, ...]], limit: int
) -> SpanPage:
    """At most ``limit`` rows of a statement that gives one more where there is one."""
    rows: list[Row] = []
    size = 0
    with connection.execute(statement, execution_options=STREAMED) as result:
        for row in result:
            rows.append(row)
            size += page_size.shown_bytes(row)
            if size > page_size.PAGE_BYTES and len(rows) > 1:
                break
    fit, logged = page_size.fitting(connection, trace, rows[:limit])
    following = _place_of(rows[fit - 1]) if fit < len(rows) else None
    return SpanPage(rows[:fit], following, frozenset(logged))


def links_of(connection: sa.Connection, trace: Row, limit: int) -> list[Row]:
    """(span id, policy version, JSON text of its links) of spans that have links, by start."""
    statement = (
        sa.select(
            spans.c.span_id,
            spans.c.policy_version,
            sa.cast(spans.c.links, sa.Text).label("links"),
        )
        .where(*_of(trace), spans.c.links.is_not(None))
        .order_by(spans.c.start_time_ns, spans.c.span_id)
        .limit(limit)
    )
    return list(connection.execute(statement))


class _Usage:
    """What the counting rule asks of a span, from a row."""

    __slots__ = (
        "end_time_ns",
        "genai_kind",
        "has_usage",
        "parent_span_id",
        "response_id",
        "span_id",
        "start_time_ns",
    )

    def __init__(
        self,
        span_id: bytes,
        parent_span_id: bytes | None,
        start_time_ns: int,
        end_time_ns: int,
        genai_kind: str | None,
        response_id: str | None,
        has_usage: bool,
    ) -> None:
        self.span_id = span_id
        self.parent_span_id = parent_span_id or b""
        self.start_time_ns = start_time_ns
        self.end_time_ns = end_time_ns
        self.genai_kind = genai_kind
        self.response_id = response_id
        self.has_usage = bool(has_usage)


def counting_spans(connection: sa.Connection, trace: Row) -> set[tuple[int, bytes]] | None:
    """(start, span id) of the spans whose usage counts in the trace (contract, section 6).

    None for a trace of more than :data:`COUNTS_LIMIT` spans.
    """
    if trace._mapping["span_count"] > COUNTS_LIMIT:
        return None
    has_usage = sa.or_(
        spans.c.input_tokens.is_not(None),
        spans.c.output_tokens.is_not(None),
        spans.c.cost_usd.is_not(None),
    )
    statement = sa.select(
        spans.c.span_id,
        spans.c.parent_span_id,
        spans.c.start_time_ns,
        spans.c.end_time_ns,
        spans.c.genai_kind,
        spans.c.response_id,
        has_usage,
    ).where(*_of(trace))
    facts = [_Usage(*row) for row in connection.execute(statement)]
    return {(facts[index].start_time_ns, facts[index].span_id) for index in counted_indices(facts)}


def _of(trace: Row) -> list[sa.ColumnElement[bool]]:
    fields = trace._mapping
    return [
        spans.c.project_id == fields["project_id"],
        spans.c.trace_id == fields["trace_id"],
        spans.c.start_time_ns.between(fields["start_time_ns"], fields["last_start_ns"]),
    ]


def _page(
    trace: Row,
    columns: Sequence[sa.ColumnElement[Any]],
    after: SpanPosition | None,
    parent_id: bytes | None,
    limit: int,
) -> sa.Select[*tuple[Any, ...]]:
    statement = sa.select(*columns).where(*_of(trace))
    if parent_id is not None:
        statement = statement.where(spans.c.parent_span_id == parent_id)
    if after is not None:
        place = sa.tuple_(
            sa.literal(after.start_time_ns, sa.BigInteger),
            sa.literal(after.span_id, sa.LargeBinary),
        )
        statement = statement.where(sa.tuple_(spans.c.start_time_ns, spans.c.span_id) > place)
    return statement.order_by(spans.c.start_time_ns, spans.c.span_id).limit(limit)


def _cut(rows: list[Row], limit: int) -> SpanPage:
    if len(rows) <= limit:
        return SpanPage(rows, None)
    del rows[limit:]
    return SpanPage(rows, _place_of(rows[-1]))


def _place_of(row: Row) -> SpanPosition:
    return SpanPosition(row.start_time_ns, row.span_id)
