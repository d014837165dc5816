"""Runs agents of the folder ``agents`` that use the SDK, in an environment with all its extras."""

from __future__ import annotations

import subprocess

from environments import HERE, python_of

from platform_process import clean_environment

SDK = HERE.parent / "sdk/python"
TIMEOUT_S = 300


def run_sdk_agent(
    name: str, *arguments: str, endpoint: str, environment: str = "sdk", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run ``agents/NAME.py`` to its end, which must be a success."""
    done = subprocess.run(
        [str(python_of(environment)), str(HERE / "agents" / f"{name}.py"), *arguments],
        env=clean_environment(
            {"PYTHONPATH": str(SDK), "TRACEFOUNDRY_URL": endpoint, **variables}
        ),
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "TraceFoundry: tracing failed" not in done.stderr, done.stderr
    return done
