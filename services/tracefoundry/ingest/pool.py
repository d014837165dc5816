"""The worker processes, as the event loop of the listening process sees them.

Workers start with the first request, so that an idle platform needs little memory. Each has a
socket pair; a request goes to the worker with the fewest outstanding bytes. If a worker dies, its
unanswered requests are answered as unavailable: their senders send them again, and spans that were
committed are then duplicates. A new worker starts with the next request. A body that was with a
dying worker is tried once more, alone (:mod:`.suspects`).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import time
from dataclasses import dataclass

import msgspec

from tracefoundry.ingest.messages import (
    FRAME,
    IngestRequest,
    Outcome,
    OutcomeStatus,
    WorkerConfig,
    frame,
)
from tracefoundry.ingest.suspects import Suspects, died_of_its_work, memory_kills

RESTART_PAUSE_S = 1.0
"""Shortest time between two starts of one worker, so that a crash at start is no busy loop."""
EXIT_TIMEOUT_S = 30.0
SOCKET_BUFFER_BYTES = 1 << 20
"""Socket buffer in each direction, so that most bodies are sent in one piece."""

WORKER_MODULE = "tracefoundry.ingest.worker"
DIED_MESSAGE = "the ingest worker ended before answering"
KILLER_MESSAGE = (
    "this body ended an ingest worker twice and is not tried again; send smaller batches, and"
    " report it with the server's log"
)

NO_WORKER_MESSAGE = "no ingest worker could be started"
"""Messages of unavailable outcomes that name no host, user or bucket."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Export:
    """One request that a worker has not answered yet."""

    request: IngestRequest
    body: bytes
    outcome: asyncio.Future[Outcome]


class _WorkerHandle:
    """One worker process and its unanswered requests."""

    def __init__(self, process: asyncio.subprocess.Process, writer: asyncio.StreamWriter) -> None:
        self.process = process
        self.writer = writer
        self.outstanding: dict[int, _Export] = {}
        self.outstanding_bytes = 0
        self.reading: asyncio.Task[None] | None = None
        self.sending = asyncio.Lock()
        self.alive = True
        self.idle = asyncio.Event()
        self.idle.set()
        self.suspect: bytes | None = None
        """Hash of the body that this worker is reserved for."""
        self.memory_kills = memory_kills()

    def expect(self, request: IngestRequest, body: bytes) -> asyncio.Future[Outcome]:
        """Add a request to those that are not answered yet."""
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.outstanding[request.id] = _Export(request, body, outcome)
        self.outstanding_bytes += len(body)
        self.idle.clear()
        return outcome

    def deliver(self, outcome: Outcome) -> None:
        """Pass an outcome to the request that waits for it."""
        export = self.forget(outcome.id)
        if export is not None and not export.outcome.done():
            export.outcome.set_result(outcome)

    def forget(self, request_id: int) -> _Export | None:
        """Remove a request from the unanswered ones."""
        export = self.outstanding.pop(request_id, None)
        if export is not None:
            self.outstanding_bytes -= len(export.body)
        if not self.outstanding:
            self.idle.set()
        return export

    def fail_outstanding(self, status: OutcomeStatus, message: str) -> None:
        """Answer all outstanding requests alike: the worker is dead."""
        for request_id in list(self.outstanding):
            self.deliver(Outcome(request_id, status, message))


class WorkerPool:
    """Starts workers, passes them requests, collects outcomes. Belongs to one event loop."""

    def __init__(self, config: WorkerConfig, size: int) -> None:
        self._config = config
        self._workers: list[_WorkerHandle | None] = [None] * size
        self._started_at = [float("-inf")] * size
        self._starting = asyncio.Lock()
        self._next_id = 0
        self._closing = False
        self._suspects = Suspects()
        self._alone = asyncio.Lock()
        self._released = asyncio.Event()

    @property
    def pids(self) -> list[int]:
        """Process ids of the running workers."""
        return [worker.process.pid for worker in self._workers if worker and worker.alive]

    async def submit(self, request: IngestRequest, body: bytes) -> Outcome:
        """Send one export to a worker and wait for its outcome.

        The request's id is set here. A failure of a worker is not raised: it is an outcome with
        status ``unavailable``. A cancelled export that waits for its worker is dropped; one that
        the worker has is waited for, so that its bytes stay reserved.
        """
        self._next_id += 1
        request.id = self._next_id
        if self._suspects.kills(request, body):
            return Outcome(request.id, "too_large", KILLER_MESSAGE)
        suspect = self._suspects.suspect(request, body)
        if suspect is not None:
            return await self._submit_alone(suspect, request, body)
        worker = await self._choose()
        if worker is None:
            return Outcome(request.id, "unavailable", NO_WORKER_MESSAGE)
        return await self._send(worker, request, body)

    async def _submit_alone(self, suspect: bytes, request: IngestRequest, body: bytes) -> Outcome:
        """Send a suspect to a worker that has nothing else to do."""
        async with self._alone:
            worker = await self._choose()
            if worker is None:
                return Outcome(request.id, "unavailable", NO_WORKER_MESSAGE)
            worker.suspect = suspect
            try:
                await worker.idle.wait()
                outcome = await self._send(worker, request, body)
                if worker.alive:
                    self._suspects.clear(suspect)
                return outcome
            finally:
                worker.suspect = None
                self._released.set()

    async def _send(self, worker: _WorkerHandle, request: IngestRequest, body: bytes) -> Outcome:
        if not worker.alive:
            return Outcome(request.id, "unavailable", DIED_MESSAGE)
        outcome = worker.expect(request, body)
        head, payload = frame(request, body)
        try:
            await worker.sending.acquire()
        except asyncio.CancelledError:
            worker.forget(request.id)
            raise
        try:
            if worker.alive:
                worker.writer.write(head)
                worker.writer.write(payload)
                await worker.writer.drain()
        except (OSError, RuntimeError):
            # The worker is dead, which the task that reads from it finds out too. uvloop raises
            # RuntimeError for a closed transport.
            worker.alive = False
        except asyncio.CancelledError:
            await asyncio.wait([outcome])
            raise
        finally:
            worker.sending.release()
        try:
            return await asyncio.shield(outcome)
        except asyncio.CancelledError:
            await asyncio.wait([outcome])
            raise

    async def _choose(self) -> _WorkerHandle | None:
        """The worker with the fewest outstanding bytes; None if there is none.

        Waits while all are reserved for suspects.
        """
        while True:
            if not all(worker is not None and worker.alive for worker in self._workers):
                async with self._starting:
                    await self._start_missing()
            alive = [worker for worker in self._workers if worker is not None and worker.alive]
            if not alive or self._closing:
                return None
            free = [worker for worker in alive if worker.suspect is None]
            if free:
                return min(free, key=lambda worker: worker.outstanding_bytes)
            self._released.clear()
            await self._released.wait()

    async def _start_missing(self) -> None:
        for slot, worker in enumerate(self._workers):
            recent = time.monotonic() - self._started_at[slot] < RESTART_PAUSE_S
            if (worker is None or not worker.alive) and not recent and not self._closing:
                self._started_at[slot] = time.monotonic()
                try:
                    self._workers[slot] = await self._start()
                except OSError as error:
                    _log.error("cannot start an ingest worker: %s", error)

    async def _start(self) -> _WorkerHandle:
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER_BYTES)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                WORKER_MODULE,
                str(theirs.fileno()),
                pass_fds=(theirs.fileno(),),
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours)
        worker = _WorkerHandle(process, writer)
        head, _ = frame(self._config)
        writer.write(head)
        worker.reading = asyncio.create_task(self._read(worker, reader))
        return worker

    async def _read(self, worker: _WorkerHandle, reader: asyncio.StreamReader) -> None:
        decode = msgspec.msgpack.Decoder(Outcome).decode
        try:
            while True:
                head_size, _ = FRAME.unpack(await reader.readexactly(FRAME.size))
                worker.deliver(decode(await reader.readexactly(head_size)))
        except (asyncio.IncompleteReadError, OSError):
            pass
        worker.alive = False
        worker.writer.close()
        code = await worker.process.wait()
        if not self._closing:
            _log.error("ingest worker %d ended with code %d", worker.process.pid, code)
        if worker.outstanding and died_of_its_work(code, worker.memory_kills):
            if worker.suspect is not None and len(worker.outstanding) == 1:
                self._suspects.convict(worker.suspect)
                _log.error("the body that it had ended a worker twice: it is refused from now on")
                worker.fail_outstanding("too_large", KILLER_MESSAGE)
                return
            self._suspects.add(
                (export.request, export.body) for export in worker.outstanding.values()
            )
        worker.fail_outstanding("unavailable", DIED_MESSAGE)

    async def close(self) -> None:
        """Let workers commit and answer their requests, then end them.

        A worker that is not done within ``EXIT_TIMEOUT_S`` is killed; its senders send again.
        """
        self._closing = True
        for worker in self._workers:
            if worker is not None and worker.alive and worker.writer.can_write_eof():
                worker.writer.write_eof()
        for worker in self._workers:
            if worker is None or worker.reading is None:
                continue
            try:
                await asyncio.wait_for(asyncio.shield(worker.reading), EXIT_TIMEOUT_S)
            except TimeoutError:
                _log.error("ingest worker %d did not end in time", worker.process.pid)
                worker.process.kill()
                await worker.reading
