"""The committed sources are what the builder makes of the manifest."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import yaml

from cluster import programs

FOLDER = programs.FAMILIES["collector"].module
GO = shutil.which("go") or "/usr/local/go/bin/go"


def test_sources_are_what_the_builder_makes(tmp_path: Path) -> None:
    """Nobody edited them, and the manifest has no change that was not generated."""
    manifest = yaml.safe_load((FOLDER / "manifest.yaml").read_text())
    manifest["dist"]["output_path"] = str(tmp_path / "made")
    path = tmp_path / "manifest.yaml"
    path.write_text(yaml.safe_dump(manifest))
    (tmp_path / "made").mkdir()
    subprocess.run(
        [GO, "tool", "-modfile=builder/go.mod", "builder", f"--config={path}",
         "--skip-compilation", "--skip-get-modules"],
        cwd=FOLDER, env={**os.environ, "CGO_ENABLED": "0"}, check=True, timeout=600,
        stdin=subprocess.DEVNULL, capture_output=True,
    )  # fmt: skip
    made = {each.name: each.read_text() for each in (tmp_path / "made").glob("*.go")}
    kept = {each.name: each.read_text() for each in (FOLDER / "distribution").glob("*.go")}
    assert made == kept


def test_go_mod_pins_the_versions_of_the_manifest() -> None:
    """The manifest names a version that is also the one that is built."""
    manifest = yaml.safe_load((FOLDER / "manifest.yaml").read_text())
    kinds = ("receivers", "processors", "exporters", "extensions", "providers")
    wanted = {each["gomod"] for kind in kinds for each in manifest[kind]}
    pinned = set(re.findall(r"^\t(\S+ v\S+)$", (FOLDER / "go.mod").read_text(), re.MULTILINE))
    assert set() == wanted - pinned


def test_the_entrypoint_passes_its_own_tests() -> None:
    """Go's tests of the queue check."""
    result = subprocess.run(
        [GO, "test", "-mod=readonly", "./entrypoint"],
        cwd=FOLDER, env={**os.environ, "CGO_ENABLED": "0"}, check=False, timeout=600,
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
