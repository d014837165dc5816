"""Debian packages that the local cluster and the image builds need, installed when root may.

On another system, or without root, it reports what to install.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

DEADLINE_S = 900.0

CLUSTER = {
    "containerd": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
}
"""Program or file, and the package that has it."""
IMAGES = {"buildah": "buildah", "debootstrap": "debootstrap"}
"""What builds images where Docker does not run."""


class PackagesMissing(Exception):
    """Packages are missing and cannot be installed from here; the message names them."""


def require(wanted: Mapping[str, str]) -> None:
    """Make sure that every program or file is there."""
    absent = missing(wanted)
    if not absent:
        return
    words = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *absent]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise PackagesMissing(f"these Debian packages are missing: {' '.join(absent)}")
    print(f"==> Installing Debian packages: {' '.join(absent)}", flush=True)
    for command in (["apt-get", "-qq", "update"], words):
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=DEADLINE_S, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )  # fmt: skip
        if result.returncode != 0:
            raise PackagesMissing(f"{' '.join(command)} failed:\n{result.stderr[-2000:]}")
    if still := missing(wanted):
        raise PackagesMissing(f"installed, and not found after: {' '.join(still)}")


def missing(wanted: Mapping[str, str]) -> list[str]:
    """The packages whose program or file is not there."""
    return sorted(
        {
            package
            for name, package in wanted.items()
            if not (Path(name).exists() if name.startswith("/") else shutil.which(name))
        }
    )
