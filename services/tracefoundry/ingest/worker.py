"""A worker process: one thread decodes, another commits.

While a commit waits for the database, the next bodies are decoded, and all that are ready go into
the next commit. So batches grow with the load, and a single request does not wait for others. The
queue between the threads is bounded by spans and bytes. If it is full, the socket is not read; then
the byte budget of the listening process fills up, and it refuses exports as overloaded.

Started as ``python -m tracefoundry.ingest.worker FD`` with one end of a socket pair. It ends when
the other end closes, after it has committed what it accepted.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from tracefoundry.bulk_work import COLLECTION_THRESHOLDS, SWITCH_INTERVAL_S
from tracefoundry.ingest.batch import Batch
from tracefoundry.ingest.messages import (
    DECODING_DEFECT,
    FRAME,
    STORING_DEFECT,
    IngestRequest,
    Outcome,
    WorkerConfig,
    frame,
)
from tracefoundry.ingest.pipeline import Pipeline
from tracefoundry.ingest.projects import Projects
from tracefoundry.otlp.decoded import BodyLimits
from tracefoundry.payloads.codec import BlobCodec
from tracefoundry.payloads.keys import parse_keys
from tracefoundry.payloads.open import open_object_store
from tracefoundry.payloads.storing import PayloadWriter
from tracefoundry.rare_log import RareLog
from tracefoundry.store.api import StoreError, Writer, open_store
from tracefoundry.store.records import ProjectRecord, ProjectUsage

COMMIT_SPANS = 5_000
"""Most spans of a commit, unless a single body has more."""
QUEUED_SPANS = 10_000
"""Number of decoded spans in the queue at which decoding pauses."""
COMMIT_BYTES = QUEUED_BYTES = 32 * 1024 * 1024
"""The same two limits in bytes after decompression. The byte budget of the listening process counts
bodies as they were sent, and a small one can decompress to 64 MiB."""
MAINTAIN_EVERY_S = 1_800.0
MAINTAIN_AGAIN_S = 5.0
"""Pause after a failed maintenance."""
RECOMPUTE_EVERY_S = 2.5
"""Pause between two checks for traces whose summary was deferred."""

_log = logging.getLogger(__name__)


class BatchQueue:
    """Decoded batches on their way to the committing thread, limited by spans and bytes."""

    def __init__(self) -> None:
        self._batches: deque[Batch] = deque()
        self._spans = 0
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, batch: Batch) -> None:
        """Add a batch; waits while the queue is full."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._spans < QUEUED_SPANS and self._bytes < QUEUED_BYTES
            )
            self._batches.append(batch)
            self._spans += _size(batch)
            self._bytes += batch.plain_bytes
            self._changed.notify_all()

    def take(self, timeout_s: float) -> list[Batch] | None:
        """Batches for one commit; none after the timeout; None if the queue is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._batches or self._closed, timeout_s)
            if not self._batches:
                return None if self._closed else []
            taken = [self._batches.popleft()]
            size, weight = _size(taken[0]), taken[0].plain_bytes
            while (
                self._batches
                and size + _size(self._batches[0]) <= COMMIT_SPANS
                and weight + self._batches[0].plain_bytes <= COMMIT_BYTES
            ):
                size += _size(self._batches[0])
                weight += self._batches[0].plain_bytes
                taken.append(self._batches.popleft())
            self._spans -= size
            self._bytes -= weight
            self._changed.notify_all()
            return taken

    def close(self) -> None:
        """Let the committing thread end when the queue is empty."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _size(batch: Batch) -> int:
    return len(batch.spans) + len(batch.logs)


class Worker:
    """The two threads of a worker, and its socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._input = connection.makefile("rb", buffering=1 << 20)
        self._sending = threading.Lock()
        self._rare_log = RareLog()
        self._queue = BatchQueue()
        head, _ = self._read_frame()
        config = msgspec.msgpack.decode(head, type=WorkerConfig)
        self._config = config
        _limit_memory(config.memory_bytes)
        self._store = open_store(config.database_url)
        self._writer = self._store.writer(
            retention_ns=config.rules.retention_spans_ns, ahead_ns=config.ahead_ns
        )
        projects = Projects(
            self._find_projects,
            rules=config.rules,
            patterns=config.patterns,
            ahead_ns=config.ahead_ns,
            usage=self._find_usage,
        )
        self._pipeline = Pipeline(
            self._writer,
            projects,
            self._open_payloads,
            max_body_bytes=config.max_body_bytes,
            limits=BodyLimits.within(config.memory_bytes),
        )

    def run(self) -> None:
        """Serve until the other end closes; returns when all accepted requests are answered."""
        committer = threading.Thread(target=self._commit_or_end, name="commit")
        committer.start()
        decode = msgspec.msgpack.Decoder(IngestRequest).decode
        try:
            while True:
                try:
                    head, body = self._read_frame()
                except EOFError:
                    break
                self._prepare(decode(head), body)
        finally:
            self._queue.close()
            committer.join()

    def _prepare(self, request: IngestRequest, body: bytes) -> None:
        try:
            prepared = self._pipeline.prepare(request, body)
        except MemoryError:
            prepared = Outcome(
                request.id,
                "too_large",
                "the body needs more memory to decode than a worker may use; send smaller batches",
            )
        except Exception as error:  # noqa: BLE001 - a defect must not make the sender drop its data
            _log_defect("defect in decoding", error)
            self._answer(Outcome(request.id, "unavailable", DECODING_DEFECT))
            return
        if isinstance(prepared, Outcome):
            self._answer(prepared)
        else:
            self._queue.put(prepared)

    def _commit_or_end(self) -> None:
        """Commit until the end. A defect here ends the process with both of its threads."""
        try:
            self._commit_all()
        except BaseException as error:  # noqa: BLE001 - else the decoding thread would wait without end
            _log_defect("the committing thread failed; the worker ends and is replaced", error)
            logging.shutdown()
            os._exit(70)

    def _commit_all(self) -> None:
        maintain_at = recompute_at = time.monotonic()
        while True:
            batches = self._queue.take(RECOMPUTE_EVERY_S)
            if batches is None:
                self._writer.close()
                return
            now = time.monotonic()
            if now >= maintain_at:
                done = self._housekeep("maintenance", self._writer.maintain)
                maintain_at = now + (MAINTAIN_EVERY_S if done else MAINTAIN_AGAIN_S)
            if batches:
                self._commit(batches)
            if now >= recompute_at:
                recompute_at = now + RECOMPUTE_EVERY_S
                self._housekeep("recompute of summaries", self._writer.recompute_deferred_summaries)

    def _commit(self, batches: list[Batch]) -> None:
        try:
            outcomes = self._pipeline.commit(batches)
        except Exception as error:  # noqa: BLE001 - a defect must not make the sender drop its data
            _log_defect("defect in a commit", error)
            self._writer.close()
            outcomes = [
                Outcome(batch.request.id, "unavailable", STORING_DEFECT) for batch in batches
            ]
        for outcome in outcomes:
            self._answer(outcome)

    def _housekeep(self, name: str, task: Callable[[int], object]) -> bool:
        """Run a task of the writer between commits; False if it failed and must be tried again."""
        try:
            task(time.time_ns())
        except StoreError as error:
            self._rare_log.warn(f"{name}: {error}", f"{name} deferred: {error}")
            return False
        return True

    def _open_payloads(self) -> PayloadWriter:
        keys = parse_keys(self._config.encryption_keys)
        return PayloadWriter(
            open_object_store(self._config.payload_url),
            BlobCodec(keys),
            previews=keys.current_id is None,
        )

    def _find_projects(self) -> dict[str, ProjectRecord]:
        with contextlib.closing(self._separate_writer()) as writer:
            return writer.projects()

    def _find_usage(self, day: int) -> dict[int, ProjectUsage]:
        with contextlib.closing(self._separate_writer()) as writer:
            return writer.usage(day)

    def _separate_writer(self) -> Writer:
        """One with a connection of its own: that of the other may be in a transaction."""
        return self._store.writer(
            retention_ns=self._config.rules.retention_spans_ns, ahead_ns=self._config.ahead_ns
        )

    def _answer(self, outcome: Outcome) -> None:
        head, _ = frame(outcome)
        with self._sending:
            try:
                self._connection.sendall(head)
            except OSError:
                # The listening process has ended. The sender sends again, and it is a duplicate.
                _log.warning("the listening process has ended before it got an answer")

    def _read_frame(self) -> tuple[bytes, bytes]:
        try:
            lengths = self._input.read(FRAME.size)
            if len(lengths) < FRAME.size:
                raise EOFError
            head_size, body_size = FRAME.unpack(lengths)
            head = self._input.read(head_size)
            body = self._input.read(body_size)
        except OSError:
            # If the listening process was killed with answers unread, the connection is reset.
            raise EOFError from None
        if len(head) < head_size or len(body) < body_size:
            raise EOFError
        return head, body


def _log_defect(what: str, error: BaseException) -> None:
    """Log the place of a defect, without the error's message, which may quote what was sent."""
    places = " < ".join(
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in reversed(traceback.extract_tb(error.__traceback__)[-8:])
    )
    _log.error("%s: %s at %s", what, type(error).__name__, places)


def _limit_memory(limit_bytes: int) -> None:
    """Make allocations beyond the limit fail.

    A body of tiny messages can need a hundred times its size. With the limit it is refused (413)
    and the worker goes on. On a system without such a limit (macOS ignores it) only the limits on
    counts in ``otlp.decoded`` apply.
    """
    try:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, hard))
    except (ValueError, OSError) as error:
        _log.warning("cannot limit the memory of this worker: %s", error)


def main() -> None:
    """Entry point of the process; the argument is the number of the inherited socket."""
    # Ctrl-C reaches the whole process group, but the listening process decides when workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.basicConfig(format="%(asctime)s %(levelname)s ingest-worker %(message)s")
    connection = socket.socket(fileno=int(sys.argv[1]))
    worker = Worker(connection)
    # Decoding creates no reference cycles, so garbage collections can be rare.
    gc.freeze()
    gc.set_threshold(*COLLECTION_THRESHOLDS)
    # The committing thread runs for a moment after each answer of the database. If it had to wait
    # 5 ms (the default) for the decoding thread each time, the database would idle.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    worker.run()


if __name__ == "__main__":
    main()
