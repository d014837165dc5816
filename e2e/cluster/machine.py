"""Whether this machine can hold a local cluster, checked before long builds start.

A container that was given no rights to mount, or to make control groups, cannot; it is better told
so by name than by a kubelet that does not start.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from cluster import control_groups

_DEADLINE_S = 30.0
_TRIAL = (
    "mount --make-rshared / && mount -t tmpfs tmpfs /mnt && echo 1 > /proc/sys/net/ipv4/ip_forward"
)


def obstacle() -> str | None:
    """What keeps the local cluster from running here, in words; None for nothing."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "the local cluster needs Linux and root; with Docker, a kind cluster serves as well"
    if shutil.which("unshare") is None:
        return "the local cluster needs unshare, of the package util-linux"
    trial = subprocess.run(
        ["unshare", "-n", "-m", "--propagation", "private", "sh", "-c", _TRIAL],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_DEADLINE_S,
    )  # fmt: skip
    if trial.returncode != 0:
        reason = trial.stderr.strip() or f"status {trial.returncode}"
        return f"the local cluster needs network and mount namespaces of its own: {reason}"
    try:
        control_groups.try_out()
    except OSError as error:
        return f"the local cluster needs control groups of its own: {error}"
    return None
