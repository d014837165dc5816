"""A Kafka broker with one node on loopback, from the libraries that Maven fetches (about 45 MB).

``kafka/jars.sha256`` pins every library. They are kept in the cache folder under the hash of that
file. Needs Java 17 or newer, and Maven for the first run.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import socket
import subprocess
import time
import uuid
from pathlib import Path

from cluster.programs import cache, locked

HERE = Path(__file__).parent / "kafka"
FETCH_TIMEOUT_S = 900
START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 60
POLL_S = 0.1


def libraries() -> Path:
    """The folder of the broker's libraries, fetched if these were never fetched here."""
    pinned = (HERE / "jars.sha256").read_text()
    folder = cache() / "kafka" / hashlib.sha256(pinned.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "lib"
    with locked(folder / "lock"):
        if not made.exists():
            _fetch(folder / "fresh", pinned)
            (folder / "fresh").rename(made)
    return made


def _fetch(folder: Path, pinned: str) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise RuntimeError("the Kafka tests fetch a broker: put Maven (mvn) in PATH")
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(
        [maven, "--quiet", "--batch-mode", "--file", str(HERE / "pom.xml"),
         "dependency:copy-dependencies", f"-DoutputDirectory={folder}"],
        check=True, timeout=FETCH_TIMEOUT_S,
    )  # fmt: skip
    expected = dict(reversed(line.split()) for line in pinned.splitlines())
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.jar")
    }
    if found != expected:
        differing = sorted(set(found.items()) ^ set(expected.items()))
        raise RuntimeError(f"libraries are not those of jars.sha256: {differing}")


class KafkaBroker:
    """A broker whose topics are made when they are first written to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "kafka.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.address = f"127.0.0.1:{_free_port()}"

    def start(self) -> None:
        """Format the storage, start, and wait until clients may connect."""
        settings = self._folder / "server.properties"
        settings.write_text(self._settings())
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        with self._log.open("wb") as log:
            subprocess.run(
                [*_java(), "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(settings)],
                stdout=log, stderr=log, check=True, timeout=START_TIMEOUT_S,
            )  # fmt: skip
            self._process = subprocess.Popen(
                [*_java(), "kafka.Kafka", str(settings)], stdout=log, stderr=log, cwd=self._folder
            )
        self._wait()

    def stop(self) -> None:
        """End the broker."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while b"Kafka Server started" not in self._log.read_bytes():
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"Kafka did not start:\n{self._log.read_text()[-3000:]}")
            time.sleep(POLL_S)

    def _settings(self) -> str:
        controller = f"127.0.0.1:{_free_port()}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self._folder / "logs"),
            "num.partitions": "1",
            "offsets.topic.num.partitions": "1",
            "offsets.topic.replication.factor": "1",
            "group.initial.rebalance.delay.ms": "0",
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())


def _java() -> list[str]:
    java = shutil.which("java")
    if java is None:
        raise RuntimeError("the Kafka tests start a broker: put Java 17 or newer in PATH")
    return [java, "-Xmx512m", "-cp", f"{libraries()}/*"]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
