"""TraceExports for tests: one of an instance, its conditions, and its bundle on this machine."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from backends import S3, s3_client
from instance import API_VERSION, Instance
from kube import Object, wait_for

ENDS_S = 180.0


@dataclass(frozen=True, slots=True)
class Exported:
    """One TraceExport."""

    instance: Instance
    name: str

    @classmethod
    def make(cls, instance: Instance, name: str, **spec: Any) -> Exported:
        """Apply the resource."""
        instance.kube.apply(
            {
                "apiVersion": API_VERSION,
                "kind": "TraceExport",
                "metadata": {"name": name, "namespace": instance.namespace},
                "spec": {"instanceRef": {"name": instance.name}, "backoffLimit": 0, **spec},
            }
        )
        return cls(instance, name)

    def get(self) -> Object:
        """The resource as it is now."""
        found = self.instance.kube.get("traceexport", self.name, self.instance.namespace)
        assert found is not None, f"{self.name} is gone"
        return found

    @property
    def status(self) -> Mapping[str, Any]:
        """Its status."""
        found: Mapping[str, Any] = self.get().get("status", {})
        return found

    def condition(self, kind: str) -> tuple[str, str, str]:
        """Status, reason and message of a condition."""
        for each in self.status.get("conditions", ()):
            if each["type"] == kind:
                return each["status"], each["reason"], each["message"]
        return "", "", ""

    def wait_for(self, kind: str, status: str, reason: str) -> str:
        """Wait for a condition; its message."""
        wait_for(
            f"{kind} of {self.name} is {status} for {reason}",
            lambda: (status, reason) == self.condition(kind)[:2],
            deadline_s=ENDS_S,
        )
        return self.condition(kind)[2]

    def jobs(self) -> list[Object]:
        """Its Jobs."""
        uid = self.get()["metadata"]["uid"]
        return [
            each
            for each in self.instance.kube.list("jobs", self.instance.namespace)
            if any(ref["uid"] == uid for ref in each["metadata"].get("ownerReferences", ()))
        ]

    def download(self, s3: S3, folder: Path) -> Path:
        """Its bundle, as a file."""
        address = urlsplit(self.status["bundle"]["uri"])
        file = folder / f"{self.name}.zip"
        with s3_client(self.instance.kube, s3) as client:
            client.download_file(address.netloc, address.path.lstrip("/"), str(file))
        return file


def command(*arguments: str | Path) -> tuple[int, str]:
    """Run our command on this machine, without any server: its exit status and its output."""
    program = Path(sys.executable).with_name("tracefoundry")
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout


@contextlib.contextmanager
def another_platform(folder: Path) -> Iterator[str]:
    """A platform on this machine, with a database of its own; the URL of its API."""
    program = Path(sys.executable).with_name("tracefoundry")
    ports = [part for name in ("--port", "--otlp-port", "--grpc-port") for part in (name, "0")]
    log = folder / "serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "serve", "--data", folder / "data", *ports], stdout=output, stderr=output
        )
    try:

        def ready() -> bool:
            assert process.poll() is None, log.read_text()
            return "ready api=" in log.read_text()

        wait_for("another platform", ready, deadline_s=60)
        yield log.read_text().split("ready api=")[1].split()[0]
    finally:
        process.terminate()
        process.wait(timeout=60)


def json_of(*arguments: str | Path) -> tuple[int, Any]:
    """The same with ``--json``, parsed."""
    status, output = command(*arguments, "--json")
    return status, json.loads(output)
