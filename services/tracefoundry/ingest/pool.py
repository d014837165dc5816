"""The worker processes, as the event loop of the listening process sees them.

Workers start with the first request, so that an idle platform needs little memory. Each has a
socket pair; a request goes to the worker with the fewest outstanding bytes. If a worker dies, its
unanswered requests are answered as unavailable: their senders send them again, and spans that were
committed are then duplicates. A new worker starts with the next request.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import time

import msgspec

from tracefoundry.ingest.messages import (
    FRAME,
    IngestRequest,
    Outcome,
    WorkerConfig,
    frame,
)

RESTART_PAUSE_S = 1.0
"""Shortest time between two starts of one worker, so that a crash at start is no busy loop."""
EXIT_TIMEOUT_S = 30.0
SOCKET_BUFFER_BYTES = 1 << 20
"""Socket buffer in each direction, so that most bodies are sent in one piece."""

_log = logging.getLogger(__name__)


class _WorkerHandle:
    """One worker process and its unanswered requests."""

    def __init__(self, process: asyncio.subprocess.Process, writer: asyncio.StreamWriter) -> None:
        self.process = process
        self.writer = writer
        self.outstanding: dict[int, tuple[int, asyncio.Future[Outcome]]] = {}
        self.outstanding_bytes = 0
        self.reading: asyncio.Task[None] | None = None
        self.sending = asyncio.Lock()
        self.alive = True

    def deliver(self, outcome: Outcome) -> None:
        """Pass an outcome to the request that waits for it."""
        entry = self.outstanding.pop(outcome.id, None)
        if entry is not None:
            size, future = entry
            self.outstanding_bytes -= size
            if not future.done():
                future.set_result(outcome)

    def forget(self, request_id: int) -> None:
        """Drop a request whose outcome nobody waits for any more."""
        size, _ = self.outstanding.pop(request_id, (0, None))
        self.outstanding_bytes -= size

    def fail_outstanding(self) -> None:
        """Answer all outstanding requests as unavailable: the worker is dead."""
        self.alive = False
        for request_id in list(self.outstanding):
            self.deliver(
                Outcome(request_id, "unavailable", "the ingest worker ended before answering")
            )


class WorkerPool:
    """Starts workers, passes them requests, collects outcomes. Belongs to one event loop."""

    def __init__(self, config: WorkerConfig, size: int) -> None:
        self._config = config
        self._workers: list[_WorkerHandle | None] = [None] * size
        self._started_at = [float("-inf")] * size
        self._starting = asyncio.Lock()
        self._next_id = 0
        self._closing = False

    @property
    def pids(self) -> list[int]:
        """Process ids of the running workers."""
        return [worker.process.pid for worker in self._workers if worker and worker.alive]

    async def submit(self, request: IngestRequest, body: bytes) -> Outcome:
        """Send one export to a worker and wait for its outcome.

        The request's id is set here. A failure of a worker is not raised: it is an outcome with
        status ``unavailable``.
        """
        self._next_id += 1
        request.id = self._next_id
        worker = await self._choose()
        if worker is None:
            return Outcome(request.id, "unavailable", "no ingest worker could be started")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        worker.outstanding[request.id] = (len(body), future)
        worker.outstanding_bytes += len(body)
        head, payload = frame(request, body)
        try:
            async with worker.sending:
                worker.writer.write(head)
                worker.writer.write(payload)
                await worker.writer.drain()
        except (OSError, RuntimeError):
            # uvloop raises RuntimeError if the transport was closed while this waited for the lock.
            worker.fail_outstanding()
        try:
            return await future
        except asyncio.CancelledError:
            worker.forget(request.id)
            raise

    async def _choose(self) -> _WorkerHandle | None:
        if not all(worker is not None and worker.alive for worker in self._workers):
            async with self._starting:
                await self._start_missing()
        alive = [worker for worker in self._workers if worker is not None and worker.alive]
        if not alive or self._closing:
            return None
        return min(alive, key=lambda worker: worker.outstanding_bytes)

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
                "tracefoundry.ingest.worker",
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
        worker.fail_outstanding()
        worker.writer.close()
        code = await worker.process.wait()
        if not self._closing:
            _log.error("ingest worker %d ended with code %d", worker.process.pid, code)

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
