"""One reading of URLs and one mapping of errors for writers, engine and migrations."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from store.conftest import new_writer
from tracefoundry.store import migrations
from tracefoundry.store.api import StoreMisconfigured, StoreUnavailable, open_store
from tracefoundry.store.sql import errors
from tracefoundry.store.sql.engine import make_engine, reading
from tracefoundry.store.sql.sessions import connect_postgres
from tracefoundry.store.sql.urls import sqlite_path


def test_all_parts_find_the_file_of_an_encoded_url(tmp_path: Path) -> None:
    """A folder with a space, a percent sign and a question mark in its name."""
    folder = tmp_path / "a b%c?"
    folder.mkdir()
    url = f"sqlite:///{tmp_path}/a%20b%25c%3F/t.db"
    migrations.upgrade(url)
    assert [path.name for path in folder.glob("*.db")] == ["t.db"]
    writer = new_writer(url)
    assert list(writer.projects()) == ["default"]
    writer.close()
    store = open_store(url)
    store.check()
    store.close()


@pytest.mark.parametrize(
    "url", ["sqlite:///t.db?mode=ro", "sqlite://host/t.db", "sqlite:///:memory:"]
)
def test_a_url_that_names_no_file_is_refused_by_all_parts(url: str) -> None:
    """Options are not passed on, so they are not taken."""
    for opened in (make_engine, new_writer, migrations.upgrade, open_store):
        with pytest.raises(StoreMisconfigured, match="sqlite:///PATH"):
            opened(url)


def test_a_missing_file_is_not_made_by_reading_or_writing(sqlite_url: str) -> None:
    """Only a migration makes it."""
    engine = make_engine(sqlite_url)
    with pytest.raises(StoreUnavailable, match="tracefoundry migrate"), reading(engine):
        pass
    engine.dispose()
    with pytest.raises(StoreUnavailable, match="tracefoundry migrate"):
        new_writer(sqlite_url).projects()
    assert not sqlite_path(sqlite_url).exists()


def test_errors_mean_the_same_in_both_drivers(postgres_url: str) -> None:
    """A missing table, a value that does not fit, a defect of ours."""
    postgres = connect_postgres(postgres_url, application="test", statement_ms=100)
    sqlite = sqlite3.connect(":memory:")
    for connection in (postgres, sqlite):
        connection.execute("CREATE TABLE t (n INT NOT NULL)")
        for statement, refused, schema in (
            ("SELECT * FROM missing", False, True),
            ("SELECT missing FROM t", False, True),
            ("INSERT INTO t VALUES (NULL)", True, False),
            ("SELEC 1", False, False),
        ):
            with pytest.raises((psycopg.Error, sqlite3.Error)) as caught:
                connection.execute(statement)
            found = errors.unavailable(caught.value)
            assert errors.refuses_row(caught.value) is refused
            assert ("tracefoundry migrate" in str(found)) is schema
            assert statement not in errors.reason_of(caught.value)
    with pytest.raises(psycopg.Error) as slow:
        postgres.execute("SELECT pg_sleep(5)")
    assert isinstance(errors.unavailable(slow.value), StoreUnavailable)
    with pytest.raises(OverflowError) as large:
        sqlite.execute("INSERT INTO t VALUES (?)", (2**70,))
    assert errors.refuses_row(large.value)
    postgres.close()
    sqlite.close()


def test_a_span_writer_is_durable_whatever_the_servers_default(postgres_url: str) -> None:
    """``synchronous_commit = off`` is overruled, a stronger setting stays."""
    name = sa.engine.make_url(postgres_url).database
    found = []
    for default in ("off", "remote_apply"):
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = {default}')
        writer = connect_postgres(
            postgres_url, application="test", statement_ms=0, writes_spans=True
        )
        found.append(writer.execute("SHOW synchronous_commit").fetchone())
        writer.close()
    assert found == [("on",), ("remote_apply",)]
