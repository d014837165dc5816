"""Databases as released versions wrote them, one script a revision and database."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import psycopg

from tracefoundry.store.sql.sessions import connect_sqlite
from tracefoundry.store.sql.urls import is_sqlite, sqlite_path

_FOLDER = Path(__file__).parent
REVISIONS = sorted({path.name.partition("-")[0] for path in _FOLDER.glob("*.sql")})


def load_dump(url: str, revision: str) -> None:
    """Fill an empty database with the dump of a revision."""
    if is_sqlite(url):
        connection = connect_sqlite(sqlite_path(url), busy_s=5, create=True)
        connection.executescript((_FOLDER / f"{revision}-sqlite.sql").read_text())
        connection.close()
    else:
        with psycopg.connect(url) as database:
            database.execute((_FOLDER / f"{revision}-postgres.sql").read_bytes())


def drop_everything(url: str) -> None:
    """Make the database empty again."""
    if is_sqlite(url):
        path = sqlite_path(url)
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    else:
        with psycopg.connect(url) as database:
            database.execute("DROP SCHEMA public CASCADE")
            database.execute("CREATE SCHEMA public")


def schema_of(url: str) -> list[tuple[Any, ...]]:
    """Columns, constraints, indexes and partitioning of all tables that are not partitions."""
    if is_sqlite(url):
        with sqlite3.connect(sqlite_path(url)) as connection:
            found = connection.execute(
                "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
            ).fetchall()
        connection.close()
        # SQLite keeps the text of a statement as it was written: white space may differ.
        return [(*row[:3], " ".join((row[3] or "").split())) for row in found]
    with psycopg.connect(url) as database:
        return [row for query in _CATALOG for row in database.execute(query)]


_TABLES = """
SELECT c.oid, c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""
_CATALOG = (
    f"""
    SELECT t.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           pg_get_expr(d.adbin, d.adrelid)
    FROM ({_TABLES}) AS t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0
    LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
    ORDER BY t.relname, a.attnum
    """,
    f"""
    SELECT t.relname, c.conname, pg_get_constraintdef(c.oid)
    FROM ({_TABLES}) AS t JOIN pg_constraint c ON c.conrelid = t.oid ORDER BY t.relname, c.conname
    """,
    f"""
    SELECT t.relname, i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
    FROM ({_TABLES}) AS t JOIN pg_index i ON i.indrelid = t.oid ORDER BY t.relname, 2
    """,
    f"SELECT t.relname, pg_get_partkeydef(t.oid) FROM ({_TABLES}) AS t ORDER BY t.relname",
)
