"""Databases that tests use one after the other are as new."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from prepared_databases import PreparedDatabases
from stores import prepare_database


def names_of_projects(url: str) -> list[str]:
    """The rows that a database begins with."""
    with psycopg.connect(url) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM projects").fetchall()]


@pytest.mark.parametrize(
    ("statement", "kept"),
    [
        ("SELECT 1", True),
        ("DELETE FROM projects", True),
        ("INSERT INTO projects (name, created_at_ns) VALUES ('more', 0)", True),
        ("CREATE TABLE more ()", False),
        ("ALTER TABLE projects ADD COLUMN more int", False),
        ("ALTER TABLE spans DROP COLUMN events", False),
        ("GRANT SELECT ON projects TO PUBLIC", False),
        ("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = ''1MB''', "
         "current_database()); END $$", False),
        ("ANALYZE projects", False),
    ],
)  # fmt: skip
def test_the_next_test_gets_a_database_as_it_was_prepared(
    prepared_databases: PreparedDatabases, tmp_path: Path, statement: str, kept: bool
) -> None:
    """The same one if only its rows have changed; no session of the earlier test is left."""
    with prepared_databases.lent("postgres", prepare_database, tmp_path) as first:
        assert ["default"] == names_of_projects(first)
        forgotten = psycopg.connect(first, autocommit=True)
        forgotten.execute(statement)
    with prepared_databases.lent("postgres", prepare_database, tmp_path) as second:
        assert (kept, ["default"]) == (first == second, names_of_projects(second))
    with pytest.raises(psycopg.OperationalError):
        forgotten.execute("SELECT 1")
    forgotten.close()
