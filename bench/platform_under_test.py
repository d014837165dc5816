"""What is measured: a PostgreSQL server, a `tracefoundry serve`, and the load generator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from postgres_server import PostgresServer, system_binaries, wheel_binaries

HERE = Path(__file__).parent

POSTGRES_OPTIONS = ("shared_buffers=2GB", "max_wal_size=8GB", "checkpoint_timeout=15min")
"""As a database for traces is commonly set up; fsync and synchronous_commit stay on."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A running `tracefoundry serve`."""

    pid: int
    api: str
    otlp: str
    started_s: float
    """Seconds from process start until /readyz answered 200."""

    def get(self, path: str) -> Any:
        """The JSON answer to a GET."""
        with urlopen(self.api + path, timeout=60) as answer:  # noqa: S310 - our own address
            return json.load(answer)

    def pss_bytes(self) -> int:
        """Memory of the process and its workers, shared pages counted once."""
        total = 0
        for pid in [self.pid, *children(self.pid)]:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total

    def cpu_s(self) -> float:
        """CPU seconds of the process and its workers so far."""
        return sum(process_cpu_s(pid) for pid in [self.pid, *children(self.pid)])


def children(pid: int) -> list[int]:
    """Direct children of a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def process_cpu_s(pid: int) -> float:
    """User and system CPU seconds of one process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def server_cpu_s(server: PostgresServer) -> float:
    """CPU seconds of a database server so far, connections that have ended included."""
    if server.process is None:
        return 0.0
    pid = server.process.pid
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    total = (int(fields[13]) + int(fields[14])) / 100
    for one in [pid, *children(pid)]:
        # One may end just now, as vacuums do.
        with suppress(FileNotFoundError, ProcessLookupError):
            total += process_cpu_s(one)
    return total


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of the machine, else of the wheel."""
    server = PostgresServer(system_binaries() or wheel_binaries())
    server.start(*POSTGRES_OPTIONS)
    try:
        yield server
    finally:
        server.remove()


@contextmanager
def serving(
    database_url: str,
    payload_url: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Platform]:
    """`tracefoundry serve` on free ports, ended by SIGTERM. Without ``payload_url`` payloads go to
    a folder that is removed afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="tf-bench-", dir=HERE.parent) as folder,
        _served(database_url, payload_url or Path(folder).as_uri(), environment or {}) as platform,
    ):
        yield platform


@contextmanager
def _served(
    database_url: str, payload_url: str, environment: Mapping[str, str]
) -> Iterator[Platform]:
    began = time.monotonic()
    process = subprocess.Popen(
        [
            str(Path(sys.executable).with_name("tracefoundry")), "serve",
            "--database", database_url, "--payloads", payload_url,
            "--port", "0", "--otlp-port", "0", "--grpc-port", "0",
        ],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith("ready "):
            raise RuntimeError("tracefoundry serve did not start")
        addresses = dict(part.split("=", 1) for part in line.split()[1:])
        with urlopen(addresses["api"] + "/readyz", timeout=10):  # noqa: S310 - our own address
            took = time.monotonic() - began
        yield Platform(process.pid, addresses["api"], addresses["otlp"], took)
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextmanager
def sqlite_url() -> Iterator[str]:
    """The URL of a SQLite file in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="tf-bench-", dir=HERE.parent) as folder:
        yield f"sqlite:///{folder}/bench.db"


def load(platform: Platform, **orders: Any) -> dict[str, Any]:
    """Run the load generator in a process of its own; returns what it measured.

    Every request must have been answered 200: a rate with refusals is no rate.
    """
    defaults = {
        "url": platform.otlp, "spans_per_body": 500, "trace_spans": 100, "templates": 20,
        "bodies": 400, "seconds": 120, "connections": 16,
    }  # fmt: skip
    answer = subprocess.run(
        [sys.executable, str(HERE / "load.py")],
        input=json.dumps(defaults | orders),
        capture_output=True, text=True, check=True, timeout=900,
    )  # fmt: skip
    result: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    if set(result["statuses"]) != {"200"}:
        raise RuntimeError(f"not all exports were accepted: {result['statuses']}")
    return result
