"""Runs agents of the folder ``agents`` that use the SDK, in an environment with all its extras."""

from __future__ import annotations

import subprocess
from pathlib import Path

from environments import HERE, python_of

from platform_process import clean_environment

SDK = HERE.parent / "sdk/python"
TIMEOUT_S = 300


def run_sdk_agent(
    name: str, *arguments: str, endpoint: str, environment: str = "sdk", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run ``agents/NAME.py`` to its end, which must be a success."""
    return run_sdk_program(
        f"{name}.py", *arguments, folder=HERE / "agents", endpoint=endpoint,
        environment=environment, **variables,
    )  # fmt: skip


def run_sdk_program(
    *command: str, folder: Path, endpoint: str, environment: str = "sdk", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a file of a folder with its arguments, likewise."""
    done = subprocess.run(
        [str(python_of(environment)), *command],
        env=clean_environment(
            {"PYTHONPATH": str(SDK), "TRACEFOUNDRY_URL": endpoint, **variables}
        ),
        cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "TraceFoundry: tracing failed" not in done.stderr, done.stderr
    return done
