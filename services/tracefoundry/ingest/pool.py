"""The worker processes, seen from the event loop that listens.

Workers start with the first request, so that an idle platform stays small. Each is reached by a
socket pair; a request goes to the worker with the fewest bytes outstanding. When a worker dies,
everything it had not answered is answered as passing trouble (its senders ask again, and what was
committed is found to be a duplicate), and a new one starts with the next request.
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
"""Least time between two starts of one worker: a crash at start must not become a busy loop."""
EXIT_TIMEOUT_S = 30.0
SOCKET_BUFFER_BYTES = 1 << 20
"""Asked of the kernel for each direction, so that most bodies pass in one piece."""

_log = logging.getLogger(__name__)


class _WorkerHandle:
    """One worker process and what it has not answered yet."""

    def __init__(self, process: asyncio.subprocess.Process, writer: asyncio.StreamWriter) -> None:
        self.process = process
        self.writer = writer
        self.outstanding: dict[int, tuple[int, asyncio.Future[Outcome]]] = {}
        self.outstanding_bytes = 0
        self.reading: asyncio.Task[None] | None = None
        self.sending = asyncio.Lock()
        self.alive = True

    def answered(self, outcome: Outcome) -> None:
        """Pass an outcome to whoever waits for it."""
        entry = self.outstanding.pop(outcome.id, None)
        if entry is not None:
            size, future = entry
            self.outstanding_bytes -= size
            if not future.done():
                future.set_result(outcome)

    def forget(self, request_id: int) -> None:
        """Nobody waits for this outcome any more."""
        size, _ = self.outstanding.pop(request_id, (0, None))
        self.outstanding_bytes -= size

    def died(self) -> None:
        """Answer everything outstanding as passing trouble."""
        self.alive = False
        for request_id in list(self.outstanding):
            self.answered(
                Outcome(request_id, "unavailable", "the ingest worker ended before answering")
            )


class WorkerPool:
    """Starts workers, hands out requests, collects outcomes. Belongs to one event loop."""

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

        The request's id is set here. Never raises for trouble with workers: that is an outcome
        with status ``unavailable``.
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
            # uvloop raises RuntimeError where the transport was closed while we waited our turn.
            worker.died()
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
                worker.answered(decode(await reader.readexactly(head_size)))
        except (asyncio.IncompleteReadError, OSError):
            pass
        worker.died()
        worker.writer.close()
        code = await worker.process.wait()
        if not self._closing:
            _log.error("ingest worker %d ended with code %d", worker.process.pid, code)

    async def close(self) -> None:
        """Let workers commit and answer what they have, then end them.

        A worker that is not done within ``EXIT_TIMEOUT_S`` is killed; its senders ask again.
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
