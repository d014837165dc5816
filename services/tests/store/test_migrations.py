"""Migrations: from nothing, from every released revision with data, in step with the tables."""

from __future__ import annotations

import threading
import time
import warnings
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from samples import make_log, make_span
from store import dumped
from store.conftest import new_writer
from store.dumps import REVISIONS, drop_everything, load_dump, schema_of
from store.reading import count, read_logs, read_spans, read_trace, rows
from tracefoundry.model.summary import facts_of, summarise
from tracefoundry.store import migrations
from tracefoundry.store.api import (
    NameTaken,
    StoreMisconfigured,
    StoreUnavailable,
    open_store,
)
from tracefoundry.store.records import TokenRecord
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


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_an_older_version_stored_is_read_after_the_upgrade(
    database_url: str, revision: str
) -> None:
    """Spans, logs, summaries and payload rows are the same after, and writing goes on."""
    load_dump(database_url, revision)
    assert migrations.current(database_url) == revision
    assert migrations.upgrade(database_url) == migrations.head()
    assert read_spans(database_url) == dumped.SPANS
    assert read_logs(database_url) == dumped.LOGS
    for trace in dumped.TRACES:
        facts = [facts_of(span) for span in dumped.SPANS if span.trace_id == trace]
        assert read_trace(database_url, trace).summary == summarise(facts)
    writer = new_writer(database_url)
    assert writer.stored_payloads(1, dumped.DAY, [dumped.MESSAGE_REF, dumped.LIST_REF]) == {
        dumped.MESSAGE_REF: 0,
        dumped.LIST_REF: 1,
    }
    assert {project.name: project.redaction for project in writer.projects().values()} == {
        "default": None,
        "team": "strict",
    }
    for table, number in dumped.ROWS.items():
        assert (table, count(database_url, table)) == (table, number)
    late = msgspec.structs.replace(dumped.SPANS[1], span_id=b"late" * 2, parent_span_id=b"")
    sent = [writer.prepare_span(1, span) for span in (*dumped.SPANS, late)]
    result = writer.commit(sent, [writer.prepare_log(1, log) for log in dumped.LOGS])
    assert sorted(result.duplicates) == [0, 1, 2, 3]
    assert sorted(result.duplicate_logs) == [0, 1]
    writer.maintain(time.time_ns())
    writer.close()
    counts = [read_trace(database_url, trace).summary.span_count for trace in dumped.TRACES]
    assert counts == [4, 1]


@pytest.mark.parametrize("revision", REVISIONS)
def test_names_of_tokens_that_an_older_version_stored_keep_to_their_project(
    database_url: str, revision: str
) -> None:
    """Older versions stored bare names, unique over all projects: other projects may use them
    now, and so may tokens for all projects. The old token works on."""
    load_dump(database_url, revision)
    migrations.upgrade(database_url)
    store = open_store(database_url)
    administration = store.administration
    (old,) = administration.tokens()
    assert ("reader", "default") == (old.name, old.project)

    def add(owner: int | None) -> TokenRecord:
        with administration.change() as change:
            return change.add_token(
                token_hash=bytes([owner or 0]) * 32, name="reader", role="viewer",
                project_id=owner, created_at_ns=1, expires_at_ns=None,
            )  # fmt: skip

    with pytest.raises(NameTaken):
        add(old.project_id)
    (team,) = [one.project_id for one in administration.projects() if one.name == "team"]
    made = [add(owner) for owner in (team, None)]
    assert ["team", None] == [token.project for token in made]
    assert [old, *made] == administration.tokens()
    assert [old] == administration.tokens_of([old.token_hash])
    with administration.change() as change:
        assert old == change.find_token(name="reader", project_id=old.project_id)
        assert [old, *made] == change.tokens_named("reader")
    store.close()


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_revision_makes_the_schema_that_it_made_when_it_was_released(
    database_url: str, revision: str
) -> None:
    """The first migration is made from the column list: an entry of it must not be edited."""
    load_dump(database_url, revision)
    released = schema_of(database_url)
    drop_everything(database_url)
    migrations.upgrade(database_url, revision)
    assert schema_of(database_url) == released


def test_the_migrated_schema_is_the_one_the_code_reads(migrated_url: str) -> None:
    """Tables, columns and indexes of the migrations' result are those of the column list."""
    engine = make_engine(migrated_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        with warnings.catch_warnings():
            # SQLAlchemy cannot reflect expression indexes of SQLite; the others are compared.
            warnings.simplefilter("ignore", sa.exc.SAWarning)
            warnings.filterwarnings("ignore", "autogenerate skipping metadata-specified expression")
            difference = compare_metadata(context, tables.metadata)
    engine.dispose()
    assert difference == []


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
