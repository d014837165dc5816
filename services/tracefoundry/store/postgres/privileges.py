"""Database roles of the processes: what each may do, granted by ``tracefoundry migrate``.

Without roles every process connects as the owner of the tables. With them an intruder in one
process can do in the database what that process does, and no more:

- migration owns the tables;
- ``ingest`` adds spans; it cannot read the audit log, change projects and tokens, or drop tables;
- ``query`` reads, deletes what it is asked to, imports traces from files into tables of their own,
  and administers projects and tokens; it cannot add to the spans that came over OTLP;
- ``retention`` deletes by age, and owns the tables with day partitions: PostgreSQL lets nobody but
  the owner detach and drop a partition. It cannot touch tokens.

Partitions are made by writers, which do not own the tables. They call :data:`FUNCTION`, which runs
with the rights of the migration's role and makes partitions of our tables only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import psycopg
from psycopg import sql

from tracefoundry.store.api import DatabaseRole, StoreMisconfigured, StoreUnavailable
from tracefoundry.store.migrations.run import ADVISORY_LOCK as MIGRATION_LOCK
from tracefoundry.store.postgres.partitions import ADVISORY_LOCK, FUNCTION, PARTITIONED
from tracefoundry.store.sql.columns import TABLES
from tracefoundry.store.sql.errors import reason_of
from tracefoundry.store.sql.sessions import connect_postgres
from tracefoundry.store.sql.urls import check_postgres_url, is_sqlite

_VERSION_TABLE = "alembic_version"

_REFUSALS_COUNTED = "SELECT (entry_id, counted_key, count), INSERT, UPDATE (count)"
"""Entries are added, and refusals of one minute are counted in one entry; nothing is read."""

_NONE = ""
_PRIVILEGES: dict[DatabaseRole, dict[str, str]] = {
    "ingest": {
        "": "SELECT, INSERT, UPDATE",
        # Spans of a trace that was deleted while they were on their way are taken out again.
        "spans": "SELECT, INSERT, DELETE",
        "span_logs": "SELECT, INSERT, DELETE",
        "traces": "SELECT, INSERT, UPDATE, DELETE",
        "tombstones": "SELECT, DELETE",
        "payload_tombstones": "SELECT",
        "span_payload_refs": "SELECT, INSERT",
        "payload_list_parts": "SELECT, INSERT",
        "projects": "SELECT",
        "tokens": "SELECT",
        "audit_log": _REFUSALS_COUNTED,
        "imported_spans": _NONE,
        "imported_span_logs": _NONE,
        "staged_imports": _NONE,
        "exports": _NONE,
    },
    "query": {
        "": "SELECT",
        "spans": "SELECT, DELETE",
        "span_logs": "SELECT, DELETE",
        "traces": "SELECT, INSERT, UPDATE, DELETE",  # UPDATE is needed to lock a row
        "tombstones": "SELECT, INSERT, UPDATE, DELETE",
        # Imports: spans and logs in tables of their own, and their resources and content.
        "imported_spans": "SELECT, INSERT, DELETE",
        "imported_span_logs": "SELECT, INSERT, DELETE",
        "staged_imports": "SELECT, INSERT, DELETE",
        "resources": "SELECT, INSERT, UPDATE",
        "scopes": "SELECT, INSERT, UPDATE",
        # What deleted and kept content share is packed anew.
        "payload_blobs": "SELECT, INSERT, UPDATE, DELETE",
        "payload_list_parts": "SELECT, INSERT, DELETE",
        "span_payload_refs": "SELECT, INSERT, DELETE",
        "payload_days": "SELECT, INSERT, UPDATE",
        "payload_tombstones": "SELECT, INSERT, UPDATE",
        "projects": "SELECT, INSERT, UPDATE",
        "tokens": "SELECT, INSERT, UPDATE",
        "audit_log": "SELECT, INSERT, UPDATE (count)",
        "exports": "SELECT, INSERT, UPDATE",
    },
    "retention": {
        "": "SELECT, UPDATE, DELETE",
        "payload_days": "SELECT, INSERT, UPDATE, DELETE",
        "tombstones": "SELECT, INSERT, UPDATE, DELETE",
        "payload_tombstones": "SELECT, INSERT, UPDATE, DELETE",
        "projects": "SELECT",
        "tokens": _NONE,
        # The oldest entries go; what the others say is not read.
        "audit_log": "SELECT (ctid, at_ns), DELETE",
    },
}
"""Privileges of each role on each table; ``""`` stands for all tables that are not named."""

_OWNERS = """
SELECT c.relname, pg_get_userbyid(c.relowner) FROM pg_class c
LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent
WHERE c.relnamespace = current_schema()::regnamespace
  AND (c.relname = ANY(%(tables)s) AND c.relkind = 'p' OR p.relname = ANY(%(tables)s)
       AND p.relnamespace = c.relnamespace)
ORDER BY c.relname
"""
_SEQUENCES = """
SELECT s.relname FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.deptype IN ('a', 'i')
JOIN pg_class t ON t.oid = d.refobjid
WHERE s.relkind = 'S' AND t.relname = %s AND t.relnamespace = current_schema()::regnamespace
"""

_MAKE_PARTITION = """
CREATE OR REPLACE FUNCTION {function}(parent text, day bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    name text := parent || to_char(DATE '1970-01-01' + day::int, '"_"YYYYMMDD');
    length bigint := ({lengths}::jsonb ->> parent)::bigint;
    pending boolean;
BEGIN
    IF length IS NULL THEN
        RAISE EXCEPTION '% is not a table with day partitions', parent;
    END IF;
    PERFORM pg_advisory_xact_lock({lock});
    SELECT i.inhdetachpending INTO pending
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE c.relname = name AND c.relnamespace = current_schema()::regnamespace;
    IF FOUND AND NOT pending THEN
        RETURN false;
    END IF;
    IF FOUND THEN
        EXECUTE format('ALTER TABLE %I DETACH PARTITION %I FINALIZE', parent, name);
    END IF;
    EXECUTE format('CREATE TABLE IF NOT EXISTS %I (LIKE %I INCLUDING ALL)', name, parent);
    EXECUTE format('ALTER TABLE %I OWNER TO %I', name, (
        SELECT pg_get_userbyid(relowner) FROM pg_class
        WHERE relname = parent AND relnamespace = current_schema()::regnamespace));
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
        parent, name, day * length, (day + 1) * length);
    RETURN true;
END $$
"""
"""The same as ``partitions._make``, for roles that do not own the tables."""


def grant_roles(url: str, roles: Mapping[DatabaseRole, str]) -> None:
    """Give roles of the database what their processes need, and nothing else of our tables.

    In one transaction, so that no running process is without its privileges in between. Safe to
    repeat; it follows every migration, which may have made tables.

    Args:
        url: the database, with the role that owns the tables.
        roles: names of the database's roles.

    Raises:
        StoreMisconfigured: the database has no roles, or not these.
        StoreUnavailable: the database cannot be reached, or this role may not grant them.
    """
    if is_sqlite(url):
        raise StoreMisconfigured("a SQLite file has no roles: they are for PostgreSQL")
    check_postgres_url(url)
    try:
        with (
            connect_postgres(
                url, application="tracefoundry-migrate", statement_ms=0, writes=True
            ) as connection,
            connection.transaction(),
        ):
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
            _check_names(connection, roles)
            _make_function(connection)
            for role, name in roles.items():
                _grant(connection, role, name)
            if "retention" in roles:
                _give_partitions(connection, roles["retention"])
    except psycopg.Error as error:
        raise StoreUnavailable(f"PostgreSQL: {reason_of(error)}") from error


def _check_names(connection: psycopg.Connection, roles: Mapping[DatabaseRole, str]) -> None:
    rows = connection.execute(
        "SELECT rolname, rolname = current_user FROM pg_roles WHERE rolname = ANY(%s)",
        (list(roles.values()),),
    ).fetchall()
    found: dict[str, bool] = dict(rows)
    for role, name in roles.items():
        if name not in found:
            raise StoreMisconfigured(
                f"the database has no role {name!r} (for {role}): create it, see docs/operations.md"
            )
        if found[name]:
            raise StoreMisconfigured(
                f"the role {name!r} (for {role}) is the one that migrates: it needs another"
            )
    if len(set(roles.values())) < len(roles):
        raise StoreMisconfigured("two processes have the same database role: each needs its own")


def _make_function(connection: psycopg.Connection) -> None:
    row = connection.execute("SELECT current_schema()").fetchone()
    lengths = ", ".join(f'"{table}": {length}' for table, length in PARTITIONED.items())
    connection.execute(
        sql.SQL(_MAKE_PARTITION).format(
            function=sql.Identifier(FUNCTION),
            schema=sql.Identifier(row[0] if row else "public"),
            lengths=sql.Literal(f"{{{lengths}}}"),
            lock=sql.Literal(ADVISORY_LOCK),
        )
    )
    _execute(connection, "REVOKE ALL ON FUNCTION {} FROM PUBLIC", FUNCTION)


def _grant(connection: psycopg.Connection, role: DatabaseRole, name: str) -> None:
    row = connection.execute("SELECT current_schema()").fetchone()
    _execute(connection, "GRANT USAGE ON SCHEMA {} TO {}", row[0] if row else "public", name)
    _execute(connection, f"GRANT SELECT ON {_VERSION_TABLE} TO {{}}", name)
    for table in (table.name for table in TABLES):
        if role == "retention" and table in PARTITIONED:
            continue  # it owns them
        _execute(connection, "REVOKE ALL ON TABLE {} FROM {}", table, name)
        privileges = _PRIVILEGES[role].get(table, _PRIVILEGES[role][""])
        if privileges:
            _execute(connection, f"GRANT {privileges} ON TABLE {{}} TO {{}}", table, name)
        if "INSERT" in privileges:
            for (sequence,) in connection.execute(_SEQUENCES, (table,)).fetchall():
                _execute(connection, "GRANT USAGE ON SEQUENCE {} TO {}", sequence, name)
    if role in ("ingest", "query"):
        _execute(connection, "GRANT EXECUTE ON FUNCTION {} TO {}", FUNCTION, name)


def _give_partitions(connection: psycopg.Connection, owner: str) -> None:
    """Let a role own the tables with day partitions. A new owner must be able to create tables."""
    row = connection.execute("SELECT current_schema()").fetchone()
    _execute(connection, "GRANT CREATE ON SCHEMA {} TO {}", row[0] if row else "public", owner)
    tables: Iterable[tuple[str, str]] = connection.execute(
        _OWNERS, {"tables": list(PARTITIONED)}
    ).fetchall()
    for table, present in tables:
        if present != owner:
            _execute(connection, "ALTER TABLE {} OWNER TO {}", table, owner)


def _execute(connection: psycopg.Connection, statement: str, *names: str) -> None:
    """Run a statement with names of objects in its places."""
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
