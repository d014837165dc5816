"""Deleting traces with their payloads: what goes, what stays, and what interrupts it."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from query.payload_store import TODAY, PayloadShelf
from query.rows import add_project, insert
from query.test_payloads import damage
from samples import make_log, make_span, trace_id
from tracefoundry.deletion import payloads as payload_deletion
from tracefoundry.deletion.payloads import PayloadRemover
from tracefoundry.model.payload import digest_of
from tracefoundry.payloads.errors import ObjectStoreUnavailable
from tracefoundry.payloads.keys import KeyRing
from tracefoundry.store.sql import tables
from tracefoundry.store.sql.deletion.deletion import SqlDeletion
from tracefoundry.store.sql.engine import writing

OTHER = (2, "other")


def message(number: int) -> dict[str, str]:
    """A message that is stored as a blob of its own."""
    return {"role": "user", "content": f"message {number} " + "y" * 400}


def conversation(*numbers: int) -> bytes:
    """A list of messages."""
    return json.dumps([message(number) for number in numbers]).encode()


def traces(shelf: PayloadShelf, *numbers: int) -> None:
    """Traces of one span each."""
    insert(shelf.engine, [make_span(number, 1) for number in numbers])


def delete(shelf: PayloadShelf, number: int) -> dict[str, Any]:
    """The receipt of a deletion."""
    answer = shelf.client("admin").delete(f"/api/traces/{trace_id(number).hex()}")
    assert 200 == answer.status_code, answer.text
    receipt: dict[str, Any] = answer.json()
    return receipt


def readable(shelf: PayloadShelf, ref: str) -> bytes | None:
    """The content that a ref gives, None when it is gone."""
    answer = shelf.client().get(f"/api/payloads/{ref}")
    assert answer.status_code in (200, 410), answer.text
    return answer.content if answer.status_code == 200 else None


def nothing_left(shelf: PayloadShelf) -> bool:
    """No object, no blob, no part, no reference."""
    return not shelf.names() and not any(
        shelf.count(table)
        for table in (tables.payload_blobs, tables.payload_list_parts, tables.span_payload_refs)
    )


def test_a_trace_goes_with_its_payloads_and_their_objects(shelf: PayloadShelf) -> None:
    """Whole values, lists that grew from each other and their messages, of several days."""
    traces(shelf, 1)
    refs = shelf.put([b"alone", conversation(*range(30))])
    refs += shelf.put([conversation(*range(31))])
    refs += shelf.put([b"yesterday"], day=TODAY - 1)
    names = shelf.names()
    receipt = delete(shelf, 1)
    completed = receipt.pop("completed_at")
    objects = receipt.pop("objects")
    assert {
        "traces": 1,
        "spans": 1,
        "logs": 0,
        "payload_refs": 4,
        "objects_total": 3,
        "kept_shared": 0,
    } == receipt
    assert names == sorted(one["name"] for one in objects)
    assert all(one["name"].endswith("/" + one["sha256"]) for one in objects)
    assert completed.endswith("Z")
    assert nothing_left(shelf)
    assert [None] * 4 == [readable(shelf, ref) for ref in refs]


def test_what_another_trace_needs_stays_and_its_pack_is_written_anew(shelf: PayloadShelf) -> None:
    """The stored bytes of what goes are nowhere any more; what stays reads as before."""
    traces(shelf, 1, 2)
    mine, shared, theirs = shelf.put([b"mine", b"shared", b"theirs"], trace=None)
    (pack,) = shelf.names()
    shelf.refer(1, [mine, shared])
    shelf.refer(2, [shared, theirs])
    receipt = delete(shelf, 1)
    (left,) = shelf.names()
    data = (shelf.objects.below.root / left).read_bytes()
    assert (2, 1, 1, [pack]) == (
        receipt["payload_refs"],
        receipt["kept_shared"],
        receipt["objects_total"],
        [one["name"] for one in receipt["objects"]],
    )
    assert (True, True, False) == (b"theirs" in data, b"shared" in data, b"mine" in data)
    assert hashlib.sha256(data).hexdigest() == left.rpartition("/")[2]
    assert [None, b"shared", b"theirs"] == [readable(shelf, ref) for ref in (mine, shared, theirs)]
    assert {"kept_shared": 0, "objects_total": 1}.items() <= delete(shelf, 2).items()
    assert nothing_left(shelf)


def test_a_list_that_another_list_grew_from_stays_for_it(shelf: PayloadShelf) -> None:
    """The shorter conversation is a part of the longer one, of another trace."""
    traces(shelf, 1, 2)
    (short,) = shelf.put([conversation(*range(20))], trace=1)
    (long,) = shelf.put([conversation(*range(25))], trace=2)
    receipt = delete(shelf, 1)
    assert (1, 1, 0) == (
        receipt["payload_refs"],
        receipt["kept_shared"],
        receipt["objects_total"],
    )
    assert conversation(*range(25)) == readable(shelf, long)
    assert 1 < delete(shelf, 2)["objects_total"]
    assert (True, None) == (nothing_left(shelf), readable(shelf, short))


def test_the_longer_list_goes_and_leaves_what_the_shorter_one_needs(shelf: PayloadShelf) -> None:
    """Only the messages that were appended go with it."""
    traces(shelf, 1, 2)
    (short,) = shelf.put([conversation(*range(20))], trace=1)
    before = shelf.count(tables.payload_blobs)
    (long,) = shelf.put([conversation(*range(25))], trace=2)
    assert 0 == delete(shelf, 2)["kept_shared"]
    assert (before, conversation(*range(20)), None) == (
        shelf.count(tables.payload_blobs),
        readable(shelf, short),
        readable(shelf, long),
    )


def test_a_copy_of_another_project_stays(shelf: PayloadShelf) -> None:
    """Projects share nothing."""
    add_project(shelf.engine, *OTHER)
    traces(shelf, 1)
    insert(shelf.engine, [make_span(2, 1)], project=2)
    (ref,) = shelf.put([b"both"], trace=1)
    shelf.put([b"both"], trace=2, project=OTHER)
    assert (1, 0) == (delete(shelf, 1)["objects_total"], len(shelf.names()) - 1)
    assert b"both" == readable(shelf, ref)


@pytest.mark.parametrize("edges", [1, 5, 20_000])
def test_many_traces_go_by_time_with_what_they_share(
    shelf: PayloadShelf, monkeypatch: pytest.MonkeyPatch, edges: int
) -> None:
    """In small steps; a value that only deleted traces shared is not kept for any of them."""
    monkeypatch.setattr("tracefoundry.store.sql.deletion.payload_needs.EDGES_AT_ONCE", edges)
    monkeypatch.setattr(payload_deletion, "STEP_REFS", 3)
    monkeypatch.setattr(payload_deletion, "PAGE_REFS", 7)
    traces(shelf, *range(1, 11))
    for number in range(1, 11):
        shelf.put([conversation(*range(number + 3)), b"own %d" % number, b"shared"], trace=number)
    (kept,) = shelf.put([b"living"], trace=20)
    shelf.put([b"shared"], trace=20)
    receipt = shelf.client("admin").delete("/api/traces", params={"before": 2**62}).json()
    assert (10, 30, 1) == (
        receipt["traces"],
        receipt["payload_refs"],
        receipt["kept_shared"],
    )
    assert (b"living", 2) == (readable(shelf, kept), shelf.count(tables.payload_blobs))


def test_payloads_of_logs_that_came_alone_go_too(shelf: PayloadShelf) -> None:
    """The trace has no spans and no row."""
    insert(shelf.engine, [], [make_log(1, 1)])
    shelf.put([b"in a log"])
    receipt = delete(shelf, 1)
    assert (1, 1, True) == (receipt["logs"], receipt["payload_refs"], nothing_left(shelf))


def test_an_expired_day_needs_no_object_store(shelf: PayloadShelf) -> None:
    """Retention has taken the payloads; only the references are left."""
    traces(shelf, 1)
    shelf.put([b"old"], day=TODAY - 5)
    shelf.execute(
        sa.insert(tables.payload_days).values(
            project_id=1, day=TODAY - 5, expired_at_ns=1, reason="retention"
        )
    )
    shelf.objects.down = {"get", "put", "delete"}
    assert {"payload_refs": 1, "objects_total": 0}.items() <= delete(shelf, 1).items()


def test_without_the_object_store_nothing_is_deleted(shelf: PayloadShelf) -> None:
    """503 before anything went."""
    traces(shelf, 1)
    (ref,) = shelf.put([b"x"])
    shelf.objects.down = {"*"}
    client = shelf.client("admin")
    answers = [
        client.delete(f"/api/traces/{trace_id(1).hex()}"),
        client.delete("/api/traces", params={"before": 2**62}),
    ]
    assert [(503, "payload_store_unavailable", "2")] * 2 == [
        (answer.status_code, answer.json()["error"]["code"], answer.headers["retry-after"])
        for answer in answers
    ]
    assert (1, 1) == (shelf.count(tables.traces), shelf.count(tables.span_payload_refs))
    shelf.objects.down = set()
    assert b"x" == readable(shelf, ref)


@pytest.mark.parametrize("failing", ["get", "put", "delete"])
def test_a_store_that_fails_on_the_way_is_503_and_calling_again_finishes(
    shelf: PayloadShelf, failing: str
) -> None:
    """The trace is gone; what is left of its payloads is found by the next call."""
    traces(shelf, 1, 2)
    refs = shelf.put([conversation(*range(20)), b"mine", b"theirs"], trace=None)
    shelf.refer(1, refs[:2])
    shelf.refer(2, refs[2:])
    shelf.objects.down = {failing}
    answer = shelf.client("admin").delete(f"/api/traces/{trace_id(1).hex()}")
    assert (503, 1) == (answer.status_code, shelf.count(tables.traces))
    shelf.objects.down = set()
    receipt = delete(shelf, 1)
    assert (0, 0, 1) == (receipt["traces"], receipt["spans"], receipt["objects_total"])
    assert [None, None, b"theirs"] == [readable(shelf, ref) for ref in refs]
    again = shelf.client("admin").delete(f"/api/traces/{trace_id(1).hex()}")
    assert (410, 1) == (again.status_code, len(shelf.names()))


def test_the_next_deletion_in_the_project_finishes_an_interrupted_one(shelf: PayloadShelf) -> None:
    """Of any trace; the receipt names what it removed."""
    traces(shelf, 1, 2)
    shelf.put([b"one"], trace=1)
    shelf.put([b"two"], trace=2)
    shelf.objects.down = {"delete"}
    shelf.client("admin").delete(f"/api/traces/{trace_id(1).hex()}")
    shelf.objects.down = set()
    assert (2, True) == (delete(shelf, 2)["objects_total"], nothing_left(shelf))


def test_a_damaged_list_does_not_keep_a_trace_from_being_deleted(shelf: PayloadShelf) -> None:
    """Its parts are found by their rows."""
    traces(shelf, 1)
    shelf.put([conversation(*range(20))])
    (name,) = shelf.names()
    path = shelf.objects.below.root / name
    path.write_bytes(bytes(len(path.read_bytes())))
    assert (1, True) == (delete(shelf, 1)["objects_total"], nothing_left(shelf))


def test_a_list_whose_key_is_gone_is_deleted_too(shelf: PayloadShelf) -> None:
    """And what stays in its pack stays encrypted as it was."""
    traces(shelf, 1, 2)
    ring = KeyRing({"a": bytes(range(32))})
    shelf.keys = ring
    refs = shelf.put([conversation(*range(20)), b"theirs"], trace=None)
    shelf.refer(1, refs[:1])
    shelf.refer(2, refs[1:])
    shelf.keys = KeyRing()
    assert 1 == delete(shelf, 1)["objects_total"]
    shelf.keys = ring
    assert (b"theirs", 1) == (readable(shelf, refs[1]), shelf.count(tables.payload_blobs))


def test_a_missing_pack_does_not_keep_a_trace_from_being_deleted(shelf: PayloadShelf) -> None:
    """What else it held was lost before."""
    traces(shelf, 1, 2)
    mine, theirs = shelf.put([b"mine", b"theirs"], trace=None)
    shelf.refer(1, [mine])
    shelf.refer(2, [theirs])
    (name,) = shelf.names()
    (shelf.objects.below.root / name).unlink()
    assert 1 == delete(shelf, 1)["payload_refs"]
    assert (1, None) == (shelf.count(tables.payload_blobs), readable(shelf, mine))


def test_damage_beside_what_goes_stays_visible(shelf: PayloadShelf) -> None:
    """A damaged neighbour is moved as it is, and still refused."""
    traces(shelf, 1, 2)
    mine, theirs = shelf.put([b"mine", b"theirs" * 100], trace=None)
    shelf.refer(1, [mine])
    shelf.refer(2, [theirs])
    (name,) = shelf.names()
    damage(shelf, name)
    delete(shelf, 1)
    answer = shelf.client().get(f"/api/payloads/{theirs}")
    assert (500, "payload_corrupt") == (answer.status_code, answer.json()["error"]["code"])


def test_a_payload_that_comes_again_is_live_again(shelf: PayloadShelf) -> None:
    """In spite of its tombstone, and its object is not taken by a removal that is not finished."""
    traces(shelf, 1, 2)
    (ref,) = shelf.put([b"again"])
    shelf.objects.down = {"delete"}
    shelf.client("admin").delete(f"/api/traces/{trace_id(1).hex()}")
    shelf.objects.down = set()
    shelf.put([b"again"], trace=3)
    shelf.put([b"two"], trace=2)
    delete(shelf, 2)
    assert b"again" == readable(shelf, ref)


def test_what_a_writer_begins_to_need_meanwhile_stays(
    shelf: PayloadShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan was made without locks; the transaction looks again."""
    traces(shelf, 1, 2)
    (ref,) = shelf.put([conversation(*range(20))])
    remover = PayloadRemover(shelf.database.deletion, shelf.store, KeyRing())
    plan = remover._plan

    def plan_then_refer(*arguments: Any) -> Any:
        monkeypatch.setattr(remover, "_plan", plan)
        removal = plan(*arguments)
        shelf.refer(2, [ref])
        return removal

    monkeypatch.setattr(remover, "_plan", plan_then_refer)
    shelf.database.deletion.delete_trace(1, trace_id(1), now_ns=time.time_ns(), retention_ns=10**15)
    removed = remover.remove(1, "default", time.time_ns())
    assert (1, 0, 1) == (removed.refs, removed.objects_total, removed.kept_shared)
    assert conversation(*range(20)) == readable(shelf, ref)


def test_a_writer_that_holds_a_blob_is_waited_for(shelf: PayloadShelf) -> None:
    """It has locked the row and commits a moment later; the blob stays for it."""
    traces(shelf, 1)
    (ref,) = shelf.put([b"reused"])
    shelf.database.deletion.delete_trace(1, trace_id(1), now_ns=time.time_ns(), retention_ns=10**15)
    remover = PayloadRemover(shelf.database.deletion, shelf.store, KeyRing())
    removed: list[payload_deletion.RemovedPayloads] = []
    thread = threading.Thread(
        target=lambda: removed.append(remover.remove(1, "default", time.time_ns()))
    )
    on_postgres = shelf.engine.dialect.name == "postgresql"
    with writing(shelf.engine) as writer:
        if on_postgres:
            writer.exec_driver_sql("SELECT 1 FROM payload_blobs FOR KEY SHARE")
        thread.start()
        if on_postgres:
            wait_for_a_lock(shelf)
        insert_ref = sa.insert(tables.span_payload_refs).values(
            project_id=1, day=TODAY, trace_id=trace_id(2), ref=digest_of(ref)
        )
        writer.execute(insert_ref)
    thread.join(120)
    assert [(1, 0, 1)] == [(one.refs, one.objects_total, one.kept_shared) for one in removed]
    assert b"reused" == readable(shelf, ref)


def run_beside(*works: Callable[[], None]) -> None:
    """Run all of these at once, to their end; the first failure is raised."""
    failures: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if failures:
        raise failures[0]


@pytest.mark.parametrize("replicas", [1, 3])
def test_deleters_beside_each_other_remove_everything_once(
    shelf: PayloadShelf, replicas: int
) -> None:
    """Several at once, of traces that share lists, messages and packs."""
    numbers = range(1, 13)
    traces(shelf, *numbers)
    for number in numbers:
        shelf.put([conversation(*range(number + 5)), b"own %d" % number], trace=number)
    (kept,) = shelf.put([conversation(*range(9))], trace=50)
    traces(shelf, 50)
    clients = [shelf.client("admin") for _ in range(replicas)]
    # FastAPI builds routes at the first request, which is not made for threads side by side.
    assert [404] * replicas == [
        one.delete(f"/api/traces/{'f' * 32}").status_code for one in clients
    ]

    def work(at: int) -> None:
        for number in numbers[at::3]:
            path = f"/api/traces/{trace_id(number).hex()}"
            answer = clients[at % replicas].delete(path)
            # Other replicas may change its plan again and again. The trace is deleted then, and
            # the next call, whoever makes it, removes the rest.
            if replicas > 1 and answer.status_code == 503:
                assert "again and again" in answer.json()["error"]["message"]
            else:
                assert 200 == answer.status_code, answer.text

    run_beside(*(partial(work, at) for at in range(3)))
    assert conversation(*range(9)) == readable(shelf, kept)
    delete(shelf, 50)
    assert nothing_left(shelf)


def test_a_payload_that_another_replica_moves_meanwhile_goes_from_its_new_object(
    shelf: PayloadShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found in the object that both share, moved by the other one, and only then planned."""
    traces(shelf, 1, 2)
    first_ref, second_ref = shelf.put([b"of the first", b"of the second"], trace=None)
    shelf.refer(1, [first_ref])
    shelf.refer(2, [second_ref])
    looked, moved = threading.Event(), threading.Event()
    real_blobs, real_rewrite = SqlDeletion.blobs_of, payload_deletion.rewrite
    real_remove = SqlDeletion.remove_payloads
    first = threading.Thread(target=delete, args=(shelf, 1))

    def blobs_of(self: SqlDeletion, *arguments: Any) -> Any:
        if first.ident is not None and not looked.is_set():
            looked.set()
            assert moved.wait(120)
        return real_blobs(self, *arguments)

    def rewrite(*arguments: Any) -> Any:
        places = real_rewrite(*arguments)
        if not looked.is_set():
            first.start()
            assert looked.wait(120)
        return places

    def remove(self: SqlDeletion, *arguments: Any, **times: int) -> int | None:
        removed = real_remove(self, *arguments, **times)
        moved.set()
        return removed

    monkeypatch.setattr(SqlDeletion, "blobs_of", blobs_of)
    monkeypatch.setattr(SqlDeletion, "remove_payloads", remove)
    monkeypatch.setattr(payload_deletion, "rewrite", rewrite)
    delete(shelf, 2)
    first.join(120)
    assert looked.is_set()
    assert nothing_left(shelf)


def test_a_step_that_others_change_again_and_again_says_so(
    shelf: PayloadShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503, and the rest is found by the next call."""
    traces(shelf, 1)
    shelf.put([b"x"])
    monkeypatch.setattr(SqlDeletion, "remove_payloads", lambda *_, **_times: None)
    answer = shelf.client("admin").delete(f"/api/traces/{trace_id(1).hex()}")
    assert (503, "store_unavailable") == (answer.status_code, answer.json()["error"]["code"])
    monkeypatch.undo()
    assert (1, True) == (delete(shelf, 1)["objects_total"], nothing_left(shelf))


def test_without_a_payload_store_what_needs_one_is_not_deleted(shelf: PayloadShelf) -> None:
    """A process that lacks the setting must not leave the objects behind."""
    traces(shelf, 1)
    shelf.put([b"x"])
    remover = PayloadRemover(shelf.database.deletion, None, KeyRing())
    with pytest.raises(ObjectStoreUnavailable, match="TRACEFOUNDRY_PAYLOAD_URL"):
        remover.check_store()


def wait_for_a_lock(shelf: PayloadShelf) -> None:
    """Until some connection waits for another one's lock."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with shelf.engine.connect() as connection:
            waiting = connection.exec_driver_sql(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock' AND datname = current_database()"
            ).scalar_one()
        if waiting:
            return
        time.sleep(0.01)
    raise AssertionError("nobody waits")
