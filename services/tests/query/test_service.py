"""The service around the routes: metrics, documents, origins, and a store in trouble."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry, generate_latest

from query.conftest import Api, AppClient
from query.rows import create_tables
from tracefoundry.auth.origin_check import ANY_HOST, LOOPBACK_HOSTS, refusal
from tracefoundry.query.app import create_app
from tracefoundry.query.settings import QuerySettings
from tracefoundry.store.api import StoreMisconfigured, StoreUnavailable, open_store
from tracefoundry.store.sql import tables
from tracefoundry.store.sql.engine import make_engine, reading, shown_url, writing
from tracefoundry.store.sql.reader import SqlReader


def test_requests_are_counted_by_route_not_by_path(api: Api) -> None:
    """Paths are unbounded."""
    registry = CollectorRegistry()
    client = AppClient(create_app(api.store, QuerySettings(), registry=registry))
    client.get(f"/api/traces/{'1' * 32}")
    text = generate_latest(registry).decode()
    assert (
        'tracefoundry_http_requests_total{method="GET",route="/api/traces/{trace_id}",'
        'status="404"} 1.0' in text
    )


def test_the_reference_page_needs_nothing_from_the_network(api: Api) -> None:
    """It lists what /openapi.json lists."""
    page = api.client.get("/docs").text
    paths = api.get("/openapi.json")["paths"]
    assert [path for path in paths if path not in page] == []
    assert ("<script" in page, "http" in page.replace("http-equiv", "")) == (False, False)


def test_cors_answers_only_the_origins_that_are_set(api: Api) -> None:
    """By setting; none by default."""
    settings = QuerySettings(cors_origins=("https://ui.example",))
    client = AppClient(create_app(api.store, settings))
    allowed = [
        client.get("/api/traces", headers={"Origin": origin}).headers.get(
            "access-control-allow-origin"
        )
        for origin in ("https://ui.example", "https://evil.example")
    ]
    assert allowed == ["https://ui.example", None]


@pytest.mark.parametrize(
    ("host", "origin", "allowed"),
    [
        ("127.0.0.1:8080", None, True),
        ("localhost", None, True),
        ("LOCALHOST:9", "http://localhost:9", True),
        ("[::1]:8080", "http://[::1]:8080", True),
        ("localhost", "http://localhost:80", True),
        ("LOCALHOST:9", "http://localhost:3000", False),
        ("localhost:8080", "https://localhost:8080", False),
        ("localhost:8080", "http://127.0.0.1:8080", False),
        ("localhost:8080", "http://localhost:8080/", False),
        ("localhost:8080", "http://localhost", False),
        ("[::1]:8080", "https://[::1]:1", False),
        ("127.0.0.1", "https://ui.example", True),
        ("127.0.0.1", "https://evil.example", False),
        ("127.0.0.1", "null", False),
        ("127.0.0.1", "http://127.0.0.1.evil.example", False),
        ("127.0.0.1", "http://localhost@evil.example", False),
        ("127.0.0.1", "file://localhost", False),
        ("evil.example:8080", None, False),
        ("localhost.evil.example", None, False),
        ("localhost:x", None, False),
        ("", None, False),
    ],
)
def test_only_loopback_names_open_a_loopback_server(
    host: str, origin: str | None, allowed: bool
) -> None:
    """Against DNS rebinding and against pages of other origins."""
    reason = refusal(
        [host], [] if origin is None else [origin], LOOPBACK_HOSTS, {"https://ui.example"}
    )
    assert (reason is None) == allowed


@pytest.mark.parametrize(
    ("host", "origin", "allowed"),
    [
        ("traces.example.org", None, True),
        ("", None, True),
        ("10.0.0.5:8080", "http://10.0.0.5:8080", True),
        ("traces.example.org", "https://traces.example.org", True),
        ("traces.example.org", "https://ui.example", True),
        ("10.0.0.5:8080", "http://10.0.0.5:3000", False),
        ("10.0.0.5:8080", "http://evil.example", False),
        ("10.0.0.5:8080", "null", False),
        ("traces.example.org", "ftp://traces.example.org", False),
    ],
)
def test_without_login_only_its_own_pages_use_a_server_that_others_reach(
    host: str, origin: str | None, allowed: bool
) -> None:
    """It has names that it does not know, so Host may be any; a proxy may have taken TLS away."""
    reason = refusal([host], [] if origin is None else [origin], ANY_HOST, {"https://ui.example"})
    assert (reason is None) == allowed


def test_two_host_headers_are_refused() -> None:
    """Which one counts would be a guess."""
    assert refusal(["localhost", "evil"], [], LOOPBACK_HOSTS, ()) is not None


def test_a_refused_host_is_403_in_our_shape(api: Api) -> None:
    """On every path."""
    client = AppClient(create_app(api.store, QuerySettings(allowed_hosts=LOOPBACK_HOSTS)))
    refused = client.get("/api/traces")
    let_in = client.get("/api/traces", headers={"Host": "127.0.0.1:8080"})
    assert (refused.status_code, refused.json()["error"]["code"], let_in.status_code) == (
        403,
        "wrong_origin",
        200,
    )


def test_a_store_without_tables_is_503_and_says_what_to_run(database_url: str) -> None:
    """Not a traceback, not an empty list."""
    engine = make_engine(database_url, create=True)
    engine.connect().close()
    engine.dispose()
    store = open_store(database_url)
    answer = AppClient(create_app(store, QuerySettings())).get("/api/traces")
    store.close()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "tracefoundry migrate" in answer.json()["error"]["message"]


@pytest.mark.parametrize("url", ["postgresql://me:pw@127.0.0.1:1/db", "sqlite:////nonexistent.db"])
def test_a_database_that_is_not_there_is_503(url: str) -> None:
    """Without the password that does not help there."""
    client = AppClient(create_app(open_store(url), QuerySettings()))
    answer = client.get("/api/traces")
    assert answer.status_code == 503
    assert "pw" not in answer.text


def test_a_reader_never_makes_a_sqlite_file(tmp_path: Path) -> None:
    """A wrong path must not leave an empty database behind."""
    with pytest.raises(StoreUnavailable):
        open_store(f"sqlite:///{tmp_path}/absent.db").check()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:secret@host/db",
        "sqlite://",
        "sqlite:///:memory:",
        "me:secret@host",
        "",
        "postgresql://me:secret@host:port/db",
        "postgresql://me:se@cret@host:x/db?password=secret",
    ],
)
def test_a_wrong_url_is_refused_without_its_password(url: str) -> None:
    """And the message says which forms are right."""
    with pytest.raises(StoreMisconfigured) as refused:
        make_engine(url)
    assert "secret" not in str(refused.value)
    assert "sqlite:///PATH" in str(refused.value)


def test_a_shown_url_has_no_password() -> None:
    """Nor query parameters, which may hold one."""
    assert shown_url("postgresql://me:p/w@h:1/db?password=x") == "postgresql://me:***@h:1/db"


def test_reading_cannot_write(engine: sa.Engine) -> None:
    """A snapshot is read-only on both databases."""
    with pytest.raises((StoreUnavailable, sa.exc.DBAPIError)), reading(engine) as connection:
        connection.exec_driver_sql("DELETE FROM projects")


def test_a_read_that_takes_too_long_ends_as_unavailable(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite too, which has no statement timeout of its own."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n"
    monkeypatch.setattr("tracefoundry.store.sql.engine.STATEMENT_TIMEOUT_MS", 100)
    engine.dispose()  # connections that are made now have the short limit
    with pytest.raises(StoreUnavailable), reading(engine) as connection:
        connection.exec_driver_sql(endless)


@pytest.mark.parametrize("server", ["postgres_url", "newest_postgres_url"])
def test_a_url_of_several_hosts_finds_the_one_that_answers(
    server: str, request: pytest.FixtureRequest
) -> None:
    """As libpq takes it, with its options, so that reader and writer take the same URL."""
    url: str = request.getfixturevalue(server)
    head, _, tail = url.partition("127.0.0.1:")
    several = f"{head}127.0.0.1:1,127.0.0.1:{tail}?target_session_attrs=read-write"
    engine = make_engine(several)
    create_tables(engine)
    engine.dispose()
    store = open_store(several)
    store.check()
    store.close()


def test_a_connection_that_takes_no_writes_any_more_is_replaced(postgres_url: str) -> None:
    """After a failover the pool must not keep its connections to the old primary."""
    engine = make_engine(postgres_url, pool_size=1)
    create_tables(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("SET default_transaction_read_only = on")
        connection.commit()
    insert = sa.insert(tables.projects)
    values = {"project_id": 2, "name": "second", "created_at_ns": 0}
    with pytest.raises(StoreUnavailable), writing(engine) as connection:
        connection.execute(insert, values)
    with writing(engine) as connection:
        connection.execute(insert, values)
    with SqlReader(engine).snapshot() as snapshot:
        assert snapshot.projects() == {"default": 1, "second": 2}
    engine.dispose()


def test_a_store_can_be_used_after_its_database_came_back(database_url: str) -> None:
    """A connection that died is replaced, not reported."""
    engine = make_engine(database_url, create=True)
    create_tables(engine)
    store = open_store(database_url)
    store.check()
    if engine.dialect.name == "postgresql":
        with engine.begin() as killer:
            others = killer.exec_driver_sql(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert others.scalar_one() >= 1
    store.check()
    store.close()
    engine.dispose()
