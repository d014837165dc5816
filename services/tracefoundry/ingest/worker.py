"""A worker process: decodes in one thread, commits in another.

While a commit waits for the database, the next bodies are decoded; what has gathered meanwhile
goes into the next commit. So batches grow with the load and a lone request does not wait. Between
the threads stands a queue bounded by spans and bytes; when it is full the socket is not read, the
listening process keeps the bytes, and its byte budget turns senders away.

Started as ``python -m tracefoundry.ingest.worker FD`` with one end of a socket pair; ends when the
other end closes, after committing what it has accepted.
"""

from __future__ import annotations

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
from pathlib import Path

import msgspec

from tracefoundry.ingest.batch import Batch
from tracefoundry.ingest.messages import FRAME, IngestRequest, Outcome, WorkerConfig, frame
from tracefoundry.ingest.pipeline import Pipeline
from tracefoundry.ingest.projects import Projects
from tracefoundry.payloads.codec import BlobCodec
from tracefoundry.payloads.keys import parse_keys
from tracefoundry.payloads.open import open_object_store
from tracefoundry.payloads.storing import PayloadWriter
from tracefoundry.store.contract import ProjectRecord, StoreError
from tracefoundry.store.open import open_writer

COMMIT_SPANS = 5_000
"""A commit takes bodies until it has this many spans; one larger body is a commit of its own."""
WAITING_SPANS = 10_000
"""Decoded spans waiting for their commit at which decoding pauses; one body may have more."""
COMMIT_BYTES = WAITING_BYTES = 32 * 1024 * 1024
"""The same two bounds for bytes after decompression: the byte budget of the listening process
counts bodies as sent, and a small one can stand for 64 MiB."""
MAINTAIN_EVERY_S = 1_800.0
SETTLE_EVERY_S = 2.5
SWITCH_INTERVAL_S = 0.0005

_log = logging.getLogger(__name__)


class _Waiting:
    """Decoded batches between the two threads, bounded by their spans and bytes."""

    def __init__(self) -> None:
        self._batches: deque[Batch] = deque()
        self._spans = 0
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, batch: Batch) -> None:
        """Add a batch, waiting while the queue is full."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._spans < WAITING_SPANS and self._bytes < WAITING_BYTES
            )
            self._batches.append(batch)
            self._spans += _size(batch)
            self._bytes += batch.plain_bytes
            self._changed.notify_all()

    def take(self, timeout_s: float) -> list[Batch] | None:
        """Batches for one commit; empty after the timeout; None when closed and drained."""
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
        """Let the committing thread end once everything is taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _size(batch: Batch) -> int:
    return len(batch.spans) + len(batch.logs)


class Worker:
    """The two threads over one socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._input = connection.makefile("rb", buffering=1 << 20)
        self._sending = threading.Lock()
        self._waiting = _Waiting()
        head, _ = self._read_frame()
        config = msgspec.msgpack.decode(head, type=WorkerConfig)
        self._config = config
        _limit_memory(config.memory_bytes)
        self._writer = open_writer(
            config.database_url, retention_ns=config.retention_ns, ahead_ns=config.ahead_ns
        )
        projects = Projects(
            self._find_projects,
            redaction=config.redaction,
            patterns=config.patterns,
            retention_ns=config.retention_ns,
            payload_retention_ns=config.payload_retention_ns,
            ahead_ns=config.ahead_ns,
        )
        self._pipeline = Pipeline(
            self._writer, projects, self._open_payloads, max_body_bytes=config.max_body_bytes
        )

    def run(self) -> None:
        """Serve until the other end closes; returns when everything accepted is answered."""
        committer = threading.Thread(target=self._commit_or_end, name="commit")
        committer.start()
        decode = msgspec.msgpack.Decoder(IngestRequest).decode
        try:
            while True:
                try:
                    head, body = self._read_frame()
                except EOFError:
                    break
                self._take_in(decode(head), body)
        finally:
            self._waiting.close()
            committer.join()

    def _take_in(self, request: IngestRequest, body: bytes) -> None:
        try:
            prepared = self._pipeline.prepare(request, body)
        except MemoryError:
            prepared = Outcome(
                request.id,
                "too_large",
                "the body needs more memory to decode than a worker may use; send smaller batches",
            )
        except Exception as error:  # noqa: BLE001 - a fault of ours must not cost the sender its data
            _log_defect("decoding failed in a way that is ours to mend", error)
            self._answer(Outcome(request.id, "unavailable", "internal error while decoding"))
            return
        if isinstance(prepared, Outcome):
            self._answer(prepared)
        else:
            self._waiting.put(prepared)

    def _commit_or_end(self) -> None:
        """Commit until the end; a defect here ends the process, so that nobody waits for it."""
        try:
            self._commit_all()
        except BaseException as error:  # noqa: BLE001 - nothing may leave the other thread waiting
            _log_defect("the committing thread failed; the worker ends and is replaced", error)
            logging.shutdown()
            os._exit(70)

    def _commit_all(self) -> None:
        maintain_at = settle_at = time.monotonic()
        while True:
            batches = self._waiting.take(SETTLE_EVERY_S)
            if batches is None:
                self._writer.close()
                return
            now = time.monotonic()
            if now >= maintain_at:
                maintain_at = now + (MAINTAIN_EVERY_S if self._keep_up("maintain") else 5.0)
            if batches:
                self._commit(batches)
            if now >= settle_at:
                settle_at = now + SETTLE_EVERY_S
                self._keep_up("settle")

    def _commit(self, batches: list[Batch]) -> None:
        try:
            outcomes = self._pipeline.commit(batches)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not cost the sender its data
            _log_defect("a commit failed in a way that is ours to mend", error)
            self._writer.close()
            outcomes = [
                Outcome(batch.request.id, "unavailable", "internal error while storing")
                for batch in batches
            ]
        for outcome in outcomes:
            self._answer(outcome)

    def _keep_up(self, what: str) -> bool:
        """Housekeeping between commits; its failure only means that it is tried again."""
        try:
            if what == "maintain":
                self._writer.maintain(time.time_ns())
            else:
                self._writer.recompute_deferred_summaries(time.time_ns())
        except StoreError as error:
            _log.warning("%s put off: %s", what, error)
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
        """Ask the store by a connection of its own: the writer's may be inside a transaction."""
        reader = open_writer(
            self._config.database_url,
            retention_ns=self._config.retention_ns,
            ahead_ns=self._config.ahead_ns,
        )
        try:
            return reader.projects()
        finally:
            reader.close()

    def _answer(self, outcome: Outcome) -> None:
        head, _ = frame(outcome)
        with self._sending:
            try:
                self._connection.sendall(head)
            except OSError:
                # The listening process is gone; the sender will ask again and find a duplicate.
                _log.warning("nobody is left to hear the answer")

    def _read_frame(self) -> tuple[bytes, bytes]:
        try:
            lengths = self._input.read(FRAME.size)
            if len(lengths) < FRAME.size:
                raise EOFError
            head_size, body_size = FRAME.unpack(lengths)
            head = self._input.read(head_size)
            body = self._input.read(body_size)
        except OSError:
            # A listening process that was killed with answers unread resets the connection.
            raise EOFError from None
        if len(head) < head_size or len(body) < body_size:
            raise EOFError
        return head, body


def _log_defect(what: str, error: BaseException) -> None:
    """Log where a defect is, without the error's message: it may quote what was sent."""
    places = " < ".join(
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in reversed(traceback.extract_tb(error.__traceback__)[-8:])
    )
    _log.error("%s: %s at %s", what, type(error).__name__, places)


def _limit_memory(limit_bytes: int) -> None:
    """Let allocations beyond the limit fail instead of growing.

    A body of tiny messages can need a hundred times its size; with the limit it is refused
    (413) and the worker lives. Where the system has no such limit (macOS ignores it) the caps on
    counts in ``otlp.decoded`` remain.
    """
    try:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, hard))
    except (ValueError, OSError) as error:
        _log.warning("cannot limit the memory of this worker: %s", error)


def main() -> None:
    """Entry point of the process; the argument is the number of the inherited socket."""
    # Ctrl-C reaches the whole process group; the listening process decides when workers end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.basicConfig(format="%(asctime)s %(levelname)s ingest-worker %(message)s")
    connection = socket.socket(fileno=int(sys.argv[1]))
    worker = Worker(connection)
    # Decoding makes no reference cycles: what is alive now stays, and collections are rare.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    # The committing thread wakes for a moment after each answer of the database and must not wait
    # 5 ms (the default) for the decoding thread to let go, or the database idles meanwhile.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    worker.run()


if __name__ == "__main__":
    main()
