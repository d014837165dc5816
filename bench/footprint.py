"""What an idle platform costs: time to ready, memory, size of the installed environment."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from platform_under_test import serving, sqlite_url

STARTS = 5
SETTLE_S = 3.0


def of_serve() -> dict[str, Any]:
    """Start-up time and idle memory of `tracefoundry serve` on SQLite."""
    starts, memory = [], []
    for _ in range(STARTS):
        with sqlite_url() as url, serving(url) as platform:
            starts.append(platform.started_s)
            time.sleep(SETTLE_S)
            memory.append(platform.pss_bytes())
    return {
        "ready_s": statistics.median(starts),
        "ready_s_starts": starts,
        "idle_pss_bytes": statistics.median(memory),
    }


def of_environment() -> dict[str, Any]:
    """Bytes of a virtual environment with what the platform needs, made for this measurement."""
    root = Path(__file__).parent.parent
    with tempfile.TemporaryDirectory(prefix="tf-bench-env-") as folder:
        environment = Path(folder) / "env"
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        empty = _size(environment)
        subprocess.run(
            [
                str(environment / "bin" / "pip"), "install", "--quiet", "--require-hashes",
                "--disable-pip-version-check", "-r", str(root / "requirements" / "services.txt"),
            ],
            check=True,
        )  # fmt: skip
        installed = _size(environment)
    return {"environment_bytes": installed, "of_which_python_and_pip_bytes": empty}


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
