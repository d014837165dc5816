"""Which cluster the tests use, and the few things they need from it besides its API.

KUBECONFIG, if it is set, must name one of two contexts: tests create and delete namespaces, custom
resources and volumes, and a mistaken context would do that to somebody's work. Without it a kind
cluster is made where Docker runs, else the local cluster.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from cluster import (
    docker,
    images,
    lifecycle,
    machine,
    namespaces,
    node,
    processes,
    programs,
    support_images,
)
from cluster.place import CONTEXT, Place, default_place

KIND_NAME = "tracefoundry-e2e"
KIND_CONTEXT = f"kind-{KIND_NAME}"
KIND_NODE = f"{KIND_NAME}-control-plane"
ALLOWED = (KIND_CONTEXT, CONTEXT)
TEST_PROGRAMS = ("versitygw", "telemetrygen", "tracefoundry-collector")
COMMAND_DEADLINE_S = 600.0


class Refused(Exception):
    """KUBECONFIG names a cluster that the tests must not touch."""


_DECISION = "authorization.k8s.io/decision"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """A request that the API server answered."""

    verb: str
    path: str
    refused: bool
    """By authorization."""

    @property
    def writes(self) -> bool:
        """Whether it is a request to change something."""
        return self.verb not in {"get", "list", "watch"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One cluster and the way to it."""

    kubeconfig: Path
    context: str
    made_here: bool
    """Made for this run, and taken away after it."""
    place: Place
    """Where the local cluster lives; without meaning for kind."""

    @property
    def is_kind(self) -> bool:
        """Whether the nodes are Docker containers."""
        return self.context == KIND_CONTEXT

    def load(self, archive: Path) -> None:
        """Make the images of an archive known to the node."""
        if self.is_kind:
            _run(str(programs.client("kind")), "load", "image-archive", str(archive),
                 "--name", KIND_NAME)  # fmt: skip
            return
        node.import_image(self._holder(), archive, self.place)

    def killer(self, container: str) -> Callable[[], None]:
        """What ends a container's process at once, when it is called.

        ``container`` is the id in its pod's status. All that takes time is done before.
        """
        identity = container.removeprefix("containerd://")
        if self.is_kind:
            return lambda: _run_silently(
                "docker", "exec", KIND_NODE, "ctr", "--namespace", "k8s.io", "tasks", "kill",
                "--signal", "SIGKILL", identity,
            )  # fmt: skip
        pid = node.container_pid(self._holder(), identity, self.place)
        return lambda: os.kill(pid, signal.SIGKILL)

    def volume(self, name: str) -> str:
        """The path on the node of a new, empty folder that every user may write to."""
        if self.is_kind:
            path = f"/var/local/tracefoundry-e2e/{name}"
            _run("docker", "exec", KIND_NODE, "sh", "-c",
                 f"rm -rf {path} && install -d -m 777 {path}")  # fmt: skip
            return path
        folder = self.place.volumes / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        folder.chmod(0o777)
        return str(folder)

    def requests(self, account: str, since: str) -> list[AuditEvent] | None:
        """What accounts with this beginning asked the API server, by the audit log.

        ``since`` is a time in the API server's own form (RFC 3339, UTC). None where no log is kept:
        kind keeps none unless it is told to.
        """
        log = self.place.logs / "audit.log"
        if self.is_kind or not log.exists():
            return None
        events = [json.loads(line) for line in log.read_text().splitlines()]
        return [
            AuditEvent(
                verb=event["verb"],
                path=event["requestURI"],
                refused=_DECISION in event.get("annotations", {})
                and event["annotations"][_DECISION] == "forbid",
            )
            for event in events
            if event["user"]["username"].startswith(account)
            and event["requestReceivedTimestamp"] > since
        ]

    def _holder(self) -> processes.Process:
        holder = processes.find(self.place, namespaces.HOLDER)
        if holder is None:
            raise Refused(f"the cluster of {self.kubeconfig} does not run in {self.place.root}")
        return holder

    def close(self) -> None:
        """Take the cluster away, if it was made for this run."""
        if not self.made_here:
            return
        if self.is_kind:
            _run(str(programs.client("kind")), "delete", "cluster", "--name", KIND_NAME)
        else:
            lifecycle.down(self.place)


def open_cluster() -> Access:
    """The cluster of KUBECONFIG, else a new one. Raises Refused for any other context."""
    place = default_place()
    named = os.environ.get("KUBECONFIG")
    if named:
        return Access(
            kubeconfig=Path(named), context=checked_context(Path(named)), made_here=False,
            place=place,
        )  # fmt: skip
    if docker.runs():
        return _make_kind(place)
    keep = bool(os.environ.get("E2E_KEEP")) or processes.find(place, namespaces.HOLDER) is not None
    lifecycle.up(place)
    return Access(kubeconfig=place.kubeconfig, context=CONTEXT, made_here=not keep, place=place)


def obstacle() -> str | None:
    """What keeps the tests from having a cluster here, in words; None for nothing."""
    return machine.obstacle() if _is_local() else None


def _is_local() -> bool:
    """Whether the tests would get the local cluster."""
    return not os.environ.get("KUBECONFIG") and not docker.runs()


def prepare() -> None:
    """Build all that a run needs, so that no test waits for a compiler."""
    own = _is_local()
    needed = (*(lifecycle.CLUSTER_PROGRAMS if own else ()), *TEST_PROGRAMS)
    for name in needed:
        programs.program(name)
    for name in ("kubectl", "helm", *(() if own else ("kind",))):
        programs.client(name)
    for support in (support_images.postgres(), support_images.python()):
        print(support.archive, flush=True)
    for image in images.IMAGES:
        print(images.build(image).archive, flush=True)


def checked_context(kubeconfig: Path) -> str:
    """The current context of a kubeconfig, if it is one of a test cluster."""
    try:
        config = yaml.safe_load(kubeconfig.read_text()) or {}
    except (OSError, yaml.YAMLError) as error:
        raise Refused(f"KUBECONFIG={kubeconfig} cannot be read: {error}") from error
    context = config.get("current-context") if isinstance(config, dict) else None
    if context not in ALLOWED:
        raise Refused(
            f"KUBECONFIG={kubeconfig} has the current context {context!r}; the end-to-end tests"
            f" only touch {' and '.join(ALLOWED)}"
        )
    return str(context)


def _make_kind(place: Place) -> Access:
    kind = str(programs.client("kind"))
    folder = Path(tempfile.mkdtemp(prefix="tf-kind-"))
    kubeconfig = folder / "kubeconfig"
    exists = KIND_NAME in _run(kind, "get", "clusters").split()
    if exists:
        kubeconfig.write_text(_run(kind, "get", "kubeconfig", "--name", KIND_NAME))
    else:
        _run(kind, "create", "cluster", "--name", KIND_NAME, "--kubeconfig", str(kubeconfig),
             "--wait", "180s")  # fmt: skip
    made_here = not (exists or os.environ.get("E2E_KEEP"))
    return Access(kubeconfig=kubeconfig, context=KIND_CONTEXT, made_here=made_here, place=place)


def _run_silently(*command: str) -> None:
    _run(*command)


def _run(*command: str) -> str:
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        timeout=COMMAND_DEADLINE_S,
    )  # fmt: skip
    if result.returncode != 0:
        raise processes.StartFailed(f"{' '.join(command)} failed:\n{result.stderr[-3000:]}")
    return result.stdout
