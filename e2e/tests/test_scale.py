"""A hundred instances, on an API server without kubelets: the operator's own test, at full size.

``make test`` runs it with a few; here it runs with as many as the product promises.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

from cluster import programs
from figures import Figures

INSTANCES = 100
TEST = "operator/tests/test_scale_on_api_server.py"
DEADLINE_S = 600
_FIGURES = re.compile(
    r"instances: (?P<changes>\d+) changes in (?P<cold>[\d.]+) s \((?P<rate>\d+)/s\),"
    r" restart (?P<restart>[\d.]+) s, (?P<resident>\d+) MiB resident"
)


def test_a_hundred_instances_are_reconciled_within_bounds(figures: Figures) -> None:
    """Each Job once, each object once, a restart without a write, and bounded memory."""
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", TEST],
        cwd=programs.ROOT, capture_output=True, text=True, check=False, timeout=DEADLINE_S,
        env={**os.environ, "TRACEFOUNDRY_SCALE_INSTANCES": str(INSTANCES)},
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    found = _FIGURES.search(result.stdout)
    assert found is not None, result.stdout
    figures.add(f"{INSTANCES} instances, cold", float(found["cold"]))
    figures.add(f"{INSTANCES} instances, applies", float(found["rate"]), "/s", at_least=40)
    figures.add(
        f"{INSTANCES} instances, restart without a write", float(found["restart"]), at_most=25
    )
    figures.add("operator's memory", float(found["resident"]), "MiB", at_most=200)
