"""A control group of the cluster's own, in which kubelet keeps its pods.

Kubelet removes groups of pods that it does not know. With a group a cluster, two clusters on one
machine leave each other alone, and ``down`` removes exactly what ``up`` made.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from pathlib import Path

from cluster.place import Place

_MOUNT = Path("/sys/fs/cgroup")
_REMOVAL_S = 5.0
_POLL_S = 0.05


def name(place: Place) -> str:
    """The group's path below the root, the same in every hierarchy."""
    return f"/tracefoundry-e2e-{hashlib.sha256(str(place.root).encode()).hexdigest()[:8]}"


def make(place: Place) -> None:
    """Make the group in every hierarchy that the kernel has."""
    for hierarchy in _hierarchies():
        group = hierarchy / name(place).strip("/")
        group.mkdir(exist_ok=True)
        # A cpuset of cgroup v1 begins empty, and takes no process until it has CPUs and memory
        # nodes.
        for share in ("cpuset.cpus", "cpuset.mems"):
            ours = group / share
            if (hierarchy / "cgroup.clone_children").exists() and ours.exists():
                ours.write_text((hierarchy / share).read_text())
    if (_MOUNT / "cgroup.controllers").exists():
        _delegate(_MOUNT)


def try_out() -> None:
    """Make and remove a group in every hierarchy; raises OSError where that is not allowed."""
    for hierarchy in _hierarchies():
        group = hierarchy / f"tracefoundry-trial-{os.getpid()}"
        group.mkdir()
        group.rmdir()


def remove(place: Place) -> None:
    """Remove the group and what is below it; the processes in it must have ended."""
    deadline = time.monotonic() + _REMOVAL_S
    for hierarchy in _hierarchies():
        group = hierarchy / name(place).strip("/")
        while group.exists() and time.monotonic() < deadline:
            for folder, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()
            if group.exists():
                time.sleep(_POLL_S)


def _hierarchies() -> list[Path]:
    """One a controller, or a single one for all."""
    if (_MOUNT / "cgroup.controllers").exists():
        return [_MOUNT]
    return sorted(
        path for path in _MOUNT.iterdir() if path.is_dir() and (path / "cgroup.procs").exists()
    )


def _delegate(parent: Path) -> None:
    """Let groups below use every controller that this one has."""
    for controller in (parent / "cgroup.controllers").read_text().split():
        with contextlib.suppress(OSError):
            (parent / "cgroup.subtree_control").write_text(f"+{controller}")
