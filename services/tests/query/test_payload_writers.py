"""Deleting traces beside real writers that store and reuse the same payloads."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from samples import make_span, trace_id
from tracefoundry.deletion.payloads import PayloadRemover
from tracefoundry.model.limits import WINDOW_AHEAD_NS
from tracefoundry.model.payload import Content, PayloadRows, digest_of, ref_of
from tracefoundry.model.times import DAY_NS, day_of
from tracefoundry.payloads.codec import BlobCodec
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.payloads.keys import KeyRing
from tracefoundry.payloads.storing import PayloadWriter
from tracefoundry.query.payload_reading import PayloadReader
from tracefoundry.store import migrations
from tracefoundry.store.api import PayloadsGone, PreparedSpan, open_store
from tracefoundry.store.sql import tables
from tracefoundry.store.sql.engine import make_engine

TRACES = 40


def values_of(number: int) -> list[bytes]:
    """What the trace refers to: much of it is the same in many traces."""
    messages = [{"content": f"{n} " + "z" * 300} for n in range(2 + number % 5)]
    return [b"a system prompt that all share", json.dumps(messages).encode() + b" " * 900]


@pytest.mark.parametrize("encrypted", [True, False])
def test_no_live_payload_is_lost_beside_deletions(
    database_url: str, tmp_path: Path, encrypted: bool
) -> None:
    """Writers and deleters at once; whatever trace is left can be read whole."""
    migrations.upgrade(database_url)
    store = open_store(database_url)
    engine = make_engine(database_url)
    objects = FilesystemStore(tmp_path / "payloads")
    keys = KeyRing({"k": bytes(range(32))} if encrypted else {})
    written: list[int] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def write(numbers: range) -> None:
        writer = open_store(database_url).writer(retention_ns=7 * DAY_NS, ahead_ns=WINDOW_AHEAD_NS)
        payloads = PayloadWriter(objects, BlobCodec(keys), previews=not encrypted)
        try:
            writer.maintain(time.time_ns())
            for number in numbers:
                values = values_of(number)
                span = make_span(number, 1)
                contents = [Content(ref_of(value), value) for value in values]
                day = day_of(span.start_time_ns)
                for _ in range(20):
                    rows = payloads.store({(1, "default", day): contents}, writer.stored_payloads)
                    prepared = writer.prepare_span(1, span)
                    prepared.refs = tuple(digest_of(content.ref) for content in contents)
                    try:
                        writer.commit([prepared], payloads=rows)
                        break
                    except PayloadsGone:
                        continue
                written.append(number)
        except BaseException as error:  # noqa: BLE001 - told below, in the test's own thread
            failures.append(error)
        finally:
            writer.close()

    def delete() -> None:
        remover = PayloadRemover(store.deletion, objects, keys)
        gone: set[int] = set()
        try:
            while not done.is_set():
                for number in [one for one in written if one % 4 and one not in gone]:
                    gone.add(number)
                    store.deletion.delete_trace(
                        1, trace_id(number), now_ns=time.time_ns(), retention_ns=7 * DAY_NS
                    )
                    remover.remove(1, "default", time.time_ns())
                done.wait(0.001)
        except BaseException as error:  # noqa: BLE001 - told below, in the test's own thread
            failures.append(error)

    concurrent = 1 if database_url.startswith("sqlite") else 2
    writers = [
        threading.Thread(target=write, args=(range(1 + at, TRACES, concurrent),))
        for at in range(concurrent)
    ]
    deleter = threading.Thread(target=delete)
    for thread in [*writers, deleter]:
        thread.start()
    for thread in writers:
        thread.join(120)
    done.set()
    deleter.join(120)
    assert [] == failures
    payload_reader = PayloadReader(store.reader, objects, keys)
    with engine.connect() as connection:
        left = connection.execute(sa.select(tables.span_payload_refs.c.ref).distinct()).scalars()
        refs = {f"sha256:{ref.hex()}" for ref in left}
    live = {ref_of(value) for number in range(4, TRACES, 4) for value in values_of(number)}
    found = {ref: payload_reader.read({1: "default"}, ref) for ref in refs}
    store.close()
    engine.dispose()
    assert live <= refs
    assert [ref for ref, payload in found.items() if payload is None] == []


def test_a_commit_that_relied_on_a_payload_that_was_deleted_is_told_so(
    database_url: str, tmp_path: Path
) -> None:
    """It stores the payload again, and both rows and object are there."""
    migrations.upgrade(database_url)
    store = open_store(database_url)
    engine = make_engine(database_url)
    objects = FilesystemStore(tmp_path / "payloads")
    writer = open_store(database_url).writer(retention_ns=7 * DAY_NS, ahead_ns=WINDOW_AHEAD_NS)
    writer.maintain(time.time_ns())
    payloads = PayloadWriter(objects, BlobCodec(), previews=True)
    value = b"shared by two traces"
    ref = ref_of(value)

    def stored(number: int) -> tuple[PreparedSpan, PayloadRows]:
        span = make_span(number, 1)
        key = (1, "default", day_of(span.start_time_ns))
        rows = payloads.store({key: [Content(ref, value)]}, writer.stored_payloads)
        prepared = writer.prepare_span(1, span)
        prepared.refs = (digest_of(ref),)
        return prepared, rows

    first, rows = stored(1)
    writer.commit([first], payloads=rows)
    second, reused = stored(2)
    store.deletion.delete_trace(1, trace_id(1), now_ns=time.time_ns(), retention_ns=7 * DAY_NS)
    removed = PayloadRemover(store.deletion, objects, KeyRing()).remove(
        1, "default", time.time_ns()
    )
    with pytest.raises(PayloadsGone):
        writer.commit([second], payloads=reused)
    second, rows = stored(2)
    writer.commit([second], payloads=rows)
    found = PayloadReader(store.reader, objects, KeyRing()).read({1: "default"}, ref)
    writer.close()
    store.close()
    engine.dispose()
    assert (1, value) == (removed.objects_total, found and found.content)
