"""Bringing the whole cluster up, and down again without a trace."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sys
import time
from pathlib import Path

from cluster import (
    control_groups,
    control_plane,
    kubeconfigs,
    machine,
    namespaces,
    node,
    oci,
    packages,
    pki,
    processes,
    programs,
)
from cluster.place import API_PORT, NODE, NODE_ADDRESS, PAUSE_IMAGE, Place
from cluster.processes import Process, StartFailed

CLUSTER_PROGRAMS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
    "coredns",
    "pause",
)
_FORWARD = "forward"


class Unsupported(Exception):
    """This machine cannot run the local cluster; the message says what to do."""


def up(place: Place) -> Place:
    """Bring the cluster up, or what is missing of it, and wait until its node is Ready."""
    _require_machine()
    for name in CLUSTER_PROGRAMS:
        programs.program(name)
    place.root.mkdir(parents=True, exist_ok=True)
    with programs.locked(place.root.with_suffix(".lock")):
        started = time.monotonic()
        if not (place.pki / "service-accounts.pub").exists():
            pki.write(place)
        kubeconfigs.write_inner(place)
        control_groups.make(place)
        holder = namespaces.hold(place)
        api = control_plane.start(place, holder)
        port = _forward(place, holder)
        node.start_containerd(place, holder)
        _import_pause(place, holder)
        processes.wait_until(
            place, api, lambda: control_plane.answers_ready(place, port),
            deadline_s=90, what="answer of the API server",
        )  # fmt: skip
        control_plane.start_controllers(place, holder)
        node.start_agents(place, holder)
        kubelet = processes.find(place, "kubelet")
        if kubelet is None:
            raise StartFailed(f"kubelet ended\n{processes.log_end(place, 'kubelet')}")
        processes.wait_until(
            place, kubelet, lambda: _node_ready(place), deadline_s=90, what="Ready node"
        )
        print(f"the local cluster is up ({time.monotonic() - started:.0f} s)", flush=True)
    return place


def down(place: Place) -> None:
    """End every process, newest first, then delete the folder. Does nothing twice."""
    if not place.root.exists():
        print("there is no local cluster")
        return
    with programs.locked(place.root.with_suffix(".lock")):
        holder = processes.find(place, namespaces.HOLDER)
        for process in reversed(processes.running(place)):
            if process.name != namespaces.HOLDER:
                processes.stop(process)
        if holder is not None:
            _end_everything_within(holder)
            processes.stop(holder)
        left = [process.name for process in processes.running(place)]
        if left:
            raise StartFailed(f"these processes do not end: {', '.join(left)}")
    control_groups.remove(place)
    shutil.rmtree(place.root)
    print("the local cluster is gone")


def status(place: Place) -> int:
    """Print the state of every process; 0 when all run."""
    every = processes.running(place, dead=True)
    for process in every:
        print(f"{process.name:20} {'running' if process.alive() else 'ended'} {process.pid}")
    if not every:
        print("there is no local cluster")
    return 0 if every and all(process.alive() for process in every) else 1


def _require_machine() -> None:
    if (reason := machine.obstacle()) is not None:
        raise Unsupported(reason)
    packages.require(packages.CLUSTER)


def _forward(place: Place, holder: Process) -> int:
    """Offer the API server on a loopback port outside the namespaces."""
    record = place.root / "port"
    if processes.find(place, _FORWARD) is not None:
        return int(record.read_text())
    with socket.socket() as listener:
        # The port of an earlier start is taken again: kubeconfigs handed out stay right.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", int(record.read_text()) if record.exists() else 0))
        listener.listen(128)
        port: int = listener.getsockname()[1]
        processes.start(
            place, _FORWARD,
            [sys.executable, str(Path(__file__).with_name("forward.py")), str(listener.fileno()),
             NODE_ADDRESS, str(API_PORT)],
            inside=holder.pid, pass_fds=[listener.fileno()],
        )  # fmt: skip
    record.write_text(str(port))
    kubeconfigs.write_outer(place, port)
    return port


def _import_pause(place: Place, holder: Process) -> None:
    archive = place.root / "pause.tar"
    if archive.exists():
        return
    layer = oci.layer_of({"pause": programs.program("pause")})
    oci.write(archive, PAUSE_IMAGE, [layer], oci.ImageConfig(entrypoint=["/pause"]))
    node.import_image(holder, archive, place)


def _node_ready(place: Place) -> bool:
    path = '{.status.conditions[?(@.type=="Ready")].status}'
    result = control_plane.kubectl(place, "get", "node", NODE, "-o", f"jsonpath={path}")
    return result.returncode == 0 and result.stdout == "True"


def _end_everything_within(holder: Process) -> None:
    """End what the runtime left behind: its shims and their containers.

    They are known by the mount namespace: shims share the cluster's, and containers descend from
    shims. Nothing outside has that namespace.
    """
    namespace = (Path("/proc") / str(holder.pid) / "ns" / "mnt").readlink()
    inside = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != holder.pid:
            with contextlib.suppress(OSError):
                if (entry / "ns" / "mnt").readlink() == namespace:
                    inside.add(int(entry.name))
    for pid in processes.descendants(inside):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
