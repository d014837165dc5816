"""PostgreSQL sessions: what statements rely on is set in every one, and what cannot be is refused.

A server, a database, a role and a URL can each change what a statement means. The first tests run
with a database whose settings are all the wrong way round.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from postgres_server import PostgresServer, system_binaries, wheel_binaries
from samples import make_span, trace_id
from store.answers import commit
from store.conftest import new_writer
from store.reading import read_spans, rows
from stores import prepare_database
from tracefoundry.cli.app import main
from tracefoundry.model.times import DAY_NS
from tracefoundry.store import migrations
from tracefoundry.store.api import StoreUnavailable, UnsuitableDatabase, open_store
from tracefoundry.store.postgres.deletion import PostgresRetentionRun
from tracefoundry.store.postgres.writer import PostgresWriter
from tracefoundry.store.sql import sessions
from tracefoundry.store.sql.engine import make_engine, reading

HOSTILE = {
    "standard_conforming_strings": "off",
    "client_encoding": "LATIN1",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "bytea_output": "escape",
    "datestyle": "German, DMY",
    "intervalstyle": "sql_standard",
    "timezone": "Asia/Kathmandu",
    "extra_float_digits": "-15",
    "row_security": "on",
    "gin_fuzzy_search_limit": "1",
    "enable_partition_pruning": "off",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "idle_session_timeout": "5s",
    "statement_timeout": "2s",
    "lock_timeout": "1ms",
    "synchronous_commit": "off",
}
EXPECTED = {
    "standard_conforming_strings": "on",
    "client_encoding": "UTF8",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "bytea_output": "hex",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "row_security": "off",
    "gin_fuzzy_search_limit": "0",
    "enable_partition_pruning": "on",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "idle_session_timeout": "0",
    "synchronous_commit": "on",
}
NEWER = {"transaction_timeout": "0"}
"""Settings that PostgreSQL 15 does not have."""

SHOW_ALL = "SELECT name, setting FROM pg_settings"

Settings = dict[str, str]


def alter(url: str, settings: Settings) -> None:
    """Change what sessions of a database begin with."""
    with psycopg.connect(url, autocommit=True) as connection:
        for name, value in settings.items():
            connection.execute(
                psycopg.sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                    psycopg.sql.Identifier(connection.info.dbname),
                    psycopg.sql.Identifier(name),
                    psycopg.sql.Literal(value),
                )
            )


@pytest.fixture(params=["postgres_url", "newest_postgres_url"])
def hostile_url(request: pytest.FixtureRequest) -> str:
    """A database whose settings are all the wrong way round, on the oldest and newest server."""
    url: str = request.getfixturevalue(request.param)
    with psycopg.connect(url) as connection:
        newer = connection.info.server_version >= 170_000
    alter(url, HOSTILE | ({"transaction_timeout": "5s"} if newer else {}))
    return url


def settings_of(connection: psycopg.Connection) -> Settings:
    return {row[0]: row[1] for row in connection.execute(SHOW_ALL)}


def of_writer(url: str) -> Settings:
    writer = new_writer(url)
    assert isinstance(writer, PostgresWriter)
    found = settings_of(writer._connected())
    writer.close()
    return found


def of_engine(url: str) -> Settings:
    engine = make_engine(url)
    with reading(engine) as connection:
        found = {row[0]: row[1] for row in connection.exec_driver_sql(SHOW_ALL)}
    engine.dispose()
    return found


def of_retention(url: str) -> Settings:
    store = open_store(url)
    with store.deletion.retention_run(dry_run=False, check=lambda: None) as run:
        assert isinstance(run, PostgresRetentionRun)
        found = settings_of(run.connection)
    store.close()
    return found


@pytest.mark.parametrize(
    ("part", "limits"),
    [
        (of_writer, {"statement_timeout": "60000", "lock_timeout": "20000"}),
        (of_engine, {"statement_timeout": "30000", "lock_timeout": "0"}),
        (of_retention, {"statement_timeout": "120000", "lock_timeout": "2000"}),
    ],
)
def test_every_part_pins_its_settings(
    part: Callable[[str], Settings], limits: Settings, hostile_url: str
) -> None:
    """The settings of its session are ours, not the database's."""
    prepare_database(hostile_url)
    found = part(hostile_url)
    expected = EXPECTED | limits | {name: NEWER[name] for name in NEWER if name in found}
    assert expected == {name: found[name] for name in expected}


def test_what_is_written_is_read_back(hostile_url: str) -> None:
    """Ids, text of any language, backslashes, quotes, nulls, floats; and deletion finds it."""
    prepare_database(hostile_url)
    attributes: dict[str, Any] = {
        "text": "emoji \U0001f9ea, 日本, \\x41, \\' '' \\\\",
        "float": 0.1 + 0.2,
        "null": "NULL",
        "none": None,
    }
    spans = [make_span(trace=n, span=n, name="日本 \\", attributes=attributes) for n in (1, 2)]
    writer = new_writer(hostile_url)
    commit(writer, spans)
    writer.close()
    found = read_spans(hostile_url)
    assert [(span.trace_id, span.name, span.attributes) for span in spans] == [
        (span.trace_id, span.name, span.attributes) for span in found
    ]
    store = open_store(hostile_url)
    now = time.time_ns()
    deleted = store.deletion.delete_trace(1, trace_id(1), now_ns=now, retention_ns=7 * DAY_NS)
    later = store.deletion.delete_before([1], now, now_ns=now, retention_ns=7 * DAY_NS)
    store.close()
    assert (deleted.spans, later.spans, read_spans(hostile_url)) == (1, 1, [])


def test_options_of_the_url_do_not_change_what_statements_mean(postgres_url: str) -> None:
    """They come before ours."""
    url = f"{postgres_url}?client_encoding=LATIN1&options=-cstandard_conforming_strings%3Doff"
    prepare_database(url)
    assert EXPECTED.items() <= of_writer(url).items()
    assert EXPECTED.items() <= of_engine(url).items()


def test_the_schema_that_a_url_or_role_chooses_stays(postgres_url: str) -> None:
    """``search_path`` is the user's."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA tenant")
    url = f"{postgres_url}?options=-csearch_path%3Dtenant"
    prepare_database(url)
    writer = new_writer(url)
    commit(writer, [make_span()])
    writer.close()
    schemas = rows(postgres_url, "SELECT schemaname FROM pg_tables WHERE tablename = 'spans'")
    assert (schemas, len(read_spans(url))) == ([{"schemaname": "tenant"}], 1)


def test_a_search_path_without_a_schema_is_refused(postgres_url: str) -> None:
    """Its tables would be nowhere."""
    with pytest.raises(UnsuitableDatabase, match="search_path"):
        migrations.upgrade(f"{postgres_url}?options=-csearch_path%3Dnowhere")


@pytest.fixture(params=["LATIN1", "SQL_ASCII", "EUC_JP"])
def other_encoding(
    request: pytest.FixtureRequest, postgres_server: PostgresServer
) -> Iterator[tuple[str, str]]:
    """A database of another encoding, with its name."""
    name = f"in_{request.param.lower()}"
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} ENCODING '{request.param}' LOCALE 'C' TEMPLATE template0"
        )
    yield postgres_server.url(name), request.param
    postgres_server.drop_database(name)


def test_another_encoding_is_refused_by_every_part(other_encoding: tuple[str, str]) -> None:
    """By writers, readers (and with them readiness) and migrations, in the same words."""
    url, encoding = other_encoding
    store = open_store(url)
    said = f"the database has the encoding {encoding}: UTF8 is needed"
    for part in (migrations.upgrade, of_writer, of_engine, of_retention):
        with pytest.raises(UnsuitableDatabase, match=said):
            part(url)
    with pytest.raises(UnsuitableDatabase, match=said):
        store.check()
    store.close()


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_start_with_another_encoding_fails_at_once(
    command: str, other_encoding: tuple[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """In one line, without waiting for a database that comes up."""
    url, encoding = other_encoding
    ports = ["--port", "0", "--otlp-port", "0", "--grpc-port", "0"] if command == "serve" else []
    code = main([command, "--database", url, *ports])
    lines = capfd.readouterr().err.splitlines()
    # A start that waits says so in another line.
    assert (code, len(lines)) == (1, 1), lines
    assert f"encoding {encoding}: UTF8 is needed" in lines[0]


def test_a_version_that_is_too_old_is_refused(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told by its number."""
    monkeypatch.setattr(sessions, "OLDEST_POSTGRES", 99)
    for part in (migrations.upgrade, of_writer, of_engine):
        with pytest.raises(UnsuitableDatabase, match="version 99 or newer is needed"):
            part(postgres_url)


def check_read_only(url: str) -> None:
    """What writes refuses a database, what only reads does not."""
    for part in (migrations.upgrade, of_writer, of_retention):
        with pytest.raises(UnsuitableDatabase, match="read-only"):
            part(url)
    store = open_store(url)
    with pytest.raises(UnsuitableDatabase, match="read-only"):
        store.check(writes=True)
    store.check()
    store.check_schema()
    with store.deletion.retention_run(dry_run=True, check=lambda: None) as run:
        assert run.database_bytes()
    store.close()
    assert main(["migrate", "--database", url]) == 1


def test_a_database_set_to_be_read_only_is_refused_by_what_writes(postgres_url: str) -> None:
    """An administrator may do so where a disk is nearly full."""
    prepare_database(postgres_url)
    alter(postgres_url, {"default_transaction_read_only": "on"})
    check_read_only(postgres_url)


def test_a_replica_is_refused_by_what_writes() -> None:
    """A server in recovery, as after a failover; once it is promoted the same store is ready."""
    server = PostgresServer(system_binaries() or wheel_binaries())
    try:
        server.start()
        url = server.create_database("replica")
        prepare_database(url)
        server.stop()
        (server.folder / "data" / "standby.signal").touch()
        server.start()
        check_read_only(url)
        store = open_store(url)
        with pytest.raises(StoreUnavailable):
            store.check(writes=True)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")
        store.check(writes=True)
        store.close()
    finally:
        server.remove()


def test_a_stronger_synchronous_commit_stays(postgres_url: str) -> None:
    """Only ``off`` is changed."""
    alter(postgres_url, {"synchronous_commit": "remote_apply"})
    prepare_database(postgres_url)
    for part in (of_writer, of_engine):
        assert part(postgres_url)["synchronous_commit"] == "remote_apply"


def test_rows_that_a_policy_hides_are_an_error(postgres_url: str) -> None:
    """Not a deletion that misses them."""
    prepare_database(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS hidden_from")
        connection.execute("CREATE ROLE hidden_from LOGIN")
        connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO hidden_from")
        connection.execute("ALTER TABLE traces ENABLE ROW LEVEL SECURITY")
    engine = make_engine(postgres_url.replace("postgres@", "hidden_from@"))
    with pytest.raises(StoreUnavailable, match="row-level security"), reading(engine) as reader:
        reader.exec_driver_sql("SELECT 1 FROM traces")
    engine.dispose()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP OWNED BY hidden_from")
        connection.execute("DROP ROLE hidden_from")
