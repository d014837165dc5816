"""Names, addresses and folders of the local cluster, in one place."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

CONTEXT = "tracefoundry-e2e"
NODE = "e2e-node"
NODE_ADDRESS = "10.250.0.1"
"""Held by a bridge in the cluster's own network namespace; nothing outside can reach it."""
API_PORT = 6443
SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
POD_RANGE = "10.244.0.0/16"
DNS_PORT = 53
DNS_DOMAIN = "cluster.local"
PAUSE_IMAGE = "localhost/pause:e2e"


@dataclass(frozen=True, slots=True)
class Place:
    """The folder that holds everything the cluster writes; deleted by ``down``."""

    root: Path

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.root / "pki"

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.root / "logs"

    @property
    def processes(self) -> Path:
        """One file a running process."""
        return self.root / "processes"

    @property
    def volumes(self) -> Path:
        """Folders that tests hand to pods as hostPath volumes."""
        return self.root / "volumes"

    @property
    def containerd_socket(self) -> Path:
        """In the cluster's own /run: only processes inside the namespaces find it."""
        return Path("/run/containerd/containerd.sock")

    @property
    def kubeconfig(self) -> Path:
        """For people and tests outside the namespaces, by a forwarded loopback port."""
        return self.root / "kubeconfig"

    def inner_kubeconfig(self, name: str) -> Path:
        """For the cluster's own processes, by the node's address."""
        return self.root / "kubeconfigs" / name

    def config(self, name: str) -> Path:
        """A configuration file of one of the processes."""
        return self.root / "config" / name


def default_place() -> Place:
    """``TRACEFOUNDRY_E2E_STATE``, else a folder of this user below the temporary folder."""
    named = os.environ.get("TRACEFOUNDRY_E2E_STATE")
    if named:
        return Place(Path(named).resolve())
    return Place(Path(tempfile.gettempdir()).resolve() / f"tracefoundry-e2e-{os.getuid()}")


def write_config(path: Path, text: str) -> Path:
    """Write a configuration file, unless it says the same already.

    Programs watch theirs: kube-proxy ends when its file is written again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.touch(mode=0o600)
        path.write_text(text)
    return path
