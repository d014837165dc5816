"""The images: within their size limits, without a compiler, and not run as root."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from cluster import images
from cluster.images import Image
from figures import Figures

COMPILERS = {"gcc", "g++", "cc", "c++", "clang", "as", "ld", "go", "cargo", "rustc", "make"}
each_image = pytest.mark.parametrize("image", images.IMAGES, ids=lambda image: image.name)


@each_image
def test_an_image_is_no_larger_than_promised(image: Image, figures: Figures) -> None:
    """Uncompressed, above the base that it shares with others."""
    built = images.build(image)
    size, limit = (each / images.MEGABYTE for each in (built.above_base_bytes, image.limit_bytes))
    figures.add(f"{image.name}, above its base", size, "MB", at_most=limit)
    assert built.above_base_bytes < image.limit_bytes


@each_image
def test_an_image_holds_no_compiler(image: Image) -> None:
    """Whatever built it stayed behind."""
    names = {PurePosixPath(name).name for name in _programs(images.build(image).archive)}
    assert names
    assert set() == names & COMPILERS


@each_image
def test_an_image_runs_as_nobody_in_particular(image: Image) -> None:
    """By number, so that Kubernetes can tell that it is not root."""
    (config,) = _configs(images.build(image).archive)
    user = config["config"]["User"].split(":")[0]
    assert user.isdigit()
    assert int(user) > 0


def _configs(archive: Path) -> list[dict[str, dict[str, str]]]:
    found = []
    with tarfile.open(archive) as outer:
        for member in outer:
            blob = outer.extractfile(member) if member.isfile() else None
            if blob is not None and blob.read(1) == b"{":
                document = json.loads(b"{" + blob.read())
                if "rootfs" in document and "config" in document:
                    found.append(document)
    return found


def _programs(archive: Path) -> Iterator[str]:
    """Paths in folders of programs, from all layers of an image."""
    with tarfile.open(archive) as outer:
        for member in outer:
            if not member.isfile() or member.size < 1024:
                continue
            try:
                with tarfile.open(fileobj=outer.extractfile(member)) as layer:
                    names = layer.getnames()
            except tarfile.ReadError:
                continue
            yield from (name for name in names if "bin" in PurePosixPath(name).parts[:-1])
