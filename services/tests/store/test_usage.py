"""What metered projects have stored on a day, over every store."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence

from samples import make_log, make_span
from store.answers import add_projects
from store.payloads import blob, referring
from stores import writer_of
from tracefoundry.model.payload import BlobRow, PayloadRows
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.model.times import day_of
from tracefoundry.store.api import CommitResult, Store, Writer
from tracefoundry.store.records import ProjectUsage


def send(
    writer: Writer,
    spans: Sequence[Span] = (),
    logs: Sequence[LogRecord] = (),
    *,
    blobs: Sequence[BlobRow] = (),
    project: int = 1,
    metered: Collection[int] = (1,),
) -> CommitResult:
    """Commit to a project; by default it is metered."""
    return writer.commit(
        [writer.prepare_span(project, span) for span in spans],
        [writer.prepare_log(project, log) for log in logs],
        PayloadRows(blobs=list(blobs)) if blobs else None,
        metered=metered,
    )


def used(store: Store) -> dict[int, ProjectUsage]:
    """What was stored today; the day of a commit, if midnight has passed since."""
    today = day_of(time.time_ns())
    return store.administration.usage(today) or store.administration.usage(today - 1)


def test_spans_logs_and_new_content_are_counted_on_the_day_of_arrival(
    store: Store, writer: Writer
) -> None:
    """Not on the day of the span; writer and administration answer alike."""
    assert used(store) == {}
    send(writer, [make_span(1, 1), make_span(1, 2)], [make_log(1, 1)])
    send(writer, [referring(2, "a", "b")], blobs=[blob("a"), blob("b")])
    assert used(store) == {1: ProjectUsage(4, 20)}
    today = day_of(time.time_ns())
    assert (writer.usage(today) or writer.usage(today - 1)) == used(store)
    assert writer.usage(today - 2) == {}


def test_what_was_there_before_does_not_count_again(store: Store, writer: Writer) -> None:
    """A resend and content that is stored already cost nothing."""
    for pack in ("first", "second"):
        spans = [referring(1, "a"), make_span(2, 1)]
        send(writer, spans, [make_log(1, 1)], blobs=[blob("a", pack=pack)])
    assert used(store) == {1: ProjectUsage(3, 10)}


def test_spans_of_a_deleted_trace_do_not_count(store: Store, writer: Writer) -> None:
    """They are refused."""
    send(writer, [make_span(1, 1)], metered=())
    store.deletion.delete_trace(
        1, make_span(1).trace_id, now_ns=time.time_ns(), retention_ns=10**18
    )
    assert send(writer, [make_span(1, 2)], [make_log(1, 1)]).refused_spans
    assert used(store) == {}


def test_only_metered_projects_are_counted(store: Store, writer: Writer) -> None:
    """Each for itself."""
    shop, other = add_projects(store, "shop", "other")
    send(writer, [make_span(1, 1)], project=shop, metered=(1, shop))
    send(writer, [make_span(1, 1), make_span(1, 2)], project=other, metered=(shop,))
    assert used(store) == {shop: ProjectUsage(1, 0)}


def test_writers_at_the_same_time_lose_no_count(store: Store) -> None:
    """Whether or not they share a slot."""

    def write(number: int) -> None:
        writer = writer_of(store)
        writer.maintain(time.time_ns())
        for step in range(10):
            send(writer, [make_span(number * 100 + step, 1)])
        writer.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(1, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert used(store) == {1: ProjectUsage(30, 0)}


def test_usage_goes_by_its_day(store: Store, writer: Writer) -> None:
    """The bound is exclusive."""
    send(writer, [make_span(1, 1)])
    tomorrow = day_of(time.time_ns()) + 1
    with store.deletion.retention_run(dry_run=False, check=lambda: None) as run:
        assert run.delete_records("usage", before=tomorrow - 2) == 0
        assert run.delete_records("usage", before=tomorrow) == 1
    assert used(store) == {}
