"""Whether Docker's engine runs here. That the command exists is no proof."""

from __future__ import annotations

import subprocess
from functools import cache


@cache
def runs() -> bool:
    """Ask the engine, once."""
    try:
        answer = subprocess.run(
            ["docker", "info"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
            check=False,
        )  # fmt: skip
    except FileNotFoundError:
        return False
    return answer.returncode == 0
