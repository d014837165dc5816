"""Deleting by request, and the payloads of what was deleted, over every store."""

from __future__ import annotations

import time

import pytest

from samples import NOW_NS, make_log, make_span, trace_id
from store.answers import add_projects, all_traces, commit, logs_of, numbers, span_count
from store.payloads import DAY, blob, ref, referring, store_payloads
from stores import RETENTION_NS
from tracefoundry.model.limits import WINDOW_AHEAD_NS
from tracefoundry.model.times import DAY_NS
from tracefoundry.store.api import Store, Writer
from tracefoundry.store.deletion_records import PayloadRemovalPlan, UnneededObject
from tracefoundry.store.records import BlobPlace, Deleted


def delete(
    store: Store,
    trace: int = 1,
    *,
    project: int = 1,
    now_ns: int | None = None,
    retention_ns: int = RETENTION_NS,
) -> Deleted:
    """Delete a trace."""
    return store.deletion.delete_trace(
        project,
        trace_id(trace),
        now_ns=time.time_ns() if now_ns is None else now_ns,
        retention_ns=retention_ns,
    )


def is_deleted(store: Store, trace: int, now_ns: int, project: int = 1) -> bool:
    """Whether there is a tombstone."""
    with store.reader.snapshot() as snapshot:
        return snapshot.was_deleted([project], trace_id(trace), now_ns)


def test_a_trace_goes_with_its_spans_and_logs(store: Store, writer: Writer) -> None:
    """Others stay, also the one of the same id in another project; again there is nothing."""
    (other,) = add_projects(store, "other")
    logs = [make_log(1, 1), make_log(1, 2)]
    commit(writer, [make_span(1, 1), make_span(1, 2, start=1), make_span(2, 1)], logs)
    commit(writer, [make_span(1, 1)], project=other)
    assert delete(store) == Deleted(traces=1, spans=2, logs=2)
    assert delete(store) == Deleted()
    assert numbers(all_traces(store)) == [2]
    assert logs_of(store) == []
    assert numbers(all_traces(store, other)) == [1]
    now_ns = time.time_ns()
    assert is_deleted(store, 1, now_ns)
    assert not is_deleted(store, 1, now_ns, other)


def test_logs_without_spans_are_deleted_too(store: Store, writer: Writer) -> None:
    """With a tombstone, which keeps their spans away."""
    commit(writer, [], [make_log(1, 1), make_log(1, 2), make_log(2, 1)])
    assert delete(store) == Deleted(logs=2)
    assert (logs_of(store), len(logs_of(store, 2))) == ([], 1)
    assert commit(writer, [make_span(1, 1)]).refused_spans[0].reason == "trace_deleted"


def test_what_was_never_there_leaves_no_tombstone(store: Store) -> None:
    """A mistyped id keeps nothing away."""
    assert delete(store) == Deleted()
    assert not is_deleted(store, 1, 0)


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("own", [None, 20 * DAY_NS])
def test_a_tombstone_outlives_the_window_of_ingest(
    store: Store, writer: Writer, ahead: bool, own: int | None
) -> None:
    """It is kept until no span that may still be under way is accepted: from the latest start that
    is known or possible, for the longer of the two retentions."""
    if own is not None:
        with store.administration.change() as change:
            project = change.lock_project("default")
            assert project is not None
            project = type(project)(1, "default", project.created_at_ns, None, own, None)
            change.save_project(project)
    now_ns = NOW_NS + 10
    start = 2 * DAY_NS if ahead else 0
    commit(writer, [make_span(1, 1, start=start)])
    delete(store, now_ns=now_ns)
    latest_ns = max(NOW_NS + start, now_ns + WINDOW_AHEAD_NS)
    over_ns = latest_ns + (own or RETENTION_NS)
    assert is_deleted(store, 1, over_ns - 1)
    assert not is_deleted(store, 1, over_ns)


def test_delete_before_takes_what_ended_before(store: Store, writer: Writer) -> None:
    """Whole traces by their end, logs without spans by their latest one; of these projects."""
    other, third = add_projects(store, "other", "third")
    spans = [
        make_span(1, 1, start=0, duration=50),
        make_span(2, 1, start=0, duration=100),
        make_span(3, 1, start=200),
        make_span(3, 2, start=1, duration=1),
    ]
    logs = [
        make_log(1, 1, time_offset=500),
        make_log(4, 1, time_offset=99),
        make_log(5, 1, time_offset=99),
        make_log(5, 2, time_offset=100),
    ]
    commit(writer, spans, logs)
    commit(writer, [make_span(1, 1, duration=50)], project=other)
    commit(writer, [make_span(1, 1, duration=50)], project=third)
    now_ns = time.time_ns()
    deleted = store.deletion.delete_before(
        [1, other], NOW_NS + 100, now_ns=now_ns, retention_ns=RETENTION_NS
    )
    assert deleted == Deleted(traces=2, spans=2, logs=2)
    assert sorted(numbers(all_traces(store))) == [2, 3]
    assert [len(logs_of(store, trace)) for trace in (1, 4, 5)] == [0, 0, 2]
    assert all_traces(store, other) == []
    assert span_count(store, third) == 1
    assert [is_deleted(store, trace, now_ns) for trace in (1, 2, 3, 4, 5)] == [
        True,
        False,
        False,
        True,
        False,
    ]


def pending_refs(store: Store, now_ns: int, limit: int = 100) -> list[bytes]:
    """What is pending on the next day."""
    pending = store.deletion.pending_payloads(1, now_ns=now_ns, limit=limit)
    return [] if pending is None else list(pending.places)


def test_payloads_of_deleted_traces_are_pending(store: Store, writer: Writer) -> None:
    """Day by day, with their places, as long as the tombstone is kept."""
    old = DAY - 1
    store_payloads(
        writer,
        [referring(1, "a", "lost"), referring(1, "old", start=-DAY_NS, span=2), referring(2, "b")],
        [blob("a"), blob("b"), blob("old", day=old)],
    )
    now_ns = time.time_ns()
    assert pending_refs(store, now_ns) == []
    delete(store, now_ns=now_ns)
    first = store.deletion.pending_payloads(1, now_ns=now_ns, limit=100)
    assert first is not None
    assert (first.day, list(first.places), first.expired) == (old, [ref("old")], False)
    assert first.keep_until_ns == max(NOW_NS, now_ns + WINDOW_AHEAD_NS) + RETENTION_NS
    plan = PayloadRemovalPlan(1, old, [ref("old")], first.keep_until_ns)
    assert store.deletion.remove_payloads(plan, now_ns=now_ns) == 1
    second = store.deletion.pending_payloads(1, now_ns=now_ns, limit=100)
    assert second is not None
    assert (second.day, dict(second.places)) == (
        DAY,
        {
            **dict.fromkeys(sorted([ref("a"), ref("lost")])),
            ref("a"): BlobPlace(ref("pack"), 1, 5, 0),
        },
    )
    assert len(pending_refs(store, now_ns, limit=1)) == 1
    assert pending_refs(store, second.keep_until_ns) == []


def test_references_of_a_trace_that_came_back_are_not_pending(store: Store, writer: Writer) -> None:
    """A tombstone that was over let it in."""
    store_payloads(writer, [referring(1, "a")], [blob("a")])
    delete(store, now_ns=0, retention_ns=0)
    commit(writer, [referring(1, "a")])
    assert pending_refs(store, 0) == []


def test_it_is_known_who_needs_a_payload(store: Store, writer: Writer) -> None:
    """Traces that are not deleted, and lists."""
    now_ns = time.time_ns()
    store_payloads(
        writer,
        [referring(1, "own", "shared", "list"), referring(2, "shared")],
        [blob("own"), blob("shared"), blob("part"), blob("list", parts=("part", "own"))],
    )
    delete(store, now_ns=now_ns)
    refs = [ref(name) for name in ("own", "shared", "part", "list", "absent")]
    needs = store.deletion.payload_needs(1, DAY, refs, now_ns=now_ns, removed_lists=1)
    assert needs.places.keys() == set(refs[:4])
    assert needs.referenced == {ref("shared")}
    list_id = ref("list")[:16]
    assert needs.lists == {ref("own")[:16]: {list_id}, ref("part")[:16]: {list_id}}
    assert set(needs.unneeded([])) == {ref("list")}
    assert set(needs.unneeded([list_id])) == {ref("list"), ref("own"), ref("part")}
    assert sorted(store.deletion.list_parts(1, DAY, [ref("list")])) == sorted(
        [(ref("own"), ref("list")), (ref("part"), ref("list"))]
    )
    assert store.deletion.list_parts(1, DAY + 1, [ref("list")]) == []


def removal(store: Store, now_ns: int) -> PayloadRemovalPlan:
    """The plan to remove ``own`` from the object in which ``other`` stays."""
    objects = store.deletion.blobs_of(1, DAY, [ref("pack")])
    places = objects[ref("pack")]
    return PayloadRemovalPlan(
        project_id=1,
        day=DAY,
        refs=[ref("own")],
        keep_until_ns=now_ns + 100,
        removed={ref("own"): places[ref("own")]},
        objects=objects,
        moved={ref("other"): BlobPlace(ref("new pack"), 77, 5, 0)},
    )


def stored_in(store: Store, *names: str) -> dict[bytes, bytes]:
    """In which object these payloads are."""
    with store.reader.snapshot() as snapshot:
        places = snapshot.payload_places(1, DAY, [ref(name) for name in names])
    return {one: place.object for one, place in places.items()}


def test_payloads_are_removed_and_what_shared_their_object_is_moved(
    store: Store, writer: Writer
) -> None:
    """The emptied object is named until its removal is confirmed."""
    now_ns = time.time_ns()
    store_payloads(
        writer, [referring(1, "own"), referring(2, "other")], [blob("own"), blob("other")]
    )
    delete(store, now_ns=now_ns)
    deletion = store.deletion
    assert deletion.remove_payloads(removal(store, now_ns), now_ns=now_ns) == 1
    assert stored_in(store, "own", "other") == {ref("other"): ref("new pack")}
    assert pending_refs(store, now_ns) == []
    emptied = [UnneededObject(ref("own"), DAY, ref("pack"))]
    assert deletion.unneeded_objects(1) == emptied
    assert deletion.unneeded_objects(1, [ref("own")]) == emptied
    assert deletion.unneeded_objects(1, [ref("other")]) == []
    names = [ref("pack"), ref("new pack")]
    assert deletion.objects_in_use(1, DAY, names) == {ref("new pack")}
    deletion.confirm_removal(1, [ref("own")])
    assert deletion.unneeded_objects(1) == []
    with store.reader.snapshot() as snapshot:
        assert snapshot.payload_states(1, [(ref("own"), DAY)], []).deleted == {ref("own")}


@pytest.mark.parametrize("change", ["reference", "list", "blob in the object", "move"])
def test_a_removal_that_is_out_of_date_changes_nothing(
    store: Store, writer: Writer, change: str
) -> None:
    """Somebody needs a payload of it by now, or its object is not as it was."""
    now_ns = time.time_ns()
    store_payloads(
        writer, [referring(1, "own"), referring(2, "other")], [blob("own"), blob("other")]
    )
    delete(store, now_ns=now_ns)
    plan = removal(store, now_ns)
    if change == "reference":
        store_payloads(writer, [referring(3, "own")], [])
    elif change == "list":
        store_payloads(writer, [referring(3, "list")], [blob("list", parts=("own",), pack="l")])
    elif change == "blob in the object":
        store_payloads(writer, [referring(3, "new")], [blob("new")])
    else:
        plan.removed[ref("own")] = BlobPlace(ref("elsewhere"), 0, 5, 0)
    assert store.deletion.remove_payloads(plan, now_ns=now_ns) is None
    assert stored_in(store, "own", "other") == {ref("own"): ref("pack"), ref("other"): ref("pack")}
    assert pending_refs(store, now_ns) == [ref("own")]
    assert store.deletion.unneeded_objects(1) == []


def test_a_payload_that_is_stored_again_lives_again(store: Store, writer: Writer) -> None:
    """Its tombstone says nothing about a copy that is there."""
    now_ns = time.time_ns()
    store_payloads(
        writer, [referring(1, "own"), referring(2, "other")], [blob("own"), blob("other")]
    )
    delete(store, now_ns=now_ns)
    store.deletion.remove_payloads(removal(store, now_ns), now_ns=now_ns)
    store_payloads(writer, [referring(3, "own")], [blob("own", pack="again")])
    with store.reader.snapshot() as snapshot:
        states = snapshot.payload_states(1, [(ref("own"), DAY)], [])
    assert (set(states.previews), states.deleted) == ({(ref("own"), DAY)}, set())


def test_space_is_freed_in_any_store(store: Store, writer: Writer) -> None:
    """Pages where the store has such, else none."""
    commit(writer, [make_span(1, number, attributes={"t": "x" * 4_000}) for number in range(1, 90)])
    delete(store)
    assert store.deletion.reclaim_space() >= 0
