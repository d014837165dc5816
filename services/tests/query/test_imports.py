"""``POST /api/bundles/import`` over each database: what it answers, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bundle.test_import_bundle import bundle_of, call, event
from query.app_client import AppClient
from query.conftest import Api
from samples import make_span
from stores import writer_of
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.query.app import create_app
from tracefoundry.query.settings import QuerySettings
from tracefoundry.store.api import Store
from tracefoundry.store.sql import tables

PATH = "/api/bundles/import"
TRACE = f"{1:032x}"
ZIP = {"content-type": "application/zip"}


@pytest.fixture
def importing(api: Api, store: Store, tmp_path: Path) -> Api:
    """The application with a payload store."""
    objects = FilesystemStore(tmp_path / "payloads")
    client = AppClient(create_app(store, QuerySettings(import_max_bytes=200_000), objects=objects))
    return Api(client, api.engine, store)


def send(api: Api, content: bytes, **parameters: object) -> tuple[int, dict[str, Any]]:
    """Status and JSON of an import."""
    answer = api.client.request("POST", PATH, content=content, params=parameters, headers=ZIP)
    return answer.status_code, answer.json()


def rows_of(api: Api) -> int:
    """How many rows the tables that imports write have."""
    written = (
        tables.traces, tables.imported_spans, tables.imported_span_logs, tables.payload_blobs,
        tables.span_payload_refs, tables.staged_imports,
    )  # fmt: skip
    with api.engine.connect() as connection:
        return sum(
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in written
        )


def test_a_bundle_is_imported_once(importing: Api) -> None:
    """The trace says where it came from, and its payload can be read."""
    content = bundle_of([("default", [call(1, 1, "hello")], [event(1)])]).getvalue()
    status, answer = send(importing, content)
    empty = {"redactions": [], "notes": []}
    assert (200, {
        "traces": 1, "spans": 1, "logs": 1, "payloads": 1, "already_present": 0, "report": empty,
    }) == (status, answer)  # fmt: skip
    trace = importing.get(f"/api/traces/{TRACE}")
    assert ("bundle_import", "offline", "prod") == (
        trace["source"], trace["environment"], trace["original_environment"],
    )  # fmt: skip
    (span,) = importing.get(f"/api/traces/{TRACE}/spans")["spans"]
    (entry,) = span["payloads"]
    assert "present" == entry["state"]
    assert 1 == len(span["logs"])
    payload = importing.client.get(f"/api/payloads/{entry['ref']}")
    assert b"hello" in payload.content
    before = rows_of(importing)
    status, answer = send(importing, content)
    assert (200, 0, 1) == (status, answer["traces"], answer["already_present"])
    assert before == rows_of(importing)


@pytest.mark.parametrize(
    ("content", "parameters", "status", "code"),
    [
        (b"PK\3\4 and then nothing", {}, 400, "invalid_bundle"),
        (b"PK" + bytes(100_000), {}, 400, "invalid_bundle"),
        (b"{}", {"format": "bundle"}, 400, "invalid_bundle"),
        (b"", {}, 400, "unreadable_file"),
        (b"not a trace", {}, 400, "unreadable_file"),
        (bytes(300_000), {}, 413, "too_large"),
        (b"{}", {"format": "word"}, 400, "invalid_parameter"),
    ],
)
def test_what_is_no_bundle_stores_nothing(
    importing: Api, content: bytes, parameters: dict[str, str], status: int, code: str
) -> None:
    """It is refused with the reason."""
    found, answer = send(importing, content, **parameters)
    assert (status, code) == (found, answer["error"]["code"])
    assert 0 == rows_of(importing)


def test_projects_and_conflicts_are_named(importing: Api, store: Store) -> None:
    """A missing project is 404, a live trace 409, weaker redaction 422."""
    other = bundle_of([("team", [call(1, 1, "x")], [])]).getvalue()
    status, answer = send(importing, other)
    assert (404, "unknown_project") == (status, answer["error"]["code"])
    assert 200 == send(importing, other, project="default")[0]
    writer = writer_of(store)
    writer.commit([writer.prepare_span(1, make_span(2))])
    writer.close()
    live = bundle_of([("default", [call(1, 2, "x")], [])]).getvalue()
    status, answer = send(importing, live)
    assert (409, "trace_exists") == (status, answer["error"]["code"])
    assert "OTLP" in answer["error"]["message"]


def test_a_file_of_another_platform_is_told_by_its_content(importing: Api) -> None:
    """OTLP JSON as the collector's file exporter writes it, redacted by the project's policy."""
    span = {
        "traceId": TRACE, "spanId": "00000000000000a1", "name": "chat", "kind": 1,
        "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000000000001",
    }  # fmt: skip
    line = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    status, answer = send(importing, json.dumps(line).encode())
    assert (200, 1, 1) == (status, answer["traces"], answer["spans"]), answer
    assert "file_import" == importing.get(f"/api/traces/{TRACE}")["source"]


def test_only_administrators_import(importing: Api) -> None:
    """The document says so, and what the body is."""
    operation = importing.get("/openapi.json")["paths"][PATH]["post"]
    assert "application/octet-stream" in operation["requestBody"]["content"]
