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

from tracefoundry.model.summary import TraceSummary
from tracefoundry.store.records import (
    SKELETON_NAME_CHARACTERS,
    Sort,
    StoredTrace,
    TracePosition,
    TraceSelection,
)
from tracefoundry.store.sql.reader import page_size
from tracefoundry.store.sql.reader.rows import Statement, columns_of, fetch, stream
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

_SUMMARY = TraceSummary.__struct_fields__
_KEY = (
    "project_id", "trace_id", "source", "import_day", "totals_pending", "missing_expired",
    "original_environment",
)  # fmt: skip
_COLUMNS = tuple(
    sa.func.substr(column, 1, SKELETON_NAME_CHARACTERS + 1).label(column.name)
    if isinstance(column, sa.Column) and isinstance(column.type, sa.Text)
    else column
    for column in columns_of(traces, (*_KEY, *_SUMMARY))
)
"""What :func:`_trace` reads, in its order."""
_LISTS = tuple(_SUMMARY.index(name) for name in ("services", "models", "tools"))
_MISSING_ROOTS = _SUMMARY.index("missing_roots")


def list_traces(
    connection: sa.Connection,
    projects: Sequence[int],
    selection: TraceSelection,
    sort: Sort,
    after: TracePosition | None,
    limit: int,
) -> tuple[list[StoredTrace], bool]:
    """At most ``limit`` traces behind ``after``, and whether fewer because of their size."""
    if not projects:
        return [], False
    columns = (*_COLUMNS, SORT_VALUES[sort].label("sort_value"))
    wanted = sa.and_(*_clauses(selection, connection.dialect.name))
    if len(projects) <= MERGED_PROJECTS:
        pages = []
        for project in projects:
            page = sa.select(*columns).where(traces.c.project_id == project, wanted)
            if after is not None:
                page = page.where(_behind(after, sort, project))
            pages.append(page.order_by(*_order(sort)).limit(limit))
        if len(pages) == 1:
            return _page(connection, pages[0])
        merged = sa.union_all(*(sa.select(page.subquery()) for page in pages)).subquery()
        order = [merged.c[name].desc() for name in ("sort_value", "start_time_ns")]
        order += [merged.c.trace_id.desc(), merged.c.project_id.desc()]
        return _page(connection, sa.select(merged).order_by(*order).limit(limit))
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
    return _page(connection, together)


def find_traces(
    connection: sa.Connection, projects: Sequence[int], trace_id: bytes
) -> list[StoredTrace]:
    """The traces with this id, at most one a project, by project id."""
    statement = (
        sa.select(*_COLUMNS)
        .where(traces.c.project_id.in_(projects), traces.c.trace_id == trace_id)
        .order_by(traces.c.project_id)
    )
    return [_trace(row) for row in fetch(connection, statement)]


def _page(connection: sa.Connection, statement: Statement) -> tuple[list[StoredTrace], bool]:
    """The first traces of a statement, as many as fit into one answer, and whether those are not
    all: a trace has up to 3,000 names of services, models and tools, of any length."""
    found: list[StoredTrace] = []
    size = 0
    with stream(connection, statement, few=True) as rows:
        for row in rows:
            size += page_size.text_bytes(row)
            if found and size > page_size.PAGE_BYTES:
                return found, True
            found.append(_trace(row))
    return found, False


def _trace(row: Sequence[Any]) -> StoredTrace:
    """The record of a row of :data:`_COLUMNS`, behind which other columns may stand."""
    project_id, trace_id, source, import_day, pending, expired, environment = row[: len(_KEY)]
    summary = list(row[len(_KEY) : len(_KEY) + len(_SUMMARY)])
    for place in _LISTS:
        summary[place] = orjson.loads(summary[place])
    summary[_MISSING_ROOTS] = bool(summary[_MISSING_ROOTS])
    return StoredTrace(
        project_id,
        trace_id,
        source,
        import_day,
        TraceSummary(*summary),
        bool(pending),
        bool(expired),
        environment,
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
    if selection.running_since_ns is not None:
        clauses.append(row.last_started_ns > selection.running_since_ns)
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
