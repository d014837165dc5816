"""A real API server on loopback, with etcd and the garbage collector, and nothing else.

There is no kubelet: workloads have no pods, and tests write the status instead of controllers.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from ssl import CERT_NONE, SSLContext, create_default_context
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.programs import program

START_S = 180.0
DEADLINE_S = 120.0
"""Far above what anything takes, even on a busy machine: a test that passes never waits so long."""

Json = dict[str, Any]


class ApiServer:
    """The processes, and an independent client: tests must not use the operator's."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tf-apiserver-"))
        self.port, etcd, peer, manager = free_ports(4)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._token = secrets.token_hex(16)
        self._etcd, self._peer, self._manager = etcd, peer, manager
        self._trust = _no_verification()
        self.kubeconfig = self.folder / "kubeconfig"

    def start(self) -> None:
        """Start everything and wait until it is ready."""
        self._write_files()
        self._run(
            "etcd", "--data-dir", "etcd", "--unsafe-no-fsync", "--log-level=error",
            f"--listen-client-urls=http://127.0.0.1:{self._etcd}",
            f"--advertise-client-urls=http://127.0.0.1:{self._etcd}",
            f"--listen-peer-urls=http://127.0.0.1:{self._peer}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{self._peer}",
            f"--initial-cluster=default=http://127.0.0.1:{self._peer}",
        )  # fmt: skip
        self.start_api_server()
        self._run(
            "kube-controller-manager", f"--kubeconfig={self.kubeconfig}", "--leader-elect=false",
            "--controllers=garbage-collector-controller,namespace-controller",
            "--bind-address=127.0.0.1", f"--secure-port={self._manager}", "--cert-dir=manager",
            "--use-service-account-credentials=false",
        )  # fmt: skip

    def start_api_server(self) -> None:
        """Start the API server alone (again)."""
        self._run(
            "kube-apiserver", f"--etcd-servers=http://127.0.0.1:{self._etcd}",
            "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}", "--cert-dir=certificates",
            "--token-auth-file=tokens.csv", "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-account-key-file=accounts.key",
            "--service-account-signing-key-file=accounts.key",
            "--service-cluster-ip-range=10.96.0.0/16", "--allow-privileged=false",
            "--enable-priority-and-fairness=false", "--max-requests-inflight=0",
            "--endpoint-reconciler-type=none",
        )  # fmt: skip
        wait(self._ready, "the API server is ready", seconds=START_S)

    def kill(self, name: str) -> None:
        """End one process at once."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End everything and remove it."""
        for name in reversed(list(self._processes)):
            self.kill(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
    ) -> Json:
        """One request as administrator.

        Raises:
            urllib.error.HTTPError: it was refused.
        """
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode("utf-8"),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": content_type},
        )
        with urllib.request.urlopen(request, context=self._trust, timeout=DEADLINE_S) as answer:  # noqa: S310
            found: Json = json.loads(answer.read() or b"{}")
            return found

    def find(self, path: str) -> Json | None:
        """What is at a path; None if there is nothing."""
        try:
            return self.request("GET", path)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return None

    def merge(self, path: str, change: Mapping[str, Any]) -> Json:
        """Change an object by a merge patch."""
        return self.request("PATCH", path, change, content_type="application/merge-patch+json")

    def kubectl(
        self, *arguments: str, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl; the caller looks at how it ended."""
        return subprocess.run(
            [program("kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments],
            input=stdin, text=True, capture_output=True, timeout=DEADLINE_S, check=False,
            env={"HOME": str(self.folder), "PATH": os.environ["PATH"]},
        )  # fmt: skip

    def log(self, name: str) -> str:
        """What a process wrote, its end."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-4000:]

    def _run(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [program(name), *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log,
            )  # fmt: skip

    def _ready(self) -> bool:
        if self._processes["kube-apiserver"].poll() is not None:
            raise RuntimeError(self.log("kube-apiserver"))
        try:
            self.request("GET", "/readyz?exclude=informer-sync")
        except json.JSONDecodeError:
            return True  # it says "ok"
        except OSError:
            return False
        return True

    def _write_files(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        (self.folder / "accounts.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        (self.folder / "tokens.csv").write_text(f'{self._token},admin,1,"system:masters"\n')
        self.write_kubeconfig(self.kubeconfig, self._token)

    def write_kubeconfig(self, path: Path, token: str) -> None:
        """A kubeconfig with this token."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [
                {
                    "name": "test",
                    "cluster": {
                        "server": f"https://127.0.0.1:{self.port}",
                        "insecure-skip-tls-verify": True,
                    },
                }
            ],
            "users": [{"name": "test", "user": {"token": token}}],
        }
        path.write_text(json.dumps(config), encoding="utf-8")
        path.chmod(0o600)


def free_ports(count: int) -> list[int]:
    """Free ports on loopback."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def wait(condition: Callable[[], object], what: str, *, seconds: float = DEADLINE_S) -> None:
    """Wait until a condition holds.

    Raises:
        AssertionError: it did not within the time; ``what`` says what it was.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def _no_verification() -> SSLContext:
    """The server makes its certificate itself; both ends are this test."""
    context = create_default_context()
    context.check_hostname = False
    context.verify_mode = CERT_NONE
    return context
