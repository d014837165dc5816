"""Databases with tables in them, for one test after the other.

Making a database in PostgreSQL, even as a copy, takes longer than most tests. So a test gets one
that an earlier test used: sessions are ended, rows removed, sequences and first rows put back. A
database whose tables, rights or settings a test has changed is dropped.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from postgres_server import PostgresServer

_numbers = itertools.count()

_SHAPE = """
WITH ours AS (
    SELECT c.* FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
)
SELECT array_agg(part ORDER BY part) FROM (
    SELECT concat_ws(' ', 'relation', relname, relkind, relnatts, relowner, reloptions::text,
                     relacl::text, relrowsecurity, pg_get_expr(relpartbound, oid)) FROM ours
    UNION ALL
    SELECT concat_ws(' ', 'parent', inhrelid::regclass, inhparent::regclass, inhdetachpending)
    FROM pg_inherits
    UNION ALL
    SELECT concat_ws(' ', 'column', o.relname, a.attname, a.atttypid, a.attnotnull, a.attisdropped,
                     a.attacl::text)
    FROM ours o JOIN pg_attribute a ON a.attrelid = o.oid
    WHERE a.attnum > 0 AND o.relkind IN ('r', 'p') AND NOT o.relispartition
    UNION ALL
    SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, convalidated)
    FROM pg_constraint WHERE conrelid IN (SELECT oid FROM ours)
    UNION ALL
    SELECT concat_ws(' ', 'index', indexrelid::regclass, indisvalid)
    FROM pg_index WHERE indrelid IN (SELECT oid FROM ours)
    UNION ALL
    SELECT concat_ws(' ', 'trigger', tgrelid::regclass, tgname, tgenabled)
    FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT concat_ws(' ', 'function', p.oid::regprocedure) FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    UNION ALL
    SELECT concat_ws(' ', 'schema', nspname, nspacl::text) FROM pg_namespace
    WHERE nspname !~ '^pg_'
    UNION ALL
    SELECT concat_ws(' ', 'setting', setrole, setconfig::text) FROM pg_db_role_setting
    WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION ALL
    SELECT concat_ws(' ', 'database', datacl::text, datconnlimit, datallowconn) FROM pg_database
    WHERE datname = current_database()
    UNION ALL
    SELECT concat_ws(' ', 'analysed', count(*)) FROM pg_statistic
    WHERE starelid IN (SELECT oid FROM ours)
) AS parts (part)
"""

_END_SESSIONS = """
SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""

_FILLED = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
"""

_SEQUENCES = """
SELECT sequencename, coalesce(last_value, start_value), last_value IS NOT NULL FROM pg_sequences
WHERE schemaname = 'public'
"""


@dataclass
class _Pool:
    """Databases of one server that are like one of it."""

    server: PostgresServer
    template: str
    shape: list[str]
    rows: dict[str, bytes]
    """The rows that the tables begin with, as COPY writes them."""
    sequences: list[tuple[str, int, bool]]
    free: list[str] = field(default_factory=list)

    @classmethod
    def prepared_by(cls, server: PostgresServer, prepare: Callable[[str], None]) -> _Pool:
        """A pool of databases that are prepared in this way."""
        template = f"prepared_{next(_numbers)}"
        url = server.create_database(template)
        prepare(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_END_SESSIONS)
            rows = {}
            for (table,) in connection.execute(_FILLED).fetchall():
                copy = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
                with connection.cursor().copy(copy) as lines:
                    rows[table] = b"".join(map(bytes, lines))
            return cls(
                server, template, _shape(connection), rows,
                connection.execute(_SEQUENCES).fetchall(),
            )  # fmt: skip

    def take(self) -> str:
        """The name of a database that is as it was prepared."""
        if self.free:
            return self.free.pop()
        name = f"{self.template}_{next(_numbers)}"
        self.server.create_database(name, template=self.template)
        return name

    def give_back(self, name: str) -> None:
        """Keep a database for another test, or drop it."""
        if self._is_restored(name):
            self.free.append(name)
        else:
            self.server.drop_database(name)

    def _is_restored(self, name: str) -> bool:
        try:
            connection = psycopg.connect(self.server.url(name), autocommit=True)
        except psycopg.OperationalError:  # the test has dropped it, or nobody may connect
            return False
        with connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(_END_SESSIONS)
            if _shape(connection) != self.shape:
                return False
            filled = {table for (table,) in connection.execute(_FILLED).fetchall()}
            with connection.transaction():
                if filled:
                    tables = sql.SQL(", ").join(map(sql.Identifier, sorted(filled)))
                    connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(tables))
                for table, rows in self.rows.items():
                    copy = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
                    with connection.cursor().copy(copy) as lines:
                        lines.write(rows)
                for sequence, value, used in self.sequences:
                    connection.execute(
                        "SELECT setval(%s::regclass, %s, %s)", (f'"{sequence}"', value, used)
                    )
        return True


def _shape(connection: psycopg.Connection) -> list[str]:
    """Everything of a database but its rows."""
    found = connection.execute(_SHAPE).fetchone()
    assert found is not None
    shape: list[str] = found[0]
    return shape


class PreparedDatabases:
    """Lends databases; ``server_of`` gives the server of a kind, and is asked once."""

    def __init__(self, folder: Path, server_of: Callable[[str], PostgresServer]) -> None:
        self._folder = folder
        self._server_of = server_of
        self._pools: dict[tuple[str, str], _Pool] = {}

    @contextmanager
    def lent(self, kind: str, prepare: Callable[[str], None], folder: Path) -> Iterator[str]:
        """The URL of a database for one test; a SQLite file is a copy in its folder."""
        if kind == "sqlite":
            template = self._folder / f"{prepare.__name__}.db"
            if not template.exists():
                prepare(f"sqlite:///{template}")
            shutil.copyfile(template, folder / "test.db")
            yield f"sqlite:///{folder}/test.db"
            return
        key = kind, prepare.__name__
        if key not in self._pools:
            self._pools[key] = _Pool.prepared_by(self._server_of(kind), prepare)
        pool = self._pools[key]
        name = pool.take()
        yield pool.server.url(name)
        pool.give_back(name)
