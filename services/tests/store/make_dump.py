"""Write ``dumps/<revision>-postgres.sql`` and ``-sqlite.sql`` at the newest schema.

Run it once when a revision is made, before it is released, and commit both files; later code never
writes them again. From the root of the repository:

    PYTHONPATH=services/tests .venv/bin/python services/tests/store/make_dump.py

The database is filled by that version's own writer with what ``dumped.py`` names. PostgreSQL is
dumped by ``pg_dump --inserts`` of the oldest supported version at hand, less its comments, so that
any client can run the file as one script.
"""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from postgres_server import PostgresServer, system_binaries, wheel_binaries
from store import dumped
from store.conftest import new_writer
from tracefoundry.store import migrations
from tracefoundry.store.api import CommitResult

DUMPS = Path(__file__).parent / "dumps"
OTHER_ID = bytes(range(32)).hex()


def main() -> int:
    """Write both files."""
    revision = migrations.head()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dump.db"
        _fill(f"sqlite:///{path}")
        with sqlite3.connect(path) as database:
            database.executescript(dumped.OTHER_ROWS.format(other_id=f"x'{OTHER_ID}'"))
            lines = [line for line in database.iterdump() if "sqlite_sequence" not in line]
        database.close()
    (DUMPS / f"{revision}-sqlite.sql").write_text("\n".join(lines) + "\n")
    server = PostgresServer(system_binaries() or wheel_binaries())
    try:
        server.start()
        url = server.create_database("dump")
        _fill(url)
        with psycopg.connect(url) as connection:
            other = dumped.OTHER_ROWS.format(other_id=f"'\\x{OTHER_ID}'")
            connection.execute(other.encode())
        text = subprocess.run(
            [str(server.binaries / "pg_dump"), "--inserts", "--no-owner", "--dbname", url],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
    finally:
        server.remove()
    kept = [line for line in text.splitlines() if not line.startswith(("--", "\\"))]
    script = re.sub("\n{3,}", "\n\n", "\n".join(kept).strip()) + "\n"
    (DUMPS / f"{revision}-postgres.sql").write_text(script)
    return 0


def _fill(url: str) -> None:
    """Migrate and commit the spans, logs and payload rows, in two commits: traces grow."""
    migrations.upgrade(url)
    writer = new_writer(url)
    first = [writer.prepare_span(1, span) for span in dumped.SPANS[:1]]
    rest = [writer.prepare_span(1, span) for span in dumped.SPANS[1:]]
    logs = [writer.prepare_log(1, log) for log in dumped.LOGS]
    for result in (writer.commit(first), writer.commit(rest, logs, dumped.PAYLOADS)):
        assert result == CommitResult()
    writer.close()


if __name__ == "__main__":
    sys.exit(main())
