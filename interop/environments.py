"""One virtual environment for each library, kept between runs outside the checkout.

Its folder is named by the hash of its requirement file, so that a changed file gets a new one, and
a run that was cut off is done again: the file ``made`` is written last.
"""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent
INSTALL_TIMEOUT_S = 900


def cache_folder() -> Path:
    """Where the environments are: ``TRACEFOUNDRY_INTEROP_CACHE``, else the user's cache folder."""
    named = os.environ.get("TRACEFOUNDRY_INTEROP_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(named) if named else Path(base) / "tracefoundry" / "interop"


def python_of(library: str) -> Path:
    """The interpreter of a library's environment, which is made if it is not there."""
    requirements = HERE / "requirements" / f"{library}.txt"
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    digest = sha256(requirements.read_bytes() + version.encode()).hexdigest()[:16]
    folder = cache_folder() / f"{library}-{digest}"
    made = folder / "made"
    python = folder / "bin" / "python"
    if made.exists():
        return python
    _run(sys.executable, "-m", "venv", "--clear", str(folder))
    _run(
        str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--require-hashes", "--requirement", str(requirements),
    )  # fmt: skip
    made.touch()
    return python


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=INSTALL_TIMEOUT_S)
