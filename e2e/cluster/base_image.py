"""A Debian with Python, as an archive of its root file system, kept in the cache folder.

It comes from the public image that users' builds start from where Docker runs, else from
debootstrap: without Docker there is no registry to ask.
"""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from pathlib import Path

from cluster import docker, packages, programs

PUBLIC = "python:3.13-slim-trixie"
RELEASE = "trixie"
PACKAGES = ("ca-certificates", "python3")
NAME = f"localhost/tracefoundry-base:{RELEASE}"
DEADLINE_S = 900.0
# Package lists, documentation and translations: two thirds of what debootstrap leaves.
_DROPPED = (
    "var/cache",
    "var/lib/apt/lists",
    "var/log",
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
    "dev",
)


def root_file_system() -> Path:
    """The archive, made if it was never made here; without Docker that needs root."""
    public = docker.runs()
    name = PUBLIC.replace(":", "-") if public else f"{RELEASE}-{'-'.join(PACKAGES)}"
    archive = programs.cache() / "base" / f"{name}.tar"
    archive.parent.mkdir(parents=True, exist_ok=True)
    with programs.locked(archive.with_suffix(".lock")):
        if not archive.exists():
            (_export if public else _make)(archive)
    return archive


def _export(archive: Path) -> None:
    """Take the public image's files out of a container that never runs."""
    container = _output("docker", "create", PUBLIC).strip()
    fresh = archive.with_suffix(".new")
    try:
        _output("docker", "export", "-o", str(fresh), container)
    finally:
        _output("docker", "rm", container)
    fresh.replace(archive)


def _make(archive: Path) -> None:
    packages.require({"debootstrap": "debootstrap"})
    print(f"==> Making a base image ({RELEASE}, about a minute, once)", flush=True)
    with tempfile.TemporaryDirectory(prefix="tf-base-", dir=archive.parent) as folder:
        root = Path(folder) / "root"
        _output(
            "debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", RELEASE,
            str(root),
        )  # fmt: skip
        fresh = archive.with_suffix(".new")
        with tarfile.open(fresh, "w") as tar:
            tar.add(root, arcname=".", filter=_kept)
        fresh.replace(archive)


def _kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """The folders themselves stay, so that programs find where to write."""
    name = member.name.removeprefix("./")
    return None if any(name.startswith(f"{dropped}/") for dropped in _DROPPED) else member


def _output(*command: str) -> str:
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE_S,
        check=False,
    )  # fmt: skip
    if result.returncode != 0:
        output = f"{result.stdout[-2000:]}{result.stderr[-2000:]}"
        raise programs.ProgramUnavailable(f"{' '.join(command)} failed:\n{output}")
    return result.stdout
