"""A network and a mount namespace for the whole cluster, held open by one process.

No packet leaves it: there is no interface to the outside. No mount leaks: when the last process
inside has ended, the kernel takes every mount down with the namespace. Folders that Kubernetes
programs insist on (/run, /var/lib/kubelet, /var/log ...) are covered by folders of the cluster.
"""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from cluster import processes
from cluster.place import NODE_ADDRESS, Place
from cluster.processes import Process

HOLDER = "namespaces"
# Programs write here whatever their settings are: each path gets a folder of the cluster instead.
COVERED = ("/var/lib/kubelet", "/var/lib/cni", "/var/log", "/etc/cni")

_NETWORK = f"""
ip link set lo up
ip link add node0 type bridge
ip addr add {NODE_ADDRESS}/24 dev node0
ip link set node0 up
ip route add default dev node0
echo 1 > /proc/sys/net/ipv4/ip_forward
if [ -e /proc/sys/net/bridge ]; then echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables; fi
"""


def hold(place: Place) -> Process:
    """Make the namespaces, unless they exist, and return the process that holds them."""
    existing = processes.find(place, HOLDER)
    if existing is not None:
        return existing
    covers = []
    for target in COVERED:
        source = place.root / "covered" / target.strip("/").replace("/", "-")
        source.mkdir(parents=True, exist_ok=True)
        Path(target).mkdir(parents=True, exist_ok=True)
        covers.append(f"mount --bind {shlex.quote(str(source))} {target}")
    ready = place.root / "namespaces-ready"
    ready.unlink(missing_ok=True)
    script = "\n".join(
        # Shared within, so that volumes mounted by kubelet are seen by containerd and its pods.
        ["set -e", "mount --make-rshared /", "mount -t tmpfs -o mode=755 tmpfs /run", *covers,
         _NETWORK, f"touch {shlex.quote(str(ready))}", "exec sleep infinity"]
    )  # fmt: skip
    holder = processes.start(
        place, HOLDER, ["unshare", "-n", "-m", "--propagation", "private", "sh", "-c", script]
    )
    processes.wait_until(place, holder, ready.exists, deadline_s=20, what="namespaces")
    return holder


def run(holder: Process, *command: str, deadline_s: float = 60.0) -> str:
    """Run a command inside to its end and return what it printed; raises on failure."""
    result = subprocess.run(
        [*processes.entering(holder.pid), *command],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=deadline_s, check=False,
        cwd="/",
    )  # fmt: skip
    if result.returncode != 0:
        raise processes.StartFailed(
            f"{' '.join(command)} failed:\n{result.stdout[-1000:]}{result.stderr[-2000:]}"
        )
    return result.stdout
