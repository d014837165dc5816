"""What callers are told while the database or the payload store cannot be reached.

Their messages name hosts, ports, users, files, buckets: these are for the log.
"""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from query.app_client import AppClient
from query.payload_store import PayloadShelf
from tracefoundry.query.app import create_app
from tracefoundry.query.settings import QuerySettings
from tracefoundry.store.api import open_store
from tracefoundry.store.sql.errors import unavailable

TRACE = "0" * 31 + "1"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/traces"),
        ("GET", f"/api/traces/{TRACE}"),
        ("GET", f"/api/traces/{TRACE}/spans"),
        ("GET", f"/api/traces/{TRACE}/tree"),
        ("GET", "/api/spans/" + "0" * 15 + f"1?trace_id={TRACE}"),
        ("GET", "/api/stats"),
        ("GET", "/api/payloads/sha256:" + "0" * 64),
        ("GET", "/api/session"),
        ("GET", "/api/projects"),
        ("GET", "/api/tokens"),
        ("GET", "/api/audit"),
        ("DELETE", f"/api/traces/{TRACE}"),
        ("DELETE", "/api/traces?before=1"),
    ],
)
@pytest.mark.parametrize(
    "url", ["postgresql://secretuser:secretpw@127.0.0.1:1/secretdb", "sqlite:////secretfile.db"]
)
def test_no_answer_names_host_port_user_or_file(
    method: str, path: str, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even to an admin; the log names the place, and never the password."""
    store = open_store(url)
    answer = AppClient(create_app(store, QuerySettings())).request(method, path)
    store.close()
    assert (503, "store_unavailable") == (answer.status_code, answer.json()["error"]["code"])
    assert int(answer.headers["retry-after"]) > 0
    for private in ("127.0.0.1", "port", "secret"):
        assert private not in answer.text
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert "127.0.0.1" in logged or "/secretfile.db" in logged
    assert "secretpw" not in logged


def test_trouble_is_logged_once_not_for_each_request(caplog: pytest.LogCaptureFixture) -> None:
    """Callers ask again and again while the database is away."""
    caplog.set_level(logging.WARNING)
    store = open_store("sqlite:////secretfile.db")
    client = AppClient(create_app(store, QuerySettings()))
    for _ in range(5):
        client.get("/api/traces")
    store.close()
    assert 1 == sum("answered as unavailable" in record.message for record in caplog.records)


def test_the_payload_folder_is_not_named(shelf: PayloadShelf, tmp_path: Path) -> None:
    """Neither its path nor the object's name, but the cause and the remedy."""
    (ref,) = shelf.put([b"x"])
    shelf.objects.below.root.rename(tmp_path / "away")
    answer = shelf.client().get(f"/api/payloads/{ref}")
    assert (
        503,
        "the payload store cannot be used: the folder is gone: mount or create it again",
    ) == (
        answer.status_code,
        answer.json()["error"]["message"],
    )
    assert str(tmp_path) not in answer.text


def test_drivers_messages_are_not_public() -> None:
    """They say host, port and user."""
    import psycopg

    found = unavailable(psycopg.OperationalError('connection to server at "db.internal" failed'))
    assert found is not None
    assert "db.internal" in str(found)
    assert found.public == "the database cannot be reached"
