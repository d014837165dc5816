"""The programs of the end-to-end tests' local cluster: API server, etcd, kubectl, helm, collector.

They are built once from pinned Go modules by ``e2e/cluster/programs.py`` and kept in the user's
cache folder.
"""

from __future__ import annotations

import functools
import importlib
import sys
from pathlib import Path

E2E = Path(__file__).parents[2] / "e2e"


@functools.cache
def program(name: str) -> Path:
    """The program called ``name``, built if it was never built here."""
    if str(E2E) not in sys.path:
        sys.path.append(str(E2E))
    found: Path = importlib.import_module("cluster.programs").program(name)
    return found
