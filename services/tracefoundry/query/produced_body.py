"""The body of an answer that a thread writes while it is being sent.

An export is written to a stream, and can be larger than memory. So a thread writes it into a queue
with a bound, and the response sends what is in the queue. The answer starts when the first chunk is
full: what goes wrong before that is an error with a status of its own, and small bodies are proven
to be whole before a byte is sent. What goes wrong later breaks the connection, so that no client
takes the part that it has for the whole.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

CHUNK_BYTES: Final = 256 * 1024
CHUNKS_AHEAD: Final = 8
"""Chunks that wait for a slow client."""
STALLED_SECONDS: Final = 60.0
"""A client that takes nothing for so long loses its answer: the database's snapshot is open."""
_LOOK_SECONDS: Final = 0.5
"""How often a waiting thread looks whether the other one is gone."""

log = logging.getLogger(__name__)


class Abandoned(Exception):
    """Nobody takes what is written any more."""


class ProducedBody:
    """Chunks that ``produce`` writes in a thread of its own; ``ended`` is called at its end."""

    def __init__(
        self,
        produce: Callable[[ProducedBody], object],
        *,
        ended: Callable[[], object],
        stalled_seconds: float = STALLED_SECONDS,
    ) -> None:
        self._produce = produce
        self._ended = ended
        self._looks = max(1, round(stalled_seconds / _LOOK_SECONDS))
        self._chunks: queue.Queue[bytes | None] = queue.Queue(CHUNKS_AHEAD)
        self._buffer = bytearray()
        self._error: BaseException | None = None
        self._abandoned = threading.Event()
        self._thread = threading.Thread(target=self._run, name="export", daemon=True)

    def start(self) -> bytes | None:
        """Start to write; the first chunk, or None where nothing was written at all.

        Raises:
            BaseException: what went wrong before the first chunk was full.
        """
        self._thread.start()
        return self.next()

    def next(self) -> bytes | None:
        """The next chunk; None at the end.

        Raises:
            BaseException: what went wrong since.
        """
        while True:
            try:
                chunk = self._chunks.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                if self._thread.is_alive() or not self._chunks.empty():
                    continue
                chunk = None
            if chunk is None and self._error is not None:
                raise self._error
            return chunk

    def abandon(self) -> None:
        """Let the thread end at its next write. Harmless when it has ended."""
        self._abandoned.set()

    def write(self, data: bytes) -> None:
        """Called by ``produce``.

        Raises:
            Abandoned: nobody takes it.
        """
        self._buffer += data
        if len(self._buffer) >= CHUNK_BYTES:
            chunk, self._buffer = bytes(self._buffer), bytearray()
            self._put(chunk)

    def _put(self, chunk: bytes | None) -> None:
        for _ in range(self._looks):
            if self._abandoned.is_set():
                break
            try:
                self._chunks.put(chunk, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            return
        raise Abandoned

    def _run(self) -> None:
        try:
            try:
                self._produce(self)
                if self._buffer:
                    self._put(bytes(self._buffer))
            except BaseException as error:  # noqa: BLE001 (``next`` raises it)
                self._error = error
                if not isinstance(error, Abandoned):
                    self._put(None)
            else:
                self._put(None)
        except Abandoned as error:
            self._error = self._error or error
        finally:
            self._ended()


class ProducedResponse(Response):
    """Sends a produced body that has been started."""

    def __init__(
        self,
        body: ProducedBody,
        first: bytes | None,
        *,
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(media_type=media_type, headers=headers)
        del self.headers["content-length"]
        self._body = body
        self._first = first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. A body that breaks off is left without its end: the server closes the
        connection, and the client sees that it has not got the whole."""
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            chunk = self._first
            while chunk is not None and not gone.done():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                chunk = await run_in_threadpool(self._body.next)
            if chunk is None:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (Abandoned, OSError):
            return
        except Exception as error:
            log.warning("an answer broke off: %s", error, exc_info=_unexpected(error))
            return
        finally:
            self._body.abandon()
            gone.cancel()


async def _disconnected(receive: Receive) -> None:
    """Return once nobody waits for the answer any more."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _unexpected(error: Exception) -> Exception | None:
    """The error where it is a defect; trouble that has a message of ours needs no traceback."""
    return None if type(error).__module__.startswith("tracefoundry.") else error
