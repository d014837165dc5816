"""The queue between a worker's decoding and committing threads."""

from __future__ import annotations

import threading

import pytest

from samples import make_span
from tracefoundry.ingest import worker
from tracefoundry.ingest.batch import Batch
from tracefoundry.ingest.messages import IngestRequest
from tracefoundry.ingest.worker import BatchQueue
from tracefoundry.store.api import PreparedSpan

DEADLINE_S = 120.0


def batch(spans: int, plain_bytes: int = 0) -> Batch:
    """A batch of so many spans."""
    empty = PreparedSpan(1, make_span(), b"", b"", b"", b"")
    request = IngestRequest(0, "traces", "protobuf")
    return Batch(request, [empty] * spans, plain_bytes=plain_bytes)


def sizes(batches: list[Batch] | None) -> list[int] | None:
    """Spans of each batch."""
    return None if batches is None else [len(each.spans) for each in batches]


def test_what_has_gathered_goes_into_one_commit() -> None:
    """In order, and no more than a commit takes."""
    queue = BatchQueue()
    for count in (3_000, 1_500, 1_000, 10):
        queue.put(batch(count))
    assert [3_000, 1_500] == sizes(queue.take(0))
    assert [1_000, 10] == sizes(queue.take(0))
    assert [] == sizes(queue.take(0))


def test_a_body_above_a_commit_is_a_commit_of_its_own() -> None:
    """Bodies are never split."""
    queue = BatchQueue()
    queue.put(batch(worker.COMMIT_SPANS * 3))
    assert [worker.COMMIT_SPANS * 3] == sizes(queue.take(0))


def test_a_commit_is_bounded_by_bytes_too() -> None:
    """Few spans can be large."""
    queue = BatchQueue()
    half = worker.COMMIT_BYTES // 2
    for _ in range(2):
        queue.put(batch(1, half))
    queue._bytes = 0  # room for a third one, whatever waits
    queue.put(batch(1, half))
    assert [1, 1] == sizes(queue.take(0))
    assert [1] == sizes(queue.take(0))


@pytest.mark.parametrize("full", [batch(worker.QUEUED_SPANS), batch(1, worker.QUEUED_BYTES)])
def test_putting_waits_while_the_queue_is_full(full: Batch) -> None:
    """Full of spans or of bytes: the next body waits until a commit has taken some."""
    queue = BatchQueue()
    queue.put(full)
    entered = threading.Event()

    def put_another() -> None:
        queue.put(batch(2))
        entered.set()

    thread = threading.Thread(target=put_another, daemon=True)
    thread.start()
    assert not entered.wait(0.05)
    assert [len(full.spans)] == sizes(queue.take(0))
    assert entered.wait(DEADLINE_S)
    assert [2] == sizes(queue.take(DEADLINE_S))
    thread.join()


def test_closing_drains_and_then_ends() -> None:
    """The committing thread sees everything before it sees the end."""
    queue = BatchQueue()
    queue.put(batch(1))
    queue.close()
    assert [1] == sizes(queue.take(DEADLINE_S))
    assert None is queue.take(DEADLINE_S)
