"""The operator as a process of its own, as in its pod: with the rights of the chart."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from tests.api_server import DEADLINE_S, ApiServer, free_ports, wait
from tests.programs import program

ROOT = Path(__file__).parents[2]
NAMESPACE = "tracefoundry-system"
RELEASE = "tracefoundry"
ACCOUNT = "tracefoundry-operator"

_LINE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")


def chart(*values: str, release: str = RELEASE) -> str:
    """The chart's manifests, rendered by helm."""
    arguments = [argument for value in values for argument in ("--set", value)]
    return subprocess.run(
        [program("helm"), "template", release, ROOT / "charts" / "tracefoundry",
         "--namespace", NAMESPACE, "--kube-version", "1.34.4", "--set", "tests.enabled=false",
         *arguments],
        check=True, text=True, capture_output=True, timeout=DEADLINE_S,
    ).stdout  # fmt: skip


def install(server: ApiServer, *values: str) -> None:
    """Definitions, rights and account of the chart; there is no kubelet, so no pod."""
    server.kubectl("create", "namespace", NAMESPACE)
    applied = server.kubectl("apply", "--server-side", "-f", "-", stdin=chart(*values))
    assert 0 == applied.returncode, applied.stderr
    established = server.kubectl(
        "wait", "--for=condition=Established", f"--timeout={DEADLINE_S:.0f}s", "crd",
        "tracefoundries.tracefoundry.dev", "traceexports.tracefoundry.dev",
    )  # fmt: skip
    assert 0 == established.returncode, established.stderr


class OperatorProcess:
    """One operator, which tests can start repeatedly."""

    def __init__(self, server: ApiServer, account: str = ACCOUNT) -> None:
        self._server = server
        self._log = server.folder / f"operator-{os.urandom(4).hex()}.log"
        self._log.touch()
        self._kubeconfig = self._log.with_suffix(".kubeconfig")
        self._process: subprocess.Popen[bytes] | None = None
        self._settings: dict[str, str] = {}
        self.port = 0
        self.judged_from = 0
        """Offset in the log; a test checks what follows."""
        token = server.kubectl(
            "-n", NAMESPACE, "create", "token", account, "--duration=2h"
        ).stdout.strip()
        server.write_kubeconfig(self._kubeconfig, token)

    @property
    def pid(self) -> int:
        """Process id of the one that runs."""
        assert self._process is not None
        return self._process.pid

    def start(self, *, ready: bool = True, program: Path | None = None, **settings: str) -> None:
        """Start it, and wait until it has listed everything; ``program`` replaces its own."""
        (self.port,) = free_ports(1)
        self._settings = settings
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._server.folder),
            "KUBECONFIG": str(self._kubeconfig),
            "TRACEFOUNDRY_OPERATOR_HTTP_PORT": str(self.port),
            "TRACEFOUNDRY_OPERATOR_NAMESPACE": NAMESPACE,
            "TRACEFOUNDRY_OPERATOR_TAG": "0.1.0",
            **{f"TRACEFOUNDRY_OPERATOR_{name.upper()}": text for name, text in settings.items()},
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *([program] if program else ["-m", "tracefoundry_operator.main"])],
                env=environment, cwd=self._server.folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log,
            )  # fmt: skip
        if ready:
            wait(self._is_ready, "the operator is ready")

    def ensure(self) -> None:
        """Make sure that it runs with the usual settings, whatever the test before did."""
        if self._process is None or self._settings:
            self.stop()
            self.start()
        else:
            wait(self._is_ready, "the operator is ready")

    def stop(self) -> None:
        """Stop it; it must end without an error."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            status = self._process.wait(timeout=DEADLINE_S)
            self._process = None
            assert 0 == status, self.log()[-2000:]

    def kill(self) -> None:
        """Kill it, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self._process is None or self._process.poll() is not None

    def log(self) -> str:
        """All that it wrote."""
        return self._log.read_text(encoding="utf-8")

    def metrics(self) -> dict[str, float]:
        """Its metrics, by name and labels as in the text."""
        text = self._get("/metrics").decode()
        found = {}
        for line in text.splitlines():
            match = _LINE.fullmatch(line)
            if match and not line.startswith("#"):
                found[f"{match[1]}{{{match[2] or ''}}}"] = float(match[3])
        return found

    def total(self, name: str, *labels: str) -> float:
        """Sum of a metric over all label sets that contain these labels."""
        return sum(
            value
            for key, value in self.metrics().items()
            if key.startswith(f"{name}{{") and all(label in key for label in labels)
        )

    def healthy(self) -> bool:
        """The result of its liveness probe."""
        try:
            self._get("/healthz")
        except OSError:
            return False
        return True

    def resident_bytes(self) -> int:
        """Its memory."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        match = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert match is not None
        return int(match[1]) * 1024

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()[-4000:]
        try:
            self._get("/readyz")
        except OSError:
            return False
        return True

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            found: bytes = answer.read()
            return found
