"""Migrations: from nothing, from any older revision with data, and in step with the tables."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from samples import make_log, make_span
from store.conftest import new_writer
from store.reading import count, rows, trace_rows
from tracefoundry.store import migrations
from tracefoundry.store.contract import StoreMisconfigured, StoreUnavailable
from tracefoundry.store.sql import tables
from tracefoundry.store.sql.engine import make_engine


def test_an_empty_database_gets_the_newest_schema_and_a_default_project(database_url: str) -> None:
    """Migrating twice is migrating once."""
    assert migrations.current(_touched(database_url)) is None
    assert migrations.upgrade(database_url) == migrations.head()
    assert migrations.upgrade(database_url) == migrations.head()
    assert migrations.current(database_url) == migrations.head()
    assert rows(database_url, "SELECT project_id, name FROM projects") == [
        {"project_id": 1, "name": "default"}
    ]


def _touched(url: str) -> str:
    """The URL; for SQLite an empty file is made, since looking never makes one."""
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).touch()
    return url


@pytest.mark.parametrize("revision", sorted(migrations.older()))
def test_data_written_under_an_older_schema_survives_the_upgrade(
    database_url: str, revision: str
) -> None:
    """Spans and summaries stored before are the same after, and writing goes on."""
    migrations.upgrade(database_url, revision)
    writer = new_writer(database_url)
    spans = [make_span(span=number, parent=1 if number > 1 else None) for number in range(1, 50)]
    # Before revision 0002 there is no table of logs, so partitions are made on demand.
    engine = make_engine(database_url)
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.execute(
                sa.text(
                    "CREATE TABLE spans_all PARTITION OF spans"
                    " FOR VALUES FROM (MINVALUE) TO (MAXVALUE)"
                )
            )
    engine.dispose()
    writer.commit([writer.prepare_span(1, span) for span in spans])
    before = trace_rows(database_url), rows(database_url, "SELECT * FROM spans ORDER BY span_id")
    migrations.upgrade(database_url)
    after = trace_rows(database_url), rows(database_url, "SELECT * FROM spans ORDER BY span_id")
    assert after == before
    writer.commit([writer.prepare_span(1, make_span(span=99, parent=1))])
    writer.close()
    assert count(database_url, "spans") == 50


def test_the_migrated_schema_is_the_one_the_code_reads(migrated_url: str) -> None:
    """Tables and columns of the migrations' result are those of store.tables."""
    engine = make_engine(migrated_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        with warnings.catch_warnings():
            # SQLAlchemy cannot reflect expression indexes of SQLite; columns are what matters.
            warnings.simplefilter("ignore", sa.exc.SAWarning)
            difference = compare_metadata(context, tables.metadata)
    engine.dispose()
    about_indexes = ("remove_index", "add_constraint")
    assert [item for item in difference if item[0] not in about_indexes] == []


def test_processes_that_migrate_at_once_do_it_once(postgres_url: str) -> None:
    """An advisory lock lets one go first; the others find it done."""
    results: list[str] = []
    threads = [
        threading.Thread(target=lambda: results.append(migrations.upgrade(postgres_url)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == [migrations.head()] * 4
    assert count(postgres_url, "projects") == 1


def test_a_schema_of_a_newer_version_is_refused(migrated_url: str) -> None:
    """An old program must not touch a schema it does not know."""
    engine = make_engine(migrated_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StoreMisconfigured, match="newer TraceFoundry"):
        migrations.upgrade(migrated_url)


def test_a_database_that_cannot_be_reached_is_said_to_be_unavailable() -> None:
    """Not a traceback of the driver."""
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1"):
        migrations.upgrade("postgresql://nobody:secret@127.0.0.1:1/none")


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite://", "sqlite:///", "postgresql", ""])
def test_a_url_that_can_never_work_names_the_forms_that_do(url: str) -> None:
    """The message shows what to write."""
    with pytest.raises(StoreMisconfigured, match="sqlite:///"):
        migrations.upgrade(url)


def test_writing_before_migrating_says_what_to_run(database_url: str) -> None:
    """A missing table is no error of the sender."""
    writer = new_writer(_touched(database_url))
    with pytest.raises(StoreUnavailable, match="tracefoundry migrate"):
        writer.commit([writer.prepare_span(1, make_span())], [writer.prepare_log(1, make_log())])
    writer.close()
