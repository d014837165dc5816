"""``python -m cluster check|prepare|up|down|status``: the local cluster from the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from cluster import access, lifecycle
from cluster.engine import BuildFailed
from cluster.packages import PackagesMissing
from cluster.place import default_place
from cluster.processes import StartFailed
from cluster.programs import ProgramUnavailable


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 1 when it failed; for check, when no cluster can be had here, and for
    status, when it is not up."""
    parser = argparse.ArgumentParser(prog="cluster", description=__doc__)
    parser.add_argument("command", choices=("check", "prepare", "up", "down", "status"))
    options = parser.parse_args(arguments)
    place = default_place()
    try:
        if options.command == "check":
            return _check()
        if options.command == "prepare":
            access.prepare()
        elif options.command == "up":
            print(f"export KUBECONFIG={lifecycle.up(place).kubeconfig}")
        elif options.command == "down":
            lifecycle.down(place)
        else:
            return lifecycle.status(place)
    except (
        lifecycle.Unsupported,
        BuildFailed,
        PackagesMissing,
        ProgramUnavailable,
        StartFailed,
    ) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


def _check() -> int:
    """Report whether a cluster can run here, before anything is built for it."""
    reason = access.obstacle()
    if reason is not None:
        print(reason)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
