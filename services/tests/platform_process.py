"""A running platform for tests: the real command in a process group of its own.

Ports are picked by the system and read from the ``ready`` line. Standard error goes to a file, so
that a test can look for what must never stand there (tracebacks, passwords).
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx

START_TIMEOUT_S = STOP_TIMEOUT_S = DEADLINE_S = 120.0
"""Far above what anything takes, even on a busy machine: a test that passes never waits so long."""
POLL_S = 0.02

_PORTS = {
    "serve": ("--port", "--otlp-port", "--grpc-port"),
    "ingest": ("--otlp-port", "--grpc-port"),
    "query": ("--port",),
}

_Found = TypeVar("_Found")


def command_line(*arguments: str) -> list[str]:
    """The console script beside this interpreter, as people call it."""
    return [str(Path(sys.executable).with_name("tracefoundry")), *arguments]


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without settings of the product or of SDKs."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TRACEFOUNDRY_", "OTEL_"))
    }
    return {**kept, "NO_COLOR": "1", **(extra or {})}


def run_command(
    *arguments: str, environment: Mapping[str, str] | None = None, timeout_s: float = DEADLINE_S
) -> subprocess.CompletedProcess[str]:
    """Run a command of the product to its end."""
    return subprocess.run(
        command_line(*arguments),
        env=clean_environment(environment),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def eventually(
    probe: Callable[[], _Found], *, within_s: float = DEADLINE_S, what: str = "the condition"
) -> _Found:
    """Ask until the answer is true; fails after the deadline with the last answer."""
    deadline = time.monotonic() + within_s
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come within {within_s} s; last: {found!r}")
        time.sleep(POLL_S)


def traces_found(ask: Callable[..., Any], text: str) -> list[str]:
    """Ids of all traces in which a text is found; ``ask`` gets JSON of the query API.

    A search stops after some seconds and says where it goes on.
    """
    found: list[str] = []
    parameters: dict[str, str | int] = {"q": text, "start": 0}
    while True:
        page = ask("/api/traces", **parameters)
        found += [trace["trace_id"] for trace in page["traces"]]
        if page["next_cursor"] is None:
            return found
        parameters["cursor"] = page["next_cursor"]


class Platform:
    """One ``serve``, ``ingest`` or ``query`` process and what it started."""

    def __init__(
        self,
        command: str,
        *arguments: str,
        folder: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.command = command
        self.stderr_path = folder / f"{command}.stderr"
        self._arguments = arguments
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._client: httpx.Client | None = None
        self.api = self.otlp = self.grpc = ""

    def start(self) -> Platform:
        """Start (again, on new ports) and wait for the ``ready`` line."""
        with self.stderr_path.open("ab") as stderr:
            self._process = subprocess.Popen(
                self.command_line(),
                env=clean_environment(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
            )
        addresses = dict(re.findall(r"(\w+)=(\S+)", self._ready_line()))
        self.api = addresses.get("api", "")
        self.otlp = addresses.get("otlp", "")
        self.grpc = addresses.get("grpc", "")
        return self

    def command_line(self) -> list[str]:
        """What is run."""
        ports = [part for option in _PORTS[self.command] for part in (option, "0")]
        return command_line(self.command, *ports, *self._arguments)

    def _ready_line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        output = self._process.stdout
        deadline = time.monotonic() + START_TIMEOUT_S
        text = b""
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while not text.endswith(b"\n"):
                if not selector.select(deadline - time.monotonic()):
                    break
                piece = os.read(output.fileno(), 4096)
                if not piece:
                    break
                text += piece
        if not text.startswith(b"ready "):
            self.kill()
            raise RuntimeError(f"no ready line but {text!r}; stderr: {self.stderr()[-2000:]}")
        return text.decode()

    @property
    def pid(self) -> int:
        """Process id of the listening process."""
        assert self._process is not None
        return self._process.pid

    @property
    def worker_pids(self) -> list[int]:
        """Process ids of the ingest workers."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        found = []
        for child in children:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                if b"tracefoundry.ingest.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(int(child))
        return found

    @property
    def running(self) -> bool:
        """The listening process has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def client(self) -> httpx.Client:
        """A client for requests one after the other, kept open."""
        if self._client is None:
            self._client = httpx.Client(timeout=60, trust_env=False)
        return self._client

    def terminate(self) -> None:
        """Send SIGTERM, as a supervisor does; :meth:`wait` gives the exit code."""
        assert self._process is not None
        self._process.terminate()

    def wait(self) -> int:
        """Wait for the end; returns the exit code."""
        assert self._process is not None
        code = self._process.wait(timeout=STOP_TIMEOUT_S)
        self._close()
        return code

    def stop(self) -> int:
        """End it by SIGTERM; returns the exit code."""
        self.terminate()
        return self.wait()

    def kill(self) -> None:
        """Kill the listening process and its workers at once: nothing can be tidied up."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=STOP_TIMEOUT_S)
        self._close()

    def _close(self) -> None:
        assert self._process is not None
        if self._process.stdout is not None:
            self._process.stdout.close()
        if self._client is not None:
            self._client.close()
            self._client = None

    def stderr(self) -> str:
        """All that was logged, over restarts too."""
        return self.stderr_path.read_text(errors="replace")

    def get(self, path: str, **parameters: str | int) -> Any:
        """JSON of the query API, which must answer 200."""
        answer = self.client.get(self.api + path, params=parameters)
        assert 200 == answer.status_code, answer.text
        return answer.json()

    def metric(self, name: str) -> float:
        """Sum of a metric over its labels, from the first address that has ``/metrics``."""
        text = self.client.get((self.api or self.otlp) + "/metrics").text
        values = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
        return sum(float(value) for value in values)

    def memory_bytes(self) -> int:
        """Memory of the listening process and its workers: proportional set size, summed."""
        return sum(_pss_bytes(pid) for pid in [self.pid, *self.worker_pids])


def _pss_bytes(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


@contextmanager
def running(
    command: str,
    *arguments: str,
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Platform]:
    """A started platform; afterwards it is ended, and must never have logged a traceback."""
    platform = Platform(command, *arguments, folder=folder, environment=environment)
    with started(platform):
        yield platform


@contextmanager
def started(platform: Platform) -> Iterator[Platform]:
    """The same for a platform that was made already."""
    try:
        yield platform.start()
        if platform.running:
            platform.stop()
    finally:
        if platform.running:
            platform.kill()
    assert "Traceback" not in platform.stderr(), platform.stderr()[-4000:]
