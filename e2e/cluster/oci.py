"""Writes OCI image archives from files, without a container engine.

Enough for images that are one or two layers of known files: static programs, and a root file
system with something added. What has a Dockerfile is built from that (``images``).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_MEDIA = "application/vnd.oci.image"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer as stored (gzip), with the digest of what is in it."""

    data: bytes
    content_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """What a container of the image runs."""

    entrypoint: Sequence[str]
    user: str = "65532:65532"
    environment: Mapping[str, str] = field(default_factory=dict)


def layer_of(files: Mapping[str, Path]) -> Layer:
    """A layer with these files or folders: path in the image to path here.

    Everything belongs to root and keeps its mode; times are zero, so that equal files make an
    equal layer.
    """
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for target, source in sorted(files.items()):
            archive.add(source, arcname=target.lstrip("/"), filter=_owned_by_root)
    return packed(plain.getvalue())


def packed(plain: bytes) -> Layer:
    """A layer from the bytes of a tar archive."""
    return Layer(
        data=gzip.compress(plain, compresslevel=1, mtime=0),
        content_sha256=hashlib.sha256(plain).hexdigest(),
    )


def write(target: Path, name: str, layers: Sequence[Layer], config: ImageConfig) -> None:
    """Write an archive that ``ctr images import`` and ``kind load image-archive`` take."""
    blobs: dict[str, bytes] = {}

    def blob(media: str, data: bytes) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"mediaType": f"{_MEDIA}.{media}", "digest": f"sha256:{digest}", "size": len(data)}

    machine = platform.machine()
    image = {
        "architecture": _ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "config": {
            "User": config.user,
            "Entrypoint": list(config.entrypoint),
            "Env": [f"{key}={value}" for key, value in config.environment.items()],
        },
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{layer.content_sha256}" for layer in layers],
        },
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_MEDIA}.manifest.v1+json",
        "config": blob("config.v1+json", json.dumps(image).encode()),
        "layers": [blob("layer.v1.tar+gzip", layer.data) for layer in layers],
    }
    entry = blob("manifest.v1+json", json.dumps(manifest).encode())
    entry["annotations"] = {
        "io.containerd.image.name": name,
        "org.opencontainers.image.ref.name": name,
    }
    index = {"schemaVersion": 2, "manifests": [entry]}
    fresh = target.with_suffix(".new")
    with tarfile.open(fresh, "w") as archive:
        _add(archive, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        _add(archive, "index.json", json.dumps(index).encode())
        for digest, data in blobs.items():
            _add(archive, f"blobs/sha256/{digest}", data)
    fresh.replace(target)


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = 0
    return member
