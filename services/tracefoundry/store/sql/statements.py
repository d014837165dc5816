"""What the writers' statements on both databases have in common, made from the column list."""

from __future__ import annotations

from collections.abc import Sequence

from tracefoundry.model.run_starts import EVENT_NAME
from tracefoundry.model.summary import SpanFacts
from tracefoundry.store.records import ProjectRecord
from tracefoundry.store.run_starts import MOST_RUN_STARTS
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

TRACE_STATE = (
    "span_count, start_time_ns, recomputed_at_ns, missing_expired, last_started_ns IS NOT NULL,"
    " import_day IS NOT NULL"
)
"""The fields of :class:`ExistingTrace`, from ``traces``."""

MOST_EVENT_VIEWS = 100_000
"""Most logs of a trace whose views are read for its totals; of more, the earliest."""


def join_resources(table: str) -> str:
    """Joins to the rows of a table the resource of each."""
    return (
        f" LEFT JOIN resources ON resources.project_id = {table}.project_id"
        f" AND resources.resource_id = {table}.resource_id"
    )


JOIN_RESOURCES = join_resources("spans")


def run_starts(where: str, logs: str = "span_logs") -> str:
    """What :func:`read_run_start` takes of the logs of a table for which a condition holds."""
    return (
        f"SELECT {logs}.span_id, {logs}.time_ns, CAST({logs}.attributes AS text),"
        f" CAST({logs}.genai AS text), resources.service, resources.environment"
        f" FROM {logs}{join_resources(logs)}"
        f" WHERE {where} AND {logs}.name = '{EVENT_NAME}'"
        f" ORDER BY {logs}.time_ns DESC LIMIT {MOST_RUN_STARTS}"
    )


def names(given: Sequence[Column], prefix: str = "") -> str:
    """Names of columns, separated by commas."""
    return ", ".join(prefix + column.name for column in given)


def facts(no_bytes: str, table: str = "spans") -> str:
    """The fields of :class:`SpanFacts`, from a table of spans joined to ``resources``.

    ``no_bytes`` is the database's literal of an empty value of bytes.
    """
    spans = {column.name: column for column in columns.SPANS.columns}
    fields = []
    for name in SpanFacts.__struct_fields__:
        if name not in spans:
            fields.append(f"resources.{name}")
        elif name == "parent_span_id":
            fields.append(f"coalesce({table}.{name}, {no_bytes})")
        else:
            fields.append(f"{table}.{name}")
    return ", ".join(fields)


def touch(table: Table) -> str:
    """What happens to a dictionary row that is there: it is used today."""
    return (
        f"({', '.join(table.key)}) DO UPDATE SET last_used_day = excluded.last_used_day"
        f" WHERE {table.name}.last_used_day < excluded.last_used_day"
    )
