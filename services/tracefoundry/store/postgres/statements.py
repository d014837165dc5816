"""The SQL of the write path on PostgreSQL, made from the column list.

Rows and keys are bound as one array a column, in the order in which the encoders and the key types
of ``store.transaction`` have them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tracefoundry.store.sql import columns
from tracefoundry.store.sql import statements as shared
from tracefoundry.store.sql.schema import Column, Table, Type
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


def _arrays(given: Sequence[Column], alias: str) -> str:
    """Bound arrays as a relation with a column for each of them. JSON comes as text."""
    arrays = ", ".join(
        f"%b::{'text' if column.type is Type.JSON else column.type.value}[]" for column in given
    )
    return f"unnest({arrays}) AS {alias}({names(given)})"


def _match(given: Sequence[Column], left: str, right: str) -> str:
    return " AND ".join(f"{left}.{column.name} = {right}.{column.name}" for column in given)


def _cast(column: Column, alias: str) -> str:
    return f"{alias}.{column.name}{'::jsonb' if column.type is Type.JSON else ''}"


def copy_into(table: Table, target: str | None = None) -> str:
    """Copies rows of the encoder into a table, or into its staging table."""
    return f"COPY {target or table.name} ({names(table.written)}) FROM STDIN (FORMAT BINARY)"


def insert_staged(table: Table, key: Sequence[str], staging: str) -> str:
    """Inserts what was copied into a staging table; gives the keys really inserted."""
    written, keys = names(table.written), ", ".join(key)
    return (
        f"INSERT INTO {table.name} ({written}) SELECT {written} FROM {staging} ORDER BY {keys}"
        f" ON CONFLICT DO NOTHING RETURNING {keys}"
    )


def insert_arrays(table: Table, conflict: str, given: Sequence[Column] | None = None) -> str:
    """Inserts rows of the encoder, or of these columns, sorted by the table's key."""
    given = table.written if given is None else given
    return (
        f"INSERT INTO {table.name} ({names(given)})"
        f" SELECT {', '.join(_cast(column, 'new') for column in given)}"
        f" FROM {_arrays(given, 'new')}"
        f" ORDER BY {names(table.typed(table.key), 'new.')} ON CONFLICT {conflict}"
    )


def insert_keys(table: Table) -> str:
    """Inserts rows that are their key and nothing else."""
    return insert_arrays(table, "DO NOTHING", table.typed(table.key))


def present_keys(table: Table, key: Sequence[str], where: str) -> str:
    """Finds those of the keys bound as arrays that are in a table, looked up one by one."""
    keys = table.typed(key)
    return (
        f"SELECT {names(keys, 'wanted.')} FROM {_arrays(keys, 'wanted')} CROSS JOIN LATERAL"
        f" (SELECT 1 FROM {table.name} WHERE {_match(keys, table.name, 'wanted')} AND {where}"
        " LIMIT 1) AS stored"
    )


def delete_keys(table: Table, key: Sequence[str]) -> str:
    """Deletes the rows of keys bound as arrays."""
    keys = table.typed(key)
    return (
        f"DELETE FROM {table.name} stored USING {_arrays(keys, 'gone')}"
        f" WHERE {_match(keys, 'stored', 'gone')}"
    )


def _grow(column: Column) -> str:
    old, new = f"traces.{column.name}", f"excluded.{column.name}"
    grown = f"{old} + {new}" if column.grows == "sum" else f"{column.grows}({old}, {new})"
    return f"{column.name} = {grown}"


NO_BYTES = "''"
"""The literal of an empty value of bytes."""
_TRACE_KEY = columns.TRACES.typed(columns.TRACES.key)
_TRACES = _arrays(_TRACE_KEY, "wanted")
_TRACE_MATCHES = _match(_TRACE_KEY, "traces", "wanted")
_SPAN_KEY = columns.SPANS.typed(columns.SPAN_KEY)
_BLOB_KEY = columns.PAYLOAD_BLOBS.typed(columns.PAYLOAD_BLOBS.key)

PUT_RESOURCES = insert_arrays(columns.RESOURCES, touch(columns.RESOURCES))
PUT_SCOPES = insert_arrays(columns.SCOPES, touch(columns.SCOPES))

# LATERAL with a LIMIT is looked up key by key. A plain join may be planned the other way round
# while a partition is new and thought to be empty, and then reads all of it for every commit.
STORED_PAYLOADS = """
SELECT wanted.ref, stored.depth
FROM unnest(%(refs)b::bytea[]) AS wanted(ref)
CROSS JOIN LATERAL (
    SELECT depth FROM payload_blobs
    WHERE project_id = %(project)s AND ref = wanted.ref AND day = %(day)s LIMIT 1) AS stored
"""
LOCK_BLOBS = (
    f"SELECT {names(_BLOB_KEY, 'wanted.')} FROM {_arrays(_BLOB_KEY, 'wanted')}"
    " CROSS JOIN LATERAL (SELECT 1 FROM payload_blobs"
    f" WHERE {_match(_BLOB_KEY, 'payload_blobs', 'wanted')} LIMIT 1 FOR KEY SHARE) AS stored"
)
PUT_BLOBS = insert_arrays(columns.PAYLOAD_BLOBS, f"DO NOTHING RETURNING {names(_BLOB_KEY)}")
PUT_LIST_PARTS = insert_keys(columns.PAYLOAD_LIST_PARTS)
PUT_REFS = insert_keys(columns.SPAN_PAYLOAD_REFS)

ADD_USAGE = insert_arrays(columns.PROJECT_USAGE, shared.ADD_USAGE)
USAGE = shared.USAGE.format(day="%b")


class Insert:
    """Inserts rows of the encoder into a table whose rows are copied.

    Attributes:
        copy: copies straight into the table.
        make_staging: makes a temporary table beside it.
        copy_staged: copies into that.
        insert_staged: inserts from there what is new; gives the keys really inserted.
    """

    def __init__(self, table: Table, key: Sequence[str]) -> None:
        staging = f"new_{table.name}"
        self.copy = copy_into(table)
        self.make_staging = (
            f"CREATE TEMP TABLE IF NOT EXISTS {staging} (LIKE {table.name}) ON COMMIT DELETE ROWS"
        )
        self.copy_staged = copy_into(table, f"pg_temp.{staging}")
        self.insert_staged = insert_staged(table, key, f"pg_temp.{staging}")


def wanted_traces() -> tuple[str, Callable[[str], str]]:
    """Bound keys of traces as the relation ``wanted``, and a condition that a table's rows are
    theirs."""
    return _TRACES, lambda table: _match(_TRACE_KEY, table, "wanted")


INSERT_SPANS = Insert(columns.SPANS, columns.SPAN_KEY)
INSERT_LOGS = Insert(columns.SPAN_LOGS, columns.SPAN_LOGS.key)

# The bounds of the start time tell the planner which partitions to look into.
STORED_DIGESTS = (
    f"SELECT {names(_SPAN_KEY, 'spans.')}, spans.digest, spans.policy_version"
    f" FROM {_arrays(_SPAN_KEY, 'wanted')} JOIN spans ON {_match(_SPAN_KEY, 'spans', 'wanted')}"
    " WHERE spans.start_time_ns BETWEEN %b AND %b"
)

UPSERT_TRACES = insert_arrays(
    columns.TRACES,
    f"({names(_TRACE_KEY)}) DO UPDATE SET {', '.join(map(_grow, GROWING))}"
    # The row of an imported trace is left as it is, and not returned.
    " WHERE traces.import_day IS NULL RETURNING"
    f" project_id, trace_id, (xmax = 0) AS created, {TRACE_STATE}",
)
_RECOMPUTED = ", ".join(f"{column.name} = {_cast(column, 'new')}" for column in RECOMPUTED)
REWRITE_SUMMARIES = (
    f"UPDATE traces SET {_RECOMPUTED}, totals_pending = false"
    f" FROM {_arrays(columns.TRACES.written, 'new')} WHERE {_match(_TRACE_KEY, 'traces', 'new')}"
)
TRACE_BOUNDS = (
    "SELECT min(traces.start_time_ns), max(traces.last_start_ns)"
    f" FROM {_TRACES} JOIN traces ON {_TRACE_MATCHES}"
)
FACTS = (
    f"SELECT spans.project_id, spans.trace_id, {facts(NO_BYTES)} FROM {_TRACES}"
    f" JOIN spans ON {_match(_TRACE_KEY, 'spans', 'wanted')}{JOIN_RESOURCES}"
    " WHERE spans.start_time_ns BETWEEN %b AND %b"
)
LOCK_TRACES = (
    f"SELECT traces.project_id, traces.trace_id, {TRACE_STATE}"
    f" FROM traces JOIN {_TRACES} ON {_TRACE_MATCHES}"
    " ORDER BY traces.project_id, traces.trace_id FOR NO KEY UPDATE OF traces"
)
# The order makes it read the small index of logs with views, and never a table full of others. The
# bound of the time tells the planner which partitions to look into.
ANY_EVENT_VIEW = (
    "SELECT 1 FROM span_logs WHERE genai IS NOT NULL AND time_ns >= %b"
    " ORDER BY project_id, trace_id LIMIT 1"
)
EVENT_VIEWS = (
    "SELECT wanted.project_id, wanted.trace_id, found.span_id, found.genai::text"
    f" FROM {_TRACES} CROSS JOIN LATERAL ("
    "SELECT span_id, time_ns, genai FROM span_logs"
    f" WHERE {_match(_TRACE_KEY, 'span_logs', 'wanted')} AND genai IS NOT NULL AND time_ns >= %b"
    f" ORDER BY time_ns LIMIT {MOST_EVENT_VIEWS}) AS found"
)
_OF_WANTED = _match(_TRACE_KEY, "span_logs", "wanted")
RUN_STARTS = (
    f"SELECT wanted.project_id, wanted.trace_id, found.* FROM {_TRACES} CROSS JOIN LATERAL"
    f" ({run_starts(f'{_OF_WANTED} AND span_logs.time_ns >= %b')}) AS found"
)
TOMBSTONED = (
    f"SELECT stored.project_id, stored.trace_id FROM {_TRACES}"
    f" JOIN tombstones stored ON {_match(_TRACE_KEY, 'stored', 'wanted')}"
    " WHERE stored.keep_until_ns > %b"
)
DEFER_RECOMPUTE = (
    f"UPDATE traces SET totals_pending = true FROM {_TRACES}"
    f" WHERE {_TRACE_MATCHES} AND NOT traces.totals_pending"
)
PENDING = f"""
SELECT project_id, trace_id, {TRACE_STATE}
FROM traces
WHERE totals_pending AND import_day IS NULL AND recomputed_at_ns <= %s AND span_count <= %s
ORDER BY project_id, trace_id LIMIT 10 FOR UPDATE SKIP LOCKED
"""

REMOVE_SPANS = delete_keys(columns.SPANS, columns.SPAN_KEY)
REMOVE_LOGS = delete_keys(columns.SPAN_LOGS, columns.SPAN_LOGS.key)
REMOVE_TRACES = delete_keys(columns.TRACES, columns.TRACES.key)
PURGE_TOMBSTONES = """
DELETE FROM tombstones WHERE (project_id, trace_id) IN (
    SELECT project_id, trace_id FROM tombstones WHERE keep_until_ns <= %s LIMIT 10000)
"""
