"""The programs that the end-to-end tests run, each built once from Go modules with pinned hashes.

A family is a folder with its own go.mod and go.sum: one module for all of them would lift shared
``k8s.io`` packages to versions that do not build together. Built programs are kept in the user's
cache folder, under the hash of what they were built from, so a second run builds nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(__file__).resolve().parent / "tools"
BUILD_TIMEOUT_S = 3600.0
KUBERNETES_VERSION = "1.34.4"


class ProgramUnavailable(Exception):
    """A program could not be built; the message says what is missing or what failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Programs that are built from one Go module."""

    name: str
    module: Path
    programs: Mapping[str, str]
    """File name of each program, and the import path of its main package."""
    stamps: tuple[str, ...] = ()
    """``-X`` assignments to the linker, for programs that ask it for their version."""
    sources: tuple[str, ...] = ("go.mod", "go.sum")
    """What the cache key is made of: glob patterns within ``module``."""


def _kubernetes_stamps() -> tuple[str, ...]:
    major, minor, _ = KUBERNETES_VERSION.split(".")
    return tuple(
        f"{package}.{variable}={value}"
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        for variable, value in (
            ("gitVersion", f"v{KUBERNETES_VERSION}"),
            ("gitMajor", major),
            ("gitMinor", minor),
            ("gitTreeState", "clean"),
        )
    )


FAMILIES = {
    family.name: family
    for family in (
        Family(
            name="kubernetes",
            module=TOOLS / "kubernetes",
            programs={
                name: f"k8s.io/kubernetes/cmd/{name}"
                for name in (
                    "kube-apiserver",
                    "kube-controller-manager",
                    "kube-scheduler",
                    "kubelet",
                    "kube-proxy",
                    "kubectl",
                )
            },
            stamps=_kubernetes_stamps(),
        ),
        Family(name="etcd", module=TOOLS / "etcd", programs={"etcd": "go.etcd.io/etcd/server/v3"}),
        Family(
            name="coredns",
            module=TOOLS / "coredns",
            programs={"coredns": "github.com/coredns/coredns"},
        ),
        Family(name="helm", module=TOOLS / "helm", programs={"helm": "helm.sh/helm/v4/cmd/helm"}),
        Family(name="kind", module=TOOLS / "kind", programs={"kind": "sigs.k8s.io/kind"}),
        Family(
            name="pause",
            module=TOOLS / "pause",
            programs={"pause": "."},
            sources=("go.mod", "*.go"),
        ),
        Family(
            name="telemetrygen",
            module=TOOLS / "telemetrygen",
            programs={
                "telemetrygen": "github.com/open-telemetry/opentelemetry-collector-contrib"
                "/cmd/telemetrygen"
            },
        ),
        Family(
            name="versitygw",
            # The S3 server of the payload tests: the same build, so the same key.
            module=ROOT / "services" / "tests" / "payloads" / "s3server",
            programs={"versitygw": "github.com/versity/versitygw/cmd/versitygw"},
            sources=("go.sum",),
        ),
        Family(
            name="collector",
            module=ROOT / "services" / "collector",
            programs={
                "tracefoundry-collector": "./distribution",
                "collector-entrypoint": "./entrypoint",
            },
            sources=("go.mod", "go.sum", "distribution/*.go", "entrypoint/*.go"),
        ),
    )
}


def program(name: str, *, jobs: int = 2) -> Path:
    """The program called ``name``, built if these sources were never built here.

    Raises ProgramUnavailable when it cannot be built.
    """
    for family in FAMILIES.values():
        if name in family.programs:
            return build(family, jobs=jobs) / name
    raise ProgramUnavailable(f"no family of programs here makes {name!r}")


def client(name: str) -> Path:
    """kubectl, helm or kind: built here before, else this machine's own, else built now."""
    for family in FAMILIES.values():
        if name in family.programs and (folder_of(family) / name).exists():
            return folder_of(family) / name
    installed = shutil.which(name)
    return Path(installed) if installed else program(name)


def build(family: Family, *, jobs: int = 2) -> Path:
    """The folder with the family's programs, built if need be with ``jobs`` compilers at a time."""
    folder = folder_of(family)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / "lock"):
        if not all((folder / name).exists() for name in family.programs):
            _build(family, folder, jobs)
    return folder


def folder_of(family: Family) -> Path:
    """Where the programs of this family's present sources are kept."""
    digest = hashlib.sha256()
    for pattern in family.sources:
        for source in sorted(family.module.glob(pattern)):
            if not source.name.endswith("_test.go"):
                digest.update(source.read_bytes())
    return cache() / family.name / digest.hexdigest()[:16]


def cache() -> Path:
    """Where what is made once is kept, outside the repository."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tracefoundry"


def _build(family: Family, folder: Path, jobs: int) -> None:
    go = shutil.which("go") or "/usr/local/go/bin/go"
    if not Path(go).exists():
        raise ProgramUnavailable(f"{family.name} is built with Go 1.26 or newer: put it in PATH")
    fresh = folder / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    linker = " ".join(["-s", "-w", *(f"-X {stamp}" for stamp in family.stamps)])
    started = time.monotonic()
    for name, package in family.programs.items():
        result = subprocess.run(
            [go, "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-p", str(jobs),
             "-ldflags", linker, "-o", str(fresh / name), package],
            cwd=family.module, env={**os.environ, "CGO_ENABLED": "0"}, timeout=BUILD_TIMEOUT_S,
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        if result.returncode != 0:
            raise ProgramUnavailable(f"go build of {name} failed:\n{result.stderr[-4000:]}")
    for name in family.programs:
        (fresh / name).replace(folder / name)
    fresh.rmdir()
    print(f"built {family.name} in {time.monotonic() - started:.0f} s", flush=True)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """One build at a time, when several test runs start together."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the named families (all of them without a name) and print where they are."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=", ".join(FAMILIES))
    parser.add_argument("--jobs", type=int, default=2, help="compilers at a time (default 2)")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.families) - set(FAMILIES))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(FAMILIES)}")
    try:
        for name in options.families or FAMILIES:
            print(build(FAMILIES[name], jobs=options.jobs), flush=True)
    except ProgramUnavailable as unavailable:
        print(f"error: {unavailable}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
