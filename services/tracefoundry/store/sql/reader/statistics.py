"""Figures over the spans of a time window, grouped by service, model, tool or agent.

Usage is summed over the spans that record model calls themselves: every kind but agent, chain and
tool, whose usage repeats that of the calls below them. The exact rule of a trace's totals needs
the whole trace and is too slow over a window; the two differ where a framework reports usage on an
agent span alone, or two libraries record one call.

Percentiles are the nearest rank: the smallest duration that at least that share of the spans does
not exceed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from tracefoundry.model.span import StatusCode
from tracefoundry.store.records import GROUP_LIMIT, GroupBy, Statistics, StatisticsGroup
from tracefoundry.store.sql.tables import resources, spans

_ROLLED_UP = ("agent", "chain", "tool")
_HALF = 31
"""Bits of the lower part of a token sum: SQLite fails where a sum of integers overflows."""


def statistics(
    connection: sa.Connection, projects: Sequence[int], start_ns: int, end_ns: int, by: GroupBy
) -> Statistics:
    """Figures of the spans that start in ``[start_ns, end_ns)``."""
    window = _window(projects, start_ns, end_ns, by)
    half: sa.ColumnElement[Any]
    most: sa.ColumnElement[Any]
    if connection.dialect.name == "postgresql":
        ranked: sa.FromClause = window
        half = sa.func.percentile_disc(0.5).within_group(ranked.c.duration)
        most = sa.func.percentile_disc(0.95).within_group(ranked.c.duration)
    else:
        ranked = _ranked(window)
        half = sa.func.min(sa.case((ranked.c.place * 2 >= ranked.c.size, ranked.c.duration)))
        most = sa.func.min(sa.case((ranked.c.place * 100 >= ranked.c.size * 95, ranked.c.duration)))
    columns = ranked.c
    statement = (
        sa.select(
            columns.key,
            sa.func.count(sa.distinct(columns.trace_id)).label("traces"),
            sa.func.count().label("spans"),
            sa.func.count(sa.case((columns.status_code == int(StatusCode.ERROR), 1))),
            half,
            most,
            *_halves(columns.input_tokens),
            *_halves(columns.output_tokens),
            sa.func.sum(columns.cost_usd),
        )
        .group_by(columns.key)
        .order_by(sa.desc("spans"), columns.key)
        .limit(GROUP_LIMIT + 1)
    )
    rows = connection.execute(statement).all()
    return Statistics([_group(row) for row in rows[:GROUP_LIMIT]], len(rows) > GROUP_LIMIT)


def _group(row: Sequence[Any]) -> StatisticsGroup:
    key, traces, count, errors, half, most, in_high, in_low, out_high, out_low, cost = row
    return StatisticsGroup(
        key=key,
        traces=traces,
        spans=count,
        errors=errors,
        p50_ns=half,
        p95_ns=most,
        input_tokens=_joined(in_high, in_low),
        output_tokens=_joined(out_high, out_low),
        cost_usd=cost,
    )


def _halves(
    column: sa.ColumnElement[Any],
) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]:
    return (
        sa.func.sum(column.bitwise_rshift(sa.literal_column(str(_HALF)))),
        sa.func.sum(column.bitwise_and(2**_HALF - 1)),
    )


def _joined(high: Any, low: Any) -> int | None:
    return None if high is None else (int(high) << _HALF) + int(low)


def _window(projects: Sequence[int], start_ns: int, end_ns: int, by: GroupBy) -> sa.Subquery:
    """The spans of the window with their group and the usage that is summed."""
    called = sa.func.coalesce(spans.c.genai_kind, "").not_in(_ROLLED_UP)
    key: sa.ColumnElement[Any]
    source: sa.FromClause = spans
    if by == "service":
        key = resources.c.service
        source = spans.outerjoin(
            resources,
            sa.and_(
                resources.c.project_id == spans.c.project_id,
                resources.c.resource_id == spans.c.resource_id,
            ),
        )
    elif by == "model":
        key = sa.func.coalesce(spans.c.request_model, spans.c.response_model)
    else:
        key = spans.c[by]
    duration = spans.c.end_time_ns - spans.c.start_time_ns
    statement = (
        sa.select(
            key.label("key"),
            spans.c.trace_id,
            spans.c.status_code,
            sa.case((duration > 0, duration), else_=0).label("duration"),
            sa.case((called, spans.c.input_tokens)).label("input_tokens"),
            sa.case((called, spans.c.output_tokens)).label("output_tokens"),
            sa.case((called, spans.c.cost_usd)).label("cost_usd"),
        )
        .select_from(source)
        .where(
            spans.c.project_id.in_(projects),
            spans.c.start_time_ns >= start_ns,
            spans.c.start_time_ns < end_ns,
        )
    )
    if by != "service":
        statement = statement.where(key.is_not(None))
    return statement.subquery("span_window")


def _ranked(window: sa.Subquery) -> sa.Subquery:
    """Each span with its place by duration in its group and the group's size (SQLite)."""
    return sa.select(
        *window.c,
        sa.func.row_number()
        .over(partition_by=window.c.key, order_by=window.c.duration)
        .label("place"),
        sa.func.count().over(partition_by=window.c.key).label("size"),
    ).subquery("ranked")
