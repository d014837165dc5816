"""The product's three images: built from their Dockerfiles when their sources changed.

``python -m cluster.images`` builds them and prints their sizes; the end-to-end tests load the
archives into their cluster.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster import base_image, engine, packages, programs
from cluster.engine import Engine

PREFIX = "localhost/"
"""Without a registry's name, a cluster would look the image up in a public one."""
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One image and what it is made of."""

    name: str
    dockerfile: str
    sources: tuple[str, ...]
    """Glob patterns in the repository, of all files that go into it."""
    limit_bytes: int
    """What it may take above its base, uncompressed."""
    compiles_go: bool = False
    """Built from Go, on a base of nothing."""


_PYTHON = ("requirements/build.txt", ".dockerignore")
IMAGES = (
    Image(
        name="tracefoundry",
        dockerfile="services/Dockerfile",
        sources=(
            *_PYTHON,
            "requirements/services.txt",
            "services/pyproject.toml",
            "services/README.md",
            "services/tracefoundry/**/*",
            "sdk/python/pyproject.toml",
            "sdk/python/README.md",
            "sdk/python/tracefoundry_sdk/**/*",
        ),
        limit_bytes=250 * MEGABYTE,
    ),
    Image(
        name="tracefoundry-operator",
        dockerfile="operator/Dockerfile",
        sources=(
            *_PYTHON,
            "requirements/operator.txt",
            "operator/pyproject.toml",
            "operator/README.md",
            "operator/tracefoundry_operator/**/*",
        ),
        limit_bytes=150 * MEGABYTE,
    ),
    Image(
        name="tracefoundry-collector",
        dockerfile="services/collector/Dockerfile",
        sources=(
            ".dockerignore",
            "services/collector/go.*",
            "services/collector/distribution/*.go",
            "services/collector/entrypoint/*.go",
        ),
        limit_bytes=150 * MEGABYTE,
        compiles_go=True,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An image that is there."""

    image: Image
    reference: str
    archive: Path
    above_base_bytes: int
    """Uncompressed, without the layers of its base."""


def version() -> str:
    """The version that all images carry as their tag."""
    text = (programs.ROOT / "services" / "tracefoundry" / "__init__.py").read_text()
    found = re.search(r'__version__ = "([^"]+)"', text)
    if found is None:
        raise ValueError("services/tracefoundry/__init__.py states no __version__")
    return found[1]


def build(image: Image, *, base: str | None = None, with_engine: Engine | None = None) -> Built:
    """The image, built unless an archive of the same sources and base is kept.

    Raises PackagesMissing without an engine, and BuildFailed.
    """
    reference = f"{PREFIX}{image.name}:{version()}"
    folder = programs.cache() / "images" / image.name
    folder.mkdir(parents=True, exist_ok=True)
    stem = _key(image, base)
    archive, record = folder / f"{stem}.tar", folder / f"{stem}.json"
    with programs.locked(folder / "lock"):
        if not (archive.exists() and record.exists()):
            builder = with_engine or engine.present()
            builder.build(
                reference, programs.ROOT / image.dockerfile, base=base,
                compiles_go=image.compiles_go,
            )  # fmt: skip
            size, below = builder.own_bytes(reference, _base_of(image, base, builder))
            for older in (*folder.glob("*.tar"), *folder.glob("*.json")):
                older.unlink()
            builder.save(reference, archive)
            record.write_text(json.dumps({"above_base_bytes": size - below}))
    return Built(
        image=image,
        reference=reference,
        archive=archive,
        above_base_bytes=json.loads(record.read_text())["above_base_bytes"],
    )


def _base_of(image: Image, base: str | None, builder: Engine) -> str | None:
    if image.compiles_go:
        return None
    if base is None and builder.name == "docker":
        text = (programs.ROOT / image.dockerfile).read_text()
        named = re.search(r"^ARG BASE=(\S+)$", text, re.MULTILINE)
        return named[1] if named else None
    return base or base_image.NAME


def _key(image: Image, base: str | None) -> str:
    digest = hashlib.sha256(f"{base}\n{version()}\n".encode())
    files = {programs.ROOT / image.dockerfile}
    for pattern in image.sources:
        files.update(path for path in programs.ROOT.glob(pattern) if path.is_file())
    for path in sorted(files):
        if "__pycache__" not in path.parts and not path.name.endswith("_test.go"):
            digest.update(f"{path.relative_to(programs.ROOT)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def main(arguments: Sequence[str] | None = None) -> int:
    """Build all images (or those named) and print their sizes; 1 when one is too large."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="IMAGE")
    options = parser.parse_args(arguments)
    chosen = [image for image in IMAGES if not options.names or image.name in options.names]
    too_large = False
    try:
        builder = engine.present()
        print(f"==> Building with {builder.name}", flush=True)
        for image in chosen:
            # Another base for the Python images; the collector's is a compiler's.
            base = os.environ.get("GO_BASE" if image.compiles_go else "BASE") or None
            built = build(image, base=base, with_engine=builder)
            fits = built.above_base_bytes <= image.limit_bytes
            too_large = too_large or not fits
            print(
                f"{built.reference}  {built.above_base_bytes / MEGABYTE:.0f} MB above its base"
                f" (limit {image.limit_bytes / MEGABYTE:.0f}){'' if fits else '  TOO LARGE'}",
                flush=True,
            )
    except (packages.PackagesMissing, programs.ProgramUnavailable, engine.BuildFailed) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main())
