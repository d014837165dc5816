"""Temporal's development server on loopback, built from Go modules pinned by ``temporal/go.sum``.

The first build takes about three minutes; the program is kept in the cache folder. Needs Go 1.26.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from pathlib import Path

from cluster.programs import Family, build

PROGRAM = Family(
    name="temporal",
    module=Path(__file__).parent / "temporal",
    programs={"temporal": "github.com/temporalio/cli/cmd/temporal"},
)
START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 60
POLL_S = 0.1


class TemporalServer:
    """A server that keeps everything in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "temporal.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._port = _free_port()
        self.address = f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start, and wait until it takes connections."""
        command = [
            str(build(PROGRAM) / "temporal"), "server", "start-dev", "--ip", "127.0.0.1",
            "--port", str(self._port), "--headless", "--disable-config-file",
            "--log-level", "error",
        ]  # fmt: skip
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"Temporal did not start:\n{self._log.read_text()[-3000:]}")
            time.sleep(POLL_S)

    def stop(self) -> None:
        """End the server."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self._port), timeout=2).close()
            return True
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
