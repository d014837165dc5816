"""Bodies that a thread writes: errors in time have a status, later ones break the connection."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from platform_process import eventually
from query.app_client import AppClient
from raw_http import connected, head
from tracefoundry.query.produced_body import (
    CHUNK_BYTES,
    CHUNKS_AHEAD,
    Abandoned,
    ProducedBody,
    ProducedResponse,
)
from tracefoundry.store.api import StoreUnavailable

Produce = Callable[[ProducedBody], object]
PIECE = b"x" * 100_000


class Answering:
    """An application that answers everything with what ``produce`` writes."""

    def __init__(self, produce: Produce, *, stalled_seconds: float = 60.0) -> None:
        self._produce = produce
        self._stalled_seconds = stalled_seconds
        self.ended = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = ProducedBody(
            self._produce, ended=self.ended.set, stalled_seconds=self._stalled_seconds
        )
        first = await asyncio.to_thread(body.start)
        response = ProducedResponse(body, first, media_type="application/zip", headers={})
        await response(scope, receive, send)


@contextmanager
def served(app: Answering) -> Iterator[str]:
    """The application on a real port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_level="critical", lifespan="off", http="httptools")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            eventually(lambda: server.started, what="the server")
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(120)


def megabytes(out: ProducedBody) -> None:
    """A body of many chunks."""
    for _ in range(50):
        out.write(PIECE)


def test_a_body_comes_whole() -> None:
    """Byte for byte, larger than what may wait."""
    app = Answering(megabytes)
    answer = AppClient(app).get("/")
    assert answer.content == PIECE * 50
    assert len(answer.content) > CHUNK_BYTES * CHUNKS_AHEAD
    assert app.ended.wait(120)


def test_a_body_of_nothing_comes_too() -> None:
    """An empty answer is an answer."""
    assert AppClient(Answering(lambda _out: None)).get("/").content == b""


def test_what_fails_before_the_first_chunk_is_raised() -> None:
    """So the route can answer with a status, however late in the work it was."""

    def produce(out: ProducedBody) -> None:
        out.write(b"x" * (CHUNK_BYTES - 1))
        raise StoreUnavailable("the database went away")

    ended = threading.Event()
    with pytest.raises(StoreUnavailable):
        ProducedBody(produce, ended=ended.set).start()
    assert ended.wait(120)


def test_what_fails_later_breaks_the_connection() -> None:
    """No client takes the part that it got for the whole."""

    def produce(out: ProducedBody) -> None:
        megabytes(out)
        raise StoreUnavailable("the database went away")

    app = Answering(produce)
    with served(app) as url, pytest.raises(httpx.RemoteProtocolError):
        httpx.get(url, timeout=120)
    assert app.ended.wait(120)


def test_a_client_that_goes_away_ends_the_work() -> None:
    """The thread, and with it the snapshot of the database, does not outlive the connection."""
    written: list[int] = []

    def produce(out: ProducedBody) -> None:
        while True:
            out.write(PIECE)
            written.append(1)

    app = Answering(produce)
    with served(app) as url:
        with connected(url) as connection:
            connection.send(head(line="GET / HTTP/1.1", content_type=None))
            assert connection.status() == 200
        assert app.ended.wait(120)


def test_a_client_that_takes_nothing_loses_its_answer() -> None:
    """After the time that a reader may stall."""
    failed: list[BaseException] = []

    def produce(out: ProducedBody) -> None:
        try:
            while True:
                out.write(PIECE)
        except Abandoned as error:
            failed.append(error)
            raise

    ended = threading.Event()
    body = ProducedBody(produce, ended=ended.set, stalled_seconds=1.0)
    assert body.start() is not None
    assert ended.wait(120)
    assert failed
