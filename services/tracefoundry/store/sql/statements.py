"""What the writers' statements on both databases have in common, made from the column list."""

from __future__ import annotations

from collections.abc import Sequence

from tracefoundry.model.summary import SpanFacts
from tracefoundry.store.records import ProjectRecord
from tracefoundry.store.sql import columns
from tracefoundry.store.sql.schema import Column, Table

PROJECTS = f"SELECT {', '.join(ProjectRecord.__struct_fields__)} FROM projects"

USAGE = (
    "SELECT project_id, sum(spans), sum(content_bytes) FROM project_usage"
    " WHERE day = {day} GROUP BY project_id"
)
"""What projects stored on a day; ``{day}`` stands for the mark of its value."""
ADD_USAGE = (  # what follows ON CONFLICT
    "(project_id, day, slot) DO UPDATE SET"
    " spans = project_usage.spans + excluded.spans,"
    " content_bytes = project_usage.content_bytes + excluded.content_bytes"
)

GROWING = tuple(column for column in columns.TRACES.columns if column.grows is not None)
"""Columns of a trace that grow with every commit."""
RECOMPUTED = tuple(
    column
    for column in columns.TRACES.written
    if column.name not in columns.TRACES.key and column.grows != "sum"
)
"""Columns of a trace that a recompute writes: all but the counts, which are exact already."""

MOST_EVENT_VIEWS = 100_000
"""Most logs of a trace whose views are read for its totals; of more, the earliest."""

JOIN_RESOURCES = (
    " LEFT JOIN resources"
    " ON resources.project_id = spans.project_id AND resources.resource_id = spans.resource_id"
)


def names(given: Sequence[Column], prefix: str = "") -> str:
    """Names of columns, separated by commas."""
    return ", ".join(prefix + column.name for column in given)


def facts(no_bytes: str) -> str:
    """The fields of :class:`SpanFacts`, from ``spans`` joined to ``resources``.

    ``no_bytes`` is the database's literal of an empty value of bytes.
    """
    spans = {column.name: column for column in columns.SPANS.columns}
    fields = []
    for name in SpanFacts.__struct_fields__:
        if name not in spans:
            fields.append(f"resources.{name}")
        elif name == "parent_span_id":
            fields.append(f"coalesce(spans.{name}, {no_bytes})")
        else:
            fields.append(f"spans.{name}")
    return ", ".join(fields)


def touch(table: Table) -> str:
    """What happens to a dictionary row that is there: it is used today."""
    return (
        f"({', '.join(table.key)}) DO UPDATE SET last_used_day = excluded.last_used_day"
        f" WHERE {table.name}.last_used_day < excluded.last_used_day"
    )
