"""The SQL of the write path on SQLite, made from the column list.

Values are bound row by row, in the order in which the encoders and the key types of
``store.transaction`` have them.
"""

from __future__ import annotations

from collections.abc import Sequence

from tracefoundry.store.sql import columns
from tracefoundry.store.sql import statements as shared
from tracefoundry.store.sql.columns import TRACES
from tracefoundry.store.sql.schema import Column, Table
from tracefoundry.store.sql.statements import (
    GROWING,
    JOIN_RESOURCES,
    MOST_EVENT_VIEWS,
    RECOMPUTED,
    TRACE_STATE,
    facts,
    names,
    run_starts,
    touch,
)


def insert(table: Table, given: Sequence[Column] | None = None) -> str:
    """Inserts a row of the encoder, or of these columns; fails where its key is there already."""
    given = table.written if given is None else given
    marks = ", ".join("?" * len(given))
    return f"INSERT INTO {table.name} ({names(given)}) VALUES ({marks})"


def insert_key(table: Table) -> str:
    """Inserts a row that is its key and nothing else."""
    return insert(table, table.typed(table.key)) + OR_LEAVE


def where(key: Sequence[str]) -> str:
    """A condition on a bound key."""
    return "WHERE " + " AND ".join(f"{name} = ?" for name in key)


def _grow(column: Column) -> str:
    if column.grows == "sum":
        return f"{column.name} = {column.name} + ?"
    function = {"least": "min", "greatest": "max"}[column.grows or ""]
    return f"{column.name} = {function}({column.name}, ?)"


NO_BYTES = "x''"
"""The literal of an empty value of bytes."""
OR_LEAVE = " ON CONFLICT DO NOTHING"

PUT_RESOURCE = f"{insert(columns.RESOURCES)} ON CONFLICT {touch(columns.RESOURCES)}"
PUT_SCOPE = f"{insert(columns.SCOPES)} ON CONFLICT {touch(columns.SCOPES)}"
PUT_BLOB = insert(columns.PAYLOAD_BLOBS) + OR_LEAVE
PUT_LIST_PART = insert_key(columns.PAYLOAD_LIST_PARTS)
PUT_REF = insert_key(columns.SPAN_PAYLOAD_REFS)

ADD_USAGE = f"{insert(columns.PROJECT_USAGE)} ON CONFLICT {shared.ADD_USAGE}"
USAGE = shared.USAGE.format(day="?")

INSERT_SPAN = insert(columns.SPANS)
INSERT_LOG = insert(columns.SPAN_LOGS)
STORED_DIGEST = f"SELECT digest, policy_version FROM spans {where(columns.SPAN_KEY)}"
REMOVE_SPAN = f"DELETE FROM spans {where(columns.SPAN_KEY)}"
REMOVE_LOG = f"DELETE FROM span_logs {where(columns.SPAN_LOGS.key)}"

FIND_TRACE = f"SELECT {TRACE_STATE} FROM traces {where(TRACES.key)}"
INSERT_TRACE = insert(TRACES)
GROW_TRACE = f"UPDATE traces SET {', '.join(map(_grow, GROWING))} {where(TRACES.key)}"
"""Binds the values of ``GROWING``, then the key."""
REWRITE_SUMMARY = (
    f"UPDATE traces SET {', '.join(f'{column.name} = ?' for column in RECOMPUTED)},"
    f" totals_pending = 0 {where(TRACES.key)}"
)
"""Binds the values of ``RECOMPUTED``, then the key."""
DEFER_RECOMPUTE = f"UPDATE traces SET totals_pending = 1 {where(TRACES.key)}"
REMOVE_TRACE = f"DELETE FROM traces {where(TRACES.key)}"
FACTS = (
    f"SELECT {facts(NO_BYTES)} FROM spans{JOIN_RESOURCES}"
    " WHERE spans.project_id = ? AND spans.trace_id = ?"
)
ANY_EVENT_VIEW = "SELECT 1 FROM span_logs WHERE genai IS NOT NULL LIMIT 1"
EVENT_VIEWS = (
    f"SELECT span_id, genai FROM span_logs {where(TRACES.key)} AND genai IS NOT NULL"
    f" ORDER BY time_ns LIMIT {MOST_EVENT_VIEWS}"
)
RUN_STARTS = run_starts("span_logs.project_id = ? AND span_logs.trace_id = ?")
PENDING = f"""
SELECT project_id, trace_id, {TRACE_STATE}
FROM traces
WHERE totals_pending AND import_day IS NULL AND recomputed_at_ns <= ? AND span_count <= ? LIMIT 10
"""

ANY_TOMBSTONE = "SELECT 1 FROM tombstones LIMIT 1"
TOMBSTONED = f"SELECT 1 FROM tombstones {where(columns.TOMBSTONES.key)} AND keep_until_ns > ?"
PURGE_TOMBSTONES = """
DELETE FROM tombstones WHERE rowid IN
    (SELECT rowid FROM tombstones WHERE keep_until_ns <= ? LIMIT 10000)
"""
