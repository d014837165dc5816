"""Runs an example by the command of its README, against a platform and a model server of a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from model_server.replies import read_script
from model_server.server import ModelServer

from platform_process import Platform, clean_environment, eventually

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
TIMEOUT_S = 120


def command_of(example: str) -> list[str]:
    """The arguments of the line ``$ python ...`` that runs the example."""
    readme = (EXAMPLES / example / "README.md").read_text()
    commands = [line[2:].split() for line in readme.splitlines() if line.startswith("$ python ")]
    (command,) = [command for command in commands if command[1] != "-m"]
    return command[1:]


def run_example(
    example: str,
    *,
    platform: Platform,
    models: ModelServer | None = None,
    python: Path = Path(sys.executable),
) -> str:
    """Run it to its end; what it printed."""
    environment = {"TRACEFOUNDRY_URL": platform.otlp, "OPENAI_API_KEY": "none"}
    if models is not None:
        script = json.loads((EXAMPLES / example / "replies.json").read_text())
        models.script.replace(read_script(script))
        environment["OPENAI_BASE_URL"] = f"{models.url}/v1"
    if python != Path(sys.executable):  # an environment without the SDK
        environment["PYTHONPATH"] = str(ROOT / "sdk" / "python")
    done = subprocess.run(
        [str(python), *command_of(example)],
        env=clean_environment(environment), cwd=EXAMPLES,
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    assert "TraceFoundry" not in done.stderr, done.stderr  # the SDK has nothing to complain of
    return done.stdout


def spans_of_service(platform: Platform, service: str) -> list[dict[str, Any]]:
    """The spans of the only trace of a service, in the order of their starts."""

    def ended() -> list[dict[str, Any]]:
        traces: list[dict[str, Any]] = platform.get("/api/traces", service=service)["traces"]
        return [trace for trace in traces if not trace["running"]]

    (trace,) = eventually(ended, what="the end of the run")
    spans: list[dict[str, Any]] = platform.get(f"/api/traces/{trace['trace_id']}/spans")["spans"]
    return spans
