"""Figures over the spans of a time window."""

from __future__ import annotations

from collections.abc import Sequence

from tracefoundry.model.span import StatusCode
from tracefoundry.store.memory.tables import SpanRow, Tables
from tracefoundry.store.records import GROUP_LIMIT, GroupBy, Statistics, StatisticsGroup

_ROLLED_UP = ("agent", "chain", "tool")
"""Kinds of spans whose usage repeats that of the calls below them."""


def statistics(
    tables: Tables, project_ids: Sequence[int], start_ns: int, end_ns: int, by: GroupBy
) -> Statistics:
    """Figures of the spans that start in ``[start_ns, end_ns)``."""
    groups: dict[str | None, list[tuple[bytes, SpanRow]]] = {}
    for (project_id, trace_id, _, start), row in tables.spans.items():
        if project_id in project_ids and start_ns <= start < end_ns:
            key = _key(row, by)
            if key is not None or by == "service":
                groups.setdefault(key, []).append((trace_id, row))
    order = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0] is None, item[0]))
    found = [
        _group(key, [row for _, row in rows], len({trace_id for trace_id, _ in rows}))
        for key, rows in order[:GROUP_LIMIT]
    ]
    return Statistics(found, truncated=len(order) > GROUP_LIMIT)


def _key(row: SpanRow, by: GroupBy) -> str | None:
    if by == "service":
        return row.facts.service
    if by == "model":
        model = row.shown.request_model
        return row.shown.response_model if model is None else model
    return row.shown.agent if by == "agent" else row.shown.tool


def _group(key: str | None, rows: Sequence[SpanRow], traces: int) -> StatisticsGroup:
    durations = sorted(max(row.shown.end_time_ns - row.shown.start_time_ns, 0) for row in rows)
    calls = [row.shown for row in rows if row.shown.genai_kind not in _ROLLED_UP]
    costs = [call.cost_usd for call in calls if call.cost_usd is not None]
    return StatisticsGroup(
        key=key,
        traces=traces,
        spans=len(rows),
        errors=sum(row.shown.status_code == StatusCode.ERROR for row in rows),
        p50_ns=_percentile(durations, 50),
        p95_ns=_percentile(durations, 95),
        input_tokens=_total([call.input_tokens for call in calls]),
        output_tokens=_total([call.output_tokens for call in calls]),
        cost_usd=sum(costs) if costs else None,
    )


def _percentile(durations: Sequence[int], share: int) -> int:
    """The smallest duration that at least this share (per cent) of the spans does not exceed."""
    return durations[-(-len(durations) * share // 100) - 1]


def _total(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
