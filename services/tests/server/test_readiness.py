"""``/healthz``, ``/readyz`` and ``/metrics`` of every process, and what readiness asks."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry, Counter

from query.app_client import AppClient
from query.rows import create_tables
from tracefoundry.auth.access import open_access
from tracefoundry.payloads.errors import ObjectStoreUnavailable
from tracefoundry.server import readiness
from tracefoundry.server.readiness import (
    ObjectStoreCheck,
    Readiness,
    database_check,
    health_app,
)
from tracefoundry.server.stores import OpenStores
from tracefoundry.settings import Settings
from tracefoundry.store import migrations
from tracefoundry.store.api import StoreUnavailable, open_store
from tracefoundry.store.sql.engine import make_engine


def stores_at(url: str) -> OpenStores:
    """Stores over a database; the object store is never asked."""
    nothing: Any = None
    store = open_store(url)
    access = open_access(store.administration, Settings(), ask_tokens=False)
    return OpenStores(store=store, access=access, objects=nothing)


def client_of(**checks: Callable[[], str | None]) -> AppClient:
    """A client of a process with these checks, whose results are not used again."""
    return AppClient(health_app(Readiness(checks, fresh_s=0.0), CollectorRegistry()))


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """An engine on a database with our tables."""
    engine = make_engine(database_url, create=True)
    create_tables(engine)
    yield engine
    engine.dispose()


def set_revision(engine: sa.Engine, revision: str) -> None:
    """What the database says of its schema."""
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32))"
        )
        connection.exec_driver_sql("DELETE FROM alembic_version")
        connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{revision}')")


def test_health_and_readiness(engine: sa.Engine, database_url: str) -> None:
    """Both are well on a database with our tables."""
    set_revision(engine, migrations.head())
    client = client_of(database=database_check(stores_at(database_url).check_database))
    answers = [client.get("/healthz"), client.get("/readyz")]
    assert [(200, {"ok": True}), (200, {"checks": {"database": {"ok": True, "reason": None}}})] == [
        (answer.status_code, answer.json()) for answer in answers
    ]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_may_ask_with_head(path: str) -> None:
    """Some probes want the status alone."""
    assert client_of().request("HEAD", path).status_code == 200


def test_readiness_tells_a_schema_that_is_behind(
    engine: sa.Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And accepts one that is newer, of a program that rolls out beside this one."""
    monkeypatch.setattr(migrations, "head", lambda: "0002")
    monkeypatch.setattr(migrations, "older", lambda: frozenset({"0001"}))
    stores = stores_at(database_url)
    client = client_of(database=database_check(stores.check_database))
    statuses = [client.get("/readyz").status_code]
    for revision in ("0001", "0002", "0003"):
        set_revision(engine, revision)
        statuses.append(client.get("/readyz").status_code)
    assert statuses == [503, 503, 200, 200]


def test_a_read_only_database_is_refused_by_processes_that_write_spans(postgres_url: str) -> None:
    """With a reason that names it; a process that reads stays ready."""
    migrations.upgrade(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    stores = stores_at(postgres_url)
    writing = dataclasses.replace(stores, writes_spans=True)
    stores.check_database()
    with pytest.raises(StoreUnavailable, match="the database is read-only"):
        writing.check_database()
    stores.access.close()
    stores.store.close()


def test_one_failed_check_makes_the_process_unready() -> None:
    """With its reason; the others say how they are."""
    answer = client_of(database=lambda: None, object_store=lambda: "no bucket").get("/readyz")
    assert (503, "application/json") == (answer.status_code, answer.headers["content-type"])
    assert {
        "checks": {
            "database": {"ok": True, "reason": None},
            "object_store": {"ok": False, "reason": "no bucket"},
        }
    } == answer.json()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://me:pw@127.0.0.1:1/db", "the database cannot be reached"),
        (
            "sqlite:////nonexistent.db",
            "the database does not have the schema of this version: run `tracefoundry migrate`",
        ),
    ],
)
def test_a_database_that_is_not_there_is_503(
    url: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The process is alive all the same, and tells strangers nothing; the log has the cause."""
    client = client_of(database=database_check(stores_at(url).check_database))
    answers = [client.get("/readyz"), client.get("/healthz")]
    assert [503, 200] == [answer.status_code for answer in answers]
    checks = {"database": {"ok": False, "reason": reason}}
    assert {"checks": checks} == answers[0].json()
    [line] = [record.message for record in caplog.records if "not ready" in record.message]
    assert ("127.0.0.1" in line or "nonexistent" in line, "pw" in line) == (True, False)


def test_results_are_used_again_for_a_moment() -> None:
    """Probes of many do not become queries of many."""
    asked = []
    checks = {"database": lambda: asked.append(1)}
    client = AppClient(health_app(Readiness(checks, fresh_s=30.0)))
    assert [200] * 3 == [client.get("/readyz").status_code for _ in range(3)]
    assert [1] == asked


def test_metrics_are_those_of_the_registry() -> None:
    """In the Prometheus text format; a process without a registry has no such path."""
    registry = CollectorRegistry()
    Counter("tracefoundry_tests", "Tests.", registry=registry).inc()
    answer = AppClient(health_app(Readiness({}), registry)).get("/metrics")
    assert "tracefoundry_tests_total 1.0" in answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 404 == AppClient(health_app(Readiness({}))).get("/metrics").status_code


class Store:
    """An object store that answers as the test says."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        self.answer = threading.Event()
        self.answer.set()
        self.asked = 0

    def check(self) -> None:
        self.asked += 1
        assert self.answer.wait(120)
        if self.trouble:
            raise ObjectStoreUnavailable(
                f"cannot list bucket 'traces' at http://s3.internal:9000: {self.trouble}",
                public=f"the payload store cannot be used: {self.trouble}",
            )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that a test moves."""
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def check_of(store: Any) -> ObjectStoreCheck:
    """The check of a store."""
    return ObjectStoreCheck(store)


def test_a_result_of_the_object_store_is_used_again_for_some_seconds(clock: list[float]) -> None:
    """Each check costs a request to the store."""
    store = Store()
    check = check_of(store)
    assert [None] * 3 == [check() for _ in range(3)]
    assert 1 == store.asked
    clock[0] += readiness.OBJECT_STORE_FRESH_S + 1
    store.trouble = "AccessDenied"
    assert "the payload store cannot be used: AccessDenied" == check()
    assert 2 == store.asked


def test_a_store_that_hangs_is_reported_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One check is under way at a time; when it ends, its answer counts."""
    monkeypatch.setattr(readiness, "OBJECT_STORE_WAIT_S", 0.05)
    store = Store()
    store.answer.clear()
    check = check_of(store)
    for _ in range(3):
        assert "has not answered within" in (check() or "")
    assert 1 == store.asked
    monkeypatch.setattr(readiness, "OBJECT_STORE_WAIT_S", 30.0)
    store.answer.set()
    assert check() is None
    assert 1 == store.asked
