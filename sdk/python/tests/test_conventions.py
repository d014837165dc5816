"""One table names what both SDKs write."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

GENERATOR = Path(__file__).parents[2] / "generate_conventions.py"


def test_the_constants_of_both_languages_are_current() -> None:
    """A change of conventions.toml needs its generated files in the same commit."""
    checked = subprocess.run(
        [sys.executable, str(GENERATOR), "--check"], capture_output=True, text=True, check=False
    )
    assert (0, "") == (checked.returncode, checked.stderr)
