"""Which interruptions of a watch kopf repairs, and which only the comparison finds.

kopf runs as in the operator, against a server whose watches misbehave. Its inactivity timeout is
shortened from 70 s.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lists import Lists
from tests.scripted_server import ScriptedServer, Stream, secret
from tests.test_loops import until
from tests.test_resync import NoLoops
from tracefoundry_operator import handlers
from tracefoundry_operator.kinds import EXPORT, INSTANCE, SECRET, ObjectKey
from tracefoundry_operator.metrics import Metrics
from tracefoundry_operator.resync import Resync
from tracefoundry_operator.state import State
from tracefoundry_operator.watches import Watches

INACTIVITY_S = 0.4
LONGER_S = 5 * INACTIVITY_S
"""Time in which kopf would have reconnected several times."""

A = ObjectKey("Secret", "tracing", "a")
B = ObjectKey("Secret", "tracing", "b")


class Watching:
    """The state as kopf's watch of one server keeps it, and its comparison."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.task: asyncio.Task[None]
        self.state = State()
        loops = {INSTANCE.name: NoLoops(), EXPORT.name: NoLoops()}
        self.watches = Watches(self.state, kinds=(SECRET,), loops=loops)
        self.lists = Lists()
        self.resync = Resync(
            self.lists,  # type: ignore[arg-type]
            self.state,
            self.watches,
            Metrics(),
            kinds=(SECRET,),
            namespaces=(),
            grace_s=0.1,
            repair_s=0.0,
        )

    def version(self, key: ObjectKey) -> Callable[[str | None], bool]:
        """Whether an object is known in a version."""
        return lambda expected: self.state.version(key) == expected

    async def compare(self) -> frozenset[str]:
        """Compare with what the server has; kinds whose watch is silent."""
        self.lists.items = self.server.secrets
        await self.resync.compare()
        return self.resync.silent


@contextlib.asynccontextmanager
async def watching(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, folder: Path, **networking: Any
) -> AsyncIterator[Watching]:
    """kopf's watch of a server, until the end of the test."""
    async with server:
        server.write_kubeconfig(folder / "kubeconfig")
        monkeypatch.setenv("KUBECONFIG", str(folder / "kubeconfig"))
        found = Watching(server)
        settings = handlers.watch_settings((SECRET,))
        settings.watching.inactivity_timeout = INACTIVITY_S
        for name, value in networking.items():
            setattr(settings.networking, name, value)
        found.task = asyncio.create_task(handlers.watch(found.watches, (SECRET,), settings))
        try:
            yield found
        finally:
            found.task.cancel()
            await asyncio.gather(found.task, return_exceptions=True)


@pytest.mark.asyncio
async def test_kopf_resumes_a_watch_that_was_accepted_and_delivers_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Kopf covers it: it connects again from the last version, and misses nothing."""

    async def resumed(stream: Stream) -> None:
        await stream.send("MODIFIED", secret("a", "2"))
        await stream.send("DELETED", secret("b", "3"))
        await stream.stall()

    server = ScriptedServer(Stream.stall, resumed)
    server.secrets = [secret("a", "1"), secret("b", "1")]
    async with watching(server, monkeypatch, tmp_path) as found:
        await until(lambda: len(server.watches) == 2)
        await until(lambda: found.state.version(A) == "2" and found.state.version(B) is None)
        assert (["1", "1"], 1) == ([each.since for each in server.watches], server.lists)
        server.secrets = [secret("a", "2")]
        assert frozenset() == await found.compare()


@pytest.mark.asyncio
async def test_kopf_repeats_a_request_that_the_server_refuses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Kopf covers it, as long as it has delays left."""
    server = ScriptedServer(Stream.stall)
    server.secrets, server.refusals = [secret("a", "1")], 2
    async with watching(server, monkeypatch, tmp_path, error_backoffs=(0.01, 0.01)) as found:
        await until(lambda: found.state.version(A) == "1" and len(server.watches) == 1)


@pytest.mark.asyncio
@pytest.mark.parametrize("refusals", [0, 3])
async def test_kopf_ends_when_a_watch_cannot_go_on(
    refusals: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An ERROR event other than 410, or a request that is refused too often: kopf covers it by
    ending with an error, and a new process begins."""

    async def broken(stream: Stream) -> None:
        await stream.error(500)

    server = ScriptedServer(broken)
    server.refusals = refusals
    async with watching(server, monkeypatch, tmp_path, error_backoffs=(0.01, 0.01)) as found:
        with pytest.raises(Exception, match=r"made up|503"):
            await asyncio.wait_for(asyncio.shield(found.task), 10)


@pytest.mark.asyncio
async def test_a_deletion_during_a_gap_is_found_by_the_comparison_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """After 410 Gone kopf lists again, and a list does not name what is missing from it."""

    async def too_old(stream: Stream) -> None:
        server.secrets, server.version = [secret("a", "2")], "3"
        await stream.error(410)

    server = ScriptedServer(too_old, Stream.stall)
    server.secrets = [secret("a", "1"), secret("b", "1")]
    async with watching(server, monkeypatch, tmp_path) as found:
        await until(lambda: found.state.version(A) == "2")
        await until(lambda: len(server.watches) >= 3)
        assert "1" == found.state.version(B)

        silent = await found.compare()
        assert (None, frozenset()) == (found.state.version(B), silent)


@pytest.mark.asyncio
async def test_a_watch_that_delivers_bookmarks_only_is_found_by_the_comparison_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Kopf counts bookmarks as activity."""

    async def bookmarks(stream: Stream) -> None:
        while True:
            await stream.bookmark("2")
            await asyncio.sleep(INACTIVITY_S / 4)

    server = ScriptedServer(bookmarks)
    server.secrets = [secret("a", "1")]
    async with watching(server, monkeypatch, tmp_path) as found:
        await until(lambda: found.state.version(A) == "1" and len(server.watches) == 1)
        server.secrets = [secret("a", "2")]
        await asyncio.sleep(LONGER_S)  # in which it would have connected again
        assert (1, "1") == (len(server.watches), found.state.version(A))

        silent = await found.compare()
        assert ("2", {"Secret"}) == (found.state.version(A), silent)
