"""Dry replay over HTTP: payloads that are whole, gone, damaged or elsewhere."""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa

from query.app_client import AppClient
from query.payload_store import TODAY, PayloadShelf, entry
from query.rows import insert
from query.test_payloads import conversation, damage
from samples import make_span, trace_id
from tracefoundry.model.payload import PayloadEntry, digest_of, ref_of
from tracefoundry.store.sql import tables

TRACE = trace_id(1).hex()


def dry_replay(client: AppClient, trace: str = TRACE) -> dict[str, Any]:
    answer = client.request("POST", f"/api/traces/{trace}/dry-replay", json={})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def add_trace(shelf: PayloadShelf, *entries: PayloadEntry) -> None:
    """A root and a child that has these payloads."""
    insert(shelf.engine, [make_span(span=1), make_span(span=2, parent=1, payloads=entries)])


def found(answer: dict[str, Any]) -> dict[str, int]:
    return {check["check"]: check["count"] for check in answer["checks"] if check["count"]}


def test_a_trace_whose_payloads_are_whole_can_be_replayed(shelf: PayloadShelf) -> None:
    values = [b"a prompt", conversation(40), conversation(41)]
    shelf.put(values)
    add_trace(shelf, *map(entry, values))
    answer = dry_replay(shelf.client())
    assert (answer["ok"], answer["spans"], answer["roots"]) == (True, 2, 1)
    assert answer["payloads"] == {"present": 3}
    assert found(answer) == {}


def test_a_damaged_payload_and_one_that_lost_its_object_are_told_apart(shelf: PayloadShelf) -> None:
    whole = conversation(40)
    shelf.put([whole])
    (damaged,) = shelf.names()
    shelf.put([b"two"])
    (lost,) = set(shelf.names()) - {damaged}
    add_trace(shelf, entry(whole), entry(b"two"))
    damage(shelf, damaged)
    (shelf.objects.below.root / lost).unlink()
    answer = dry_replay(shelf.client())
    assert not answer["ok"]
    assert answer["payloads"] == {"corrupt": 1, "missing": 1}
    hashes = next(check for check in answer["checks"] if check["check"] == "hashes")
    assert hashes["items"] == [
        {
            "trace_id": TRACE,
            "span_id": "0000000000000002",
            "place": "span",
            "key": "gen_ai.input.messages",
            "ref": ref_of(whole),
        }
    ]


def test_content_that_is_gone_is_told_by_its_reason(shelf: PayloadShelf) -> None:
    deleted = tables.payload_tombstones.c
    shelf.execute(
        sa.insert(tables.payload_tombstones).values(
            {
                deleted.project_id: 1,
                deleted.ref: digest_of(ref_of(b"deleted")),
                deleted.deleted_at_ns: time.time_ns(),
                deleted.keep_until_ns: 2**62,
                deleted.reason: "trace_deleted",
            }
        )
    )
    add_trace(
        shelf,
        entry(b"expired", state="expired"),
        entry(b"deleted"),
        entry(b"never stored"),
        entry(b"", ref=None, state="redacted"),
        entry(b"", ref="https://elsewhere.example/1", state="reference"),
    )
    answer = dry_replay(shelf.client())
    assert not answer["ok"]
    assert found(answer) == {"expired": 1, "deleted": 1, "missing": 1, "redacted": 1, "dangling": 1}


def test_a_senders_reference_to_content_of_another_day_is_read_there(shelf: PayloadShelf) -> None:
    (ref,) = shelf.put([b"shared"], trace=2, day=TODAY - 1)
    add_trace(shelf, entry(b"", ref=ref, state="reference"))
    answer = dry_replay(shelf.client())
    assert (answer["ok"], answer["payloads"]) == (True, {"present": 1})


def test_it_is_recorded_and_wants_the_role_that_may_read_content(shelf: PayloadShelf) -> None:
    add_trace(shelf)
    path = f"/api/traces/{TRACE}/dry-replay"
    assert shelf.client("viewer").request("POST", path, json={}).status_code == 403
    dry_replay(shelf.client())
    log = tables.audit_log.c
    with shelf.engine.connect() as connection:
        rows = connection.execute(
            sa.select(log.action, log.outcome, log.target).order_by(log.at_ns)
        ).all()
    assert [tuple(row) for row in rows if row.outcome == "allowed"] == [
        ("trace.replay", "allowed", TRACE)
    ]


def test_an_object_store_that_is_down_is_503_and_no_verdict(shelf: PayloadShelf) -> None:
    shelf.put([b"a prompt"])
    add_trace(shelf, entry(b"a prompt"))
    shelf.objects.down = {"*"}
    answer = shelf.client().request("POST", f"/api/traces/{TRACE}/dry-replay", json={})
    assert answer.status_code == 503


def test_an_unknown_trace_is_404(shelf: PayloadShelf) -> None:
    answer = shelf.client().request("POST", f"/api/traces/{'ff' * 16}/dry-replay", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "trace_not_found")
