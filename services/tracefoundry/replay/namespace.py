"""A network namespace of its own for a re-run, where the system lets us.

In a new namespace there is no interface but loopback, so a command and all its children reach
nothing outside, whatever library or language they use. Unix sockets are files and still work: the
re-run is answered over one. Linux alone has namespaces; root may make one, others only where the
kernel allows user namespaces.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_LAUNCHER = Path(__file__).with_name("launcher.py")
_PROBE_SECONDS = 10.0


def namespace_prefix() -> list[str] | None:
    """The words to put before a command so that it runs in a network namespace of its own; None
    where the system does not let us make one."""
    unshare = shutil.which("unshare")
    if unshare is None or not sys.platform.startswith("linux"):
        return None
    ways: list[list[str]] = [["--user", "--map-current-user", "--keep-caps", "--net"]]
    if os.geteuid() == 0:
        ways.insert(0, ["--net"])
    for options in ways:
        prefix = [unshare, *options, "--", sys.executable, "-I", str(_LAUNCHER)]
        if _works(prefix):
            return prefix
    return None


def _works(prefix: Sequence[str]) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            [*prefix, sys.executable, "-I", "-c", "pass"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
