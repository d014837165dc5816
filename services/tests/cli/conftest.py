"""What the tests of the command line share: a canned API, and a way to run commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from cli.canned_server import CannedServer
from tracefoundry.cli.app import main


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def api() -> Iterator[CannedServer]:
    """A server that answers 404 until a test gives it answers."""
    with CannedServer() as server:
        yield server


@pytest.fixture
def run(
    api: CannedServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs a command against the canned API, without a terminal."""
    monkeypatch.setenv("TRACEFOUNDRY_URL", api.url)
    for name in ("TRACEFOUNDRY_TOKEN", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)

    def run_command(*arguments: str) -> Outcome:
        code = main(arguments)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run_command
