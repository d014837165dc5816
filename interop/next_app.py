"""The Next.js example, installed, built and started by the commands of its README.

The installed packages are kept between runs, in a folder named by the hash of the lock file. There
the app and the SDK lie as in the repository, since the app names the SDK by its relative path. The
SDK of the checkout is copied over the installed one in each run.
"""

from __future__ import annotations

import os
import re
import selectors
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO

from environments import cache_folder

from node_packages import linked, node, npm, run_node
from platform_process import clean_environment

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "nextjs_app"
SDK = ROOT / "sdk" / "typescript"
SDK_FILES = ("package.json", "README.md", "dist")
INSTALL = "npm ci"
BUILD = "npm run build"
START = "npm start"
COMMAND_TIMEOUT_S = 600
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30


def readme_commands() -> list[str]:
    """The lines ``$ npm ...`` of the README, in order."""
    return re.findall(r"^\$ (npm .*)$", (EXAMPLE / "README.md").read_text(), re.MULTILINE)


def built_app() -> Path:
    """The folder of the app after ``npm ci`` and ``npm run build``."""
    linked(SDK)
    run_node("build.mjs", folder=SDK)
    lock = sha256((EXAMPLE / "package-lock.json").read_bytes()).hexdigest()[:16]
    root = cache_folder() / f"nextjs_app-{lock}"
    app = root / EXAMPLE.relative_to(ROOT)
    _copy_sdk(root / SDK.relative_to(ROOT))
    ignored = shutil.ignore_patterns("node_modules", ".next")
    shutil.copytree(EXAMPLE, app, ignore=ignored, dirs_exist_ok=True)
    made = root / "made"
    if not made.exists():
        _run(INSTALL, folder=app)
        made.touch()
    _copy_sdk(app / "node_modules" / "@tracefoundry" / "sdk")
    shutil.rmtree(app / ".next", ignore_errors=True)
    _run(BUILD, folder=app)
    return app


def _copy_sdk(target: Path) -> None:
    for name in SDK_FILES:
        source = SDK / name
        if source.is_dir():
            shutil.rmtree(target / name, ignore_errors=True)
            shutil.copytree(source, target / name)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / name)


@contextmanager
def serving_app(app: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """``npm start`` on a port that the system picks; gives the address."""
    process = subprocess.Popen(
        [*_command(START), "--", "--port", "0"],
        cwd=app, env=_environment(environment),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield _address(process.stdout)
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # npm, its shell and Next.js
        process.wait(timeout=STOP_TIMEOUT_S)
        process.stdout.close()


def _address(output: IO[bytes]) -> str:
    printed = b""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while b"Ready" not in printed:
            assert selector.select(START_TIMEOUT_S), printed
            piece = os.read(output.fileno(), 4096)
            assert piece, printed
            printed += piece
    found = re.search(r"http://localhost:(\d+)", printed.decode())
    assert found is not None, printed
    return f"http://127.0.0.1:{found[1]}"


def _command(line: str) -> list[str]:
    return [*npm(), *line.split()[1:]]


def _run(line: str, *, folder: Path) -> None:
    done = subprocess.run(
        _command(line), cwd=folder, env=_environment({}),
        capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    """npm's scripts find the same node by the path; nothing is reported to Next.js's makers."""
    environment = clean_environment({"NEXT_TELEMETRY_DISABLED": "1", **extra})
    environment["PATH"] = f"{Path(node()[0]).parent}{os.pathsep}{environment['PATH']}"
    return environment
