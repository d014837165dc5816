"""What a store knows of payloads: where they are, and what became of them."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from samples import NOW_NS, make_span, trace_id
from store.answers import add_projects, anything
from store.payloads import DAY, blob, ref, referring, store_payloads
from stores import RETENTION_NS
from tracefoundry.model.payload import PayloadRows
from tracefoundry.model.times import DAY_NS
from tracefoundry.store.api import CommitResult, PayloadsGone, Store, Writer
from tracefoundry.store.deletion_records import PayloadRemovalPlan
from tracefoundry.store.records import BlobCopy, BlobPlace, PayloadFate


def expire(store: Store, day: int, *, at_ns: int, reason: str = "retention") -> None:
    """Mark a day's payloads as expired, and remove their rows."""
    with store.deletion.retention_run(dry_run=False, check=lambda: None) as run:
        run.mark_payloads_expired(1, day, now_ns=at_ns, reason=reason)
        run.delete_rows("payload_blobs", 1, range(day, day + 1))


def test_stored_payloads_are_known_to_writers_and_readers(store: Store, writer: Writer) -> None:
    """By project and day, with their depth and place."""
    (other,) = add_projects(store, "other")
    store_payloads(writer, [referring(1, "a", "l")], [blob("a"), blob("l", parts=("a",))])
    refs = [ref("a"), ref("l"), ref("x")]
    assert writer.stored_payloads(1, DAY, refs) == {ref("a"): 0, ref("l"): 1}
    assert writer.stored_payloads(1, DAY + 1, refs) == {}
    assert writer.stored_payloads(other, DAY, refs) == {}
    with store.reader.snapshot() as snapshot:
        assert snapshot.payload_places(1, DAY, refs) == {
            ref("a"): BlobPlace(ref("pack"), 1, 5, 0),
            ref("l"): BlobPlace(ref("pack"), 1, 5, 1),
        }
        assert snapshot.payload_places(other, DAY, refs) == {}
        assert snapshot.has_payload_references([other, 1], trace_id(1))
        assert snapshot.owners([1, other], trace_id(1)) == {1}


def test_the_first_row_of_a_payload_stays(store: Store, writer: Writer) -> None:
    """Another writer may have stored it in an object of its own at the same time."""
    store_payloads(writer, [referring(1, "a")], [blob("a", pack="first")])
    store_payloads(writer, [referring(2, "a")], [blob("a", pack="second")])
    with store.reader.snapshot() as snapshot:
        assert snapshot.payload_places(1, DAY, [ref("a")])[ref("a")].object == ref("first")


def test_a_commit_that_relies_on_a_removed_payload_is_refused_whole(
    store: Store, writer: Writer
) -> None:
    """Nothing of it is stored; with the payload it goes in."""
    span = [writer.prepare_span(1, referring(1, "a"))]
    reused = PayloadRows(reused=[(1, ref("a"), DAY)])
    with pytest.raises(PayloadsGone):
        writer.commit(span, (), reused)
    with store.reader.snapshot() as snapshot:
        assert snapshot.owners([1], trace_id(1)) == set()
    assert writer.commit(span, (), PayloadRows(blobs=[blob("a")])) == CommitResult()
    assert sorted(writer.commit(span, (), reused).duplicates) == [0]


def test_copies_are_listed_newest_day_first(store: Store, writer: Writer) -> None:
    """Of the projects that are asked for."""
    (other,) = add_projects(store, "other")
    for day in (DAY - 1, DAY):
        span = referring(1, "a", start=(day - DAY) * DAY_NS)
        store_payloads(writer, [span], [blob("a", day=day)])
    store_payloads(writer, [referring(1, "a")], [blob("a", project=other)], project=other)
    with store.reader.snapshot() as snapshot:
        assert snapshot.payload_copies([1, other], ref("a")) == [
            BlobCopy(1, DAY, 10),
            BlobCopy(other, DAY, 10),
            BlobCopy(1, DAY - 1, 10),
        ]
        assert snapshot.payload_copies([], ref("a")) == []


def test_the_states_of_a_pages_payloads(store: Store, writer: Writer) -> None:
    """Stored with a preview, stored somewhere, or expired with their day."""
    old = DAY - 2
    store_payloads(
        writer,
        [referring(1, "a", "l"), referring(1, "old", start=-2 * DAY_NS)],
        [blob("a"), blob("l", parts=("a",)), blob("old", day=old)],
    )
    expire(store, old, at_ns=77)
    wanted = [(ref("a"), DAY), (ref("l"), DAY), (ref("old"), old), (ref("x"), DAY)]
    with store.reader.snapshot() as snapshot:
        states = snapshot.payload_states(1, wanted, [ref("a"), ref("old"), ref("x")])
        assert snapshot.expired_days(1, [DAY, old]) == {old}
    assert states.previews == {(ref("a"), DAY): "preview of a", (ref("l"), DAY): None}
    assert states.anywhere == {ref("a")}
    assert states.expired_at_ns == {old: 77}
    assert states.deleted == set()


def test_a_marked_day_has_no_previews(store: Store, writer: Writer) -> None:
    """Retention marks a day first and removes its rows last; neither shown nor found."""
    store_payloads(writer, [referring(1, "a")], [blob("a")])

    def found() -> tuple[dict[Any, Any], int]:
        with store.reader.snapshot() as snapshot:
            page = snapshot.search(
                [1], anything(), sort="newest", after=None,
                limit=10, text="preview of", content=True, budget_seconds=60,
            )  # fmt: skip
            states = snapshot.payload_states(1, [(ref("a"), DAY)], [])
        return states.previews, len(page.traces)

    assert ({(ref("a"), DAY): "preview of a"}, 1) == found()
    with store.deletion.retention_run(dry_run=False, check=lambda: None) as run:
        run.mark_payloads_expired(1, DAY, now_ns=7, reason="retention")
    assert ({}, 0) == found()


def test_a_long_preview_is_cut(store: Store, writer: Writer) -> None:
    """To 256 characters, however many bytes they have."""
    long = msgspec.structs.replace(blob("a"), preview="ü" * 400)
    store_payloads(writer, [referring(1, "a")], [long])
    with store.reader.snapshot() as snapshot:
        states = snapshot.payload_states(1, [(ref("a"), DAY)], [])
    assert states.previews == {(ref("a"), DAY): "ü" * 256}


def test_what_became_of_a_payload(store: Store, writer: Writer) -> None:
    """Unknown, missing, expired or deleted; the latest thing that happened counts."""
    now_ns = time.time_ns()

    def fate(now_ns: int = now_ns) -> PayloadFate | None:
        with store.reader.snapshot() as snapshot:
            return snapshot.payload_fate([1], ref("a"), now_ns)

    assert fate() is None
    store_payloads(writer, [referring(1, "a")], [])
    assert fate() == PayloadFate("missing", None, None)
    store.deletion.delete_trace(1, trace_id(1), now_ns=now_ns, retention_ns=RETENTION_NS)
    store_payloads(writer, [referring(2, "b")], [blob("a")])
    pending = store.deletion.pending_payloads(1, now_ns=now_ns, limit=10)
    assert pending is not None
    place = pending.places[ref("a")]
    assert place is not None
    plan = PayloadRemovalPlan(
        1, DAY, [ref("a")], now_ns + 100, removed={ref("a"): place},
        objects={place.object: {ref("a"): place}},
    )  # fmt: skip
    assert store.deletion.remove_payloads(plan, now_ns=now_ns) == 1
    assert fate() == PayloadFate("deleted", now_ns, "deleted")
    assert fate(now_ns + 100) is None
    store_payloads(writer, [referring(3, "a")], [])
    expire(store, DAY, at_ns=now_ns + 1, reason="disk")
    assert fate() == PayloadFate("expired", now_ns + 1, "disk")


def test_spans_refer_to_payloads_by_the_day_of_their_start(store: Store, writer: Writer) -> None:
    """A span without payloads refers to nothing."""
    store_payloads(writer, [make_span(1, 1), referring(2, "a", start=-DAY_NS)], [])
    with store.reader.snapshot() as snapshot:
        assert not snapshot.has_payload_references([1], trace_id(1))
        assert snapshot.has_payload_references([1], trace_id(2))
    with store.deletion.retention_run(dry_run=True, check=lambda: None) as run:
        assert run.delete_rows("span_payload_refs", 1, range(DAY - 1, DAY)) == 1
        assert run.delete_rows("span_payload_refs", 1, range(DAY, DAY + 1)) == 0
    assert NOW_NS // DAY_NS == DAY
