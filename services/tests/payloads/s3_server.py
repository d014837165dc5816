"""A real S3 server for tests: versitygw over a throw-away folder, on a loopback port.

It is built from Go modules pinned by ``s3server/go.sum``; the program is kept in the user's cache
folder under the hash of that file, so only the first run builds it (about two minutes).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

MODULE = Path(__file__).parent / "s3server"
PACKAGE = "github.com/versity/versitygw/cmd/versitygw"
BUILD_TIMEOUT_S = 1200.0
START_TIMEOUT_S = 30.0


def program() -> Path:
    """The versitygw program, built if this go.sum was never built here."""
    pinned = hashlib.sha256((MODULE / "go.sum").read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tracefoundry"
    folder = cache / "versitygw" / pinned
    binary = folder / "versitygw"
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / "lock"):
        if not binary.exists():
            _build(binary)
    return binary


def _build(binary: Path) -> None:
    go = shutil.which("go") or "/usr/local/go/bin/go"
    if not Path(go).exists():
        raise RuntimeError("the S3 tests build a server and need Go 1.26 or newer in PATH")
    fresh = binary.with_suffix(".new")
    subprocess.run(
        [go, "build", "-mod=readonly", "-trimpath", "-o", str(fresh), PACKAGE],
        cwd=MODULE, env={**os.environ, "CGO_ENABLED": "0"}, check=True, timeout=BUILD_TIMEOUT_S,
    )  # fmt: skip
    fresh.replace(binary)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One build at a time, when several test runs start together."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class S3Server:
    """One server with one account; its buckets are folders below ``folder``."""

    def __init__(self, *, more_accounts: bool = False) -> None:
        """Choose a folder, a port and an account made up for this run. With ``more_accounts`` it
        takes others, which are kept in a folder of their own."""
        self.more_accounts = more_accounts
        self.folder = Path(tempfile.mkdtemp(prefix="tf-s3-"))
        self.port = _free_port()
        self.access_key = "test" + secrets.token_hex(8)
        self.secret_key = secrets.token_hex(20)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """The URL for AWS_ENDPOINT_URL_S3."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The AWS_* variables for this server, and nothing of the machine's own settings."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def make_bucket(self, name: str) -> str:
        """Make an empty bucket; returns its name."""
        # A folder is a bucket of this server; making it so needs no client of its own.
        (self.folder / "root" / name).mkdir()
        return name

    def start(self) -> None:
        """Start (again) and wait until it takes connections."""
        root = self.folder / "root"
        root.mkdir(exist_ok=True)
        (self.folder / "sidecar").mkdir(exist_ok=True)
        account = {
            "ROOT_ACCESS_KEY": self.access_key,
            "ROOT_SECRET_KEY": self.secret_key,
        }
        accounts: list[str] = []
        if self.more_accounts:
            (self.folder / "accounts").mkdir(exist_ok=True)
            accounts = ["--iam-dir", str(self.folder / "accounts")]
        log_path = self.folder / "log"
        with log_path.open("ab") as log:
            self.process = subprocess.Popen(
                # The sidecar holds metadata as files: not every file system has attributes.
                [str(program()), "--port", f"127.0.0.1:{self.port}", "--region", "us-east-1",
                 *accounts, "posix", "--sidecar", str(self.folder / "sidecar"), str(root)],
                env={**os.environ, **account}, stdout=log, stderr=log, cwd=self.folder,
            )  # fmt: skip
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=2).close()
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(log_path.read_text()[-2000:]) from None
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """End the process; the objects stay."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=120)
            self.process = None

    def remove(self) -> None:
        """Stop and delete everything."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    # Before the tests, which have a time limit each: a first build takes minutes.
    program()
