"""What builds images from Dockerfiles here: Docker if its engine answers, else buildah."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cluster import base_image, docker, packages, programs

BUILD_DEADLINE_S = 1800.0
MOST_LAYERS = 100
"""Kept by buildah at most; a build whose sources changed adds about ten, or 500 MB."""


class BuildFailed(Exception):
    """An image was not built; the message holds the end of the build's output."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Docker, or buildah with a storage of its own in the cache folder."""

    name: Literal["docker", "buildah"]

    def build(
        self, reference: str, dockerfile: Path, *, base: str | None, compiles_go: bool
    ) -> None:
        """Build ``dockerfile`` with the repository as its context and name the result."""
        self._bound_storage()
        options = ["-f", str(dockerfile), "-t", reference]
        if base is None and self.name == "buildah":
            base = self._own_base()
            if compiles_go:
                options += _go_volumes()
        if base is not None:
            options += ["--build-arg", f"BASE={base}"]
        authorities = os.environ.get("SSL_CERT_FILE")
        if authorities and Path(authorities).is_file():
            options += ["--secret", f"id=ca,src={authorities}"]
        verb = ["build"] if self.name == "docker" else ["bud", "--layers"]
        self.run(*verb, *options, str(programs.ROOT))

    def save(self, reference: str, archive: Path) -> None:
        """Write an image to an archive that a cluster's runtime can import."""
        fresh = archive.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        if self.name == "docker":
            self.run("save", "-o", str(fresh), reference)
        else:
            self.run(
                "push",
                "--quiet",
                "--disable-compression",
                reference,
                f"oci-archive:{fresh}:{reference}",
            )
        fresh.replace(archive)

    def own_bytes(self, reference: str, base: str | None) -> tuple[int, int]:
        """Uncompressed size in bytes of an image, and of the base that it shares layers with."""
        size = self._bytes(reference)
        return size, self._bytes(base) if base else 0

    def run(self, *arguments: str) -> str:
        """Run the engine's command and return what it printed; raises BuildFailed."""
        command = ["docker", *arguments] if self.name == "docker" else _buildah(*arguments)
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            timeout=BUILD_DEADLINE_S, cwd=programs.ROOT,
            env={**os.environ, "DOCKER_BUILDKIT": "1", "BUILDAH_ISOLATION": "chroot"},
        )  # fmt: skip
        if result.returncode != 0:
            output = f"{result.stdout[-2000:]}{result.stderr[-4000:]}"
            raise BuildFailed(f"{' '.join(command)} failed:\n{output}")
        return result.stdout

    def _bytes(self, reference: str) -> int:
        if self.name == "docker":
            return int(self.run("image", "inspect", "--format", "{{.Size}}", reference))
        listed = json.loads(self.run("images", "--json", reference))
        return _parsed_size(str(listed[0]["size"]))

    def _bound_storage(self) -> None:
        """Forget all layers when there are too many: they are made again in a minute or two.

        Docker's are left alone: they are not ours.
        """
        if self.name == "buildah":
            kept = json.loads(self.run("images", "--all", "--json") or "[]") or []
            if len(kept) > MOST_LAYERS:
                self.run("rmi", "--all", "--force")

    def _own_base(self) -> str:
        """The base made by debootstrap, imported into the storage once."""
        known = json.loads(self.run("images", "--json") or "[]") or []
        if not any(base_image.NAME in (image.get("names") or ()) for image in known):
            container = self.run("from", "scratch").strip()
            self.run("add", container, str(base_image.root_file_system()), "/")
            self.run("commit", "--quiet", container, base_image.NAME)
            self.run("rm", container)
        return base_image.NAME


def present() -> Engine:
    """The engine of this machine; raises PackagesMissing when there is none."""
    if docker.runs():
        return Engine("docker")
    packages.require(packages.IMAGES)
    return Engine("buildah")


def _buildah(*arguments: str) -> list[str]:
    storage = programs.cache() / "buildah"
    return [
        "buildah", "--storage-driver", os.environ.get("STORAGE_DRIVER", "overlay"),
        "--root", str(storage / "root"), "--runroot", str(storage / "run"), *arguments,
    ]  # fmt: skip


def _go_volumes() -> Sequence[str]:
    """This machine's Go and its caches, where the base has none of its own."""
    go = Path(shutil.which("go") or "/usr/local/go/bin/go").resolve()
    if not go.exists():
        raise programs.ProgramUnavailable("the collector is built with Go 1.26 or newer")
    answer = subprocess.run(
        [str(go), "env", "GOROOT", "GOMODCACHE", "GOCACHE"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    root, modules, builds = answer.stdout.split()
    volumes = (f"{root}:/usr/local/go:ro", f"{modules}:/go/pkg/mod",
               f"{builds}:/go/build")  # fmt: skip
    for folder in (modules, builds):
        Path(folder).mkdir(parents=True, exist_ok=True)
    return [word for volume in volumes for word in ("--volume", volume)]


def _parsed_size(text: str) -> int:
    """Bytes from a size as buildah prints it: ``324 MB``."""
    number, unit = text.split()
    return int(float(number) * {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}[unit.upper()])
