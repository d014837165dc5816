"""The TypeScript SDK's own tests, run by Node's test runner against a real platform.

One test here is one file of tests there; its closing lines and failures are shown as they are.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from node_packages import linked, node, run_node
from platform_process import Platform, clean_environment, running

PACKAGE = Path(__file__).parents[1]
EXAMPLE = Path(__file__).parents[3] / "examples" / "nextjs_app"
FILES = sorted(path.name for path in Path(__file__).parent.glob("*.test.ts"))
TIMEOUT_S = 280.0
RUNNER = ("--test", "--test-reporter=spec", "--test-timeout=120000", "--test-force-exit")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform on SQLite, and the compiled package."""
    linked(PACKAGE)
    run_node("build.mjs", folder=PACKAGE)
    folder = tmp_path_factory.mktemp("typescript-sdk")
    with running("serve", "--data", str(folder / "data"), folder=folder) as started:
        yield started


@pytest.mark.parametrize("file", FILES)
def test_typescript(platform: Platform, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """All tests of the file ran and passed."""
    done = subprocess.run(
        [*node(), *RUNNER, f"tests/{file}"],
        cwd=PACKAGE,
        env=clean_environment({"TEST_OTLP_URL": platform.otlp, "TEST_API_URL": platform.api}),
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    with capsys.disabled():
        print(f"\n{file}:\n{done.stdout}", end="")  # noqa: T201 - the runner's own results
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    passed = re.search(r"^\S pass (\d+)$", done.stdout, re.MULTILINE)
    assert passed is not None, done.stdout
    assert int(passed[1]) > 0


def test_the_lock_of_the_next_js_example_has_what_this_package_needs() -> None:
    """npm installs by the lock file, also where this package's own manifest has changed since."""
    manifest = json.loads((PACKAGE / "package.json").read_text())
    lock = json.loads((EXAMPLE / "package-lock.json").read_text())
    locked = lock["packages"]["node_modules/@tracefoundry/sdk"]
    for part in ("version", "dependencies", "peerDependencies", "engines"):
        assert manifest[part] == locked[part]


@pytest.mark.parametrize("project", [PACKAGE, EXAMPLE], ids=lambda project: project.name)
def test_lock_files_name_no_registry(project: Path) -> None:
    """npm takes the packages from whichever registry its user has set."""
    packages = json.loads((project / "package-lock.json").read_text())["packages"]
    named = [entry["resolved"] for entry in packages.values() if "resolved" in entry]
    assert [address for address in named if "://" in address] == []
