"""Lists of traces by keyset, never by offset, from the ``traces`` table alone.

The order is total: the sorted value, then start, trace id and project, all descending. With one
project this is the backwards scan of one index; with several, each project's page is taken from
its own index range and the pages are merged, because an ``IN`` over projects would sort them all.
The expressions in :data:`SORT_VALUES` are also those of the indexes; keep them the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tracefoundry.store.sql.reader.row import Row
from tracefoundry.store.sql.reader.selection import Sort, TracePosition, TraceSelection
from tracefoundry.store.sql.tables import traces

MERGED_PROJECTS = 100
"""Most projects whose pages are merged one by one; more are read by one statement."""

DURATION: sa.ColumnElement[int] = traces.c.end_time_ns - traces.c.start_time_ns
SORT_VALUES: dict[Sort, sa.ColumnElement[Any]] = {
    "newest": traces.c.start_time_ns,
    "slowest": DURATION,
    # A literal, not a parameter: the index has the same literal.
    "expensive": sa.func.coalesce(traces.c.cost_usd, sa.literal_column("-1"), type_=sa.Double),
}

TRACE_COLUMNS: tuple[sa.ColumnElement[Any], ...] = tuple(
    sa.cast(column, sa.Text).label(column.name)
    if column.name in ("services", "models", "tools")
    else column
    for column in traces.c
)
"""All columns of ``traces``, with the lists as unparsed JSON text."""


def list_traces(
    connection: sa.Connection,
    projects: Sequence[int],
    selection: TraceSelection,
    sort: Sort,
    after: TracePosition | None,
    limit: int,
) -> list[Row]:
    """At most ``limit`` traces behind ``after``, as rows of :data:`TRACE_COLUMNS`."""
    if not projects:
        return []
    columns = (*TRACE_COLUMNS, SORT_VALUES[sort].label("sort_value"))
    wanted = sa.and_(*_clauses(selection, connection.dialect.name))
    if len(projects) <= MERGED_PROJECTS:
        pages = []
        for project in projects:
            page = sa.select(*columns).where(traces.c.project_id == project, wanted)
            if after is not None:
                page = page.where(_behind(after, sort, project))
            pages.append(page.order_by(*_order(sort)).limit(limit))
        if len(pages) == 1:
            return list(connection.execute(pages[0]))
        merged = sa.union_all(*(sa.select(page.subquery()) for page in pages)).subquery()
        order = [merged.c[name].desc() for name in ("sort_value", "start_time_ns")]
        order += [merged.c.trace_id.desc(), merged.c.project_id.desc()]
        return list(connection.execute(sa.select(merged).order_by(*order).limit(limit)))
    together = sa.select(*columns).where(traces.c.project_id.in_(projects), wanted)
    if after is not None:
        together = together.where(
            sa.or_(
                *(
                    sa.and_(compared, _behind(after, sort, project))
                    for compared, project in (
                        (traces.c.project_id < after.project_id, after.project_id - 1),
                        (traces.c.project_id == after.project_id, after.project_id),
                        (traces.c.project_id > after.project_id, after.project_id + 1),
                    )
                )
            )
        )
    together = together.order_by(*_order(sort), traces.c.project_id.desc()).limit(limit)
    return list(connection.execute(together))


def position_of(row: Row) -> TracePosition:
    """The place of a listed row; its ``sort_value`` is that of the list it came from."""
    fields = row._mapping
    return TracePosition(
        fields["sort_value"], fields["start_time_ns"], fields["trace_id"], fields["project_id"]
    )


def _order(sort: Sort) -> list[sa.ColumnElement[Any]]:
    keys: list[sa.ColumnElement[Any]] = [traces.c.start_time_ns, traces.c.trace_id]
    if sort != "newest":
        keys.insert(0, SORT_VALUES[sort])
    return [key.desc() for key in keys]


def _behind(after: TracePosition, sort: Sort, project: int) -> sa.ColumnElement[bool]:
    """Traces of one project behind a place; the project breaks ties, so equality depends on it."""
    keys: list[sa.ColumnElement[Any]] = [traces.c.start_time_ns, traces.c.trace_id]
    values: list[sa.ColumnElement[Any]] = [
        sa.literal(after.start_time_ns, sa.BigInteger),
        sa.literal(after.trace_id, sa.LargeBinary),
    ]
    if sort != "newest":
        keys.insert(0, SORT_VALUES[sort])
        kind: Any = sa.BigInteger() if sort == "slowest" else sa.Double()
        values.insert(0, sa.literal(after.value, kind))
    include_equal = project < after.project_id or (
        project == after.project_id and after.inside is not None
    )
    place = sa.tuple_(*values)
    return sa.tuple_(*keys) <= place if include_equal else sa.tuple_(*keys) < place


def _clauses(selection: TraceSelection, dialect: str) -> list[sa.ColumnElement[bool]]:
    row = traces.c
    clauses: list[sa.ColumnElement[bool]] = [
        row.start_time_ns >= selection.start_ns,
        row.start_time_ns < selection.end_ns,
    ]
    if selection.service is not None:
        clauses.append(_has_name(row.services, selection.service, dialect))
    if selection.environment is not None:
        clauses.append(row.environment == selection.environment)
    if selection.status is not None:
        clauses.append(row.status == selection.status)
    if selection.model is not None:
        clauses.append(_has_name(row.models, selection.model, dialect))
    if selection.tool is not None:
        clauses.append(_has_part(row.tools, selection.tool, dialect))
    # Summed as numeric: two counts near 2^63 would overflow the integers.
    tokens = sa.case(
        (sa.and_(row.input_tokens.is_(None), row.output_tokens.is_(None)), None),
        else_=sa.cast(sa.func.coalesce(row.input_tokens, 0), sa.Numeric)
        + sa.func.coalesce(row.output_tokens, 0),
    )
    for value, low, high in (
        (DURATION, selection.min_duration_ns, selection.max_duration_ns),
        (tokens, selection.min_tokens, selection.max_tokens),
        (row.cost_usd, selection.min_cost_usd, selection.max_cost_usd),
    ):
        if low is not None:
            clauses.append(value >= low)
        if high is not None:
            clauses.append(value <= high)
    return clauses


def _has_name(column: sa.Column[Any], name: str, dialect: str) -> sa.ColumnElement[bool]:
    """The JSON list holds exactly this string."""
    if dialect == "postgresql":
        return sa.type_coerce(column, postgresql.JSONB()).contains([name])
    items = sa.func.json_each(column).table_valued("value")
    return sa.exists(sa.select(sa.literal(1)).where(items.c.value == name))


def _has_part(column: sa.Column[Any], part: str, dialect: str) -> sa.ColumnElement[bool]:
    """A string of the JSON list holds this text; wildcards have no meaning in it.

    The text of the whole list is looked at first: it is cheap, and rules most rows out.
    """
    escaped = orjson.dumps(part)[1:-1].decode("utf-8")
    if dialect == "postgresql":
        items = sa.func.jsonb_array_elements_text(column).table_valued("value")
        place = sa.func.strpos
    else:
        items = sa.func.json_each(column).table_valued("value")
        place = sa.func.instr
    found = sa.exists(sa.select(sa.literal(1)).where(place(items.c.value, part) > 0))
    return sa.and_(place(sa.cast(column, sa.Text), escaped) > 0, found)
