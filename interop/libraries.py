"""The libraries whose agents are run, and how one is run."""

from __future__ import annotations

import subprocess
from pathlib import Path

from environments import HERE, python_of
from model_server.replies import Reply
from model_server.server import ModelServer

from node_packages import linked, node
from platform_process import clean_environment

NODE = HERE / "node"
LIBRARIES = sorted(
    {path.stem for path in (HERE / "requirements").glob("*.in")} - {"examples", "sdk", "sdk_beside"}
    | {path.name for path in NODE.iterdir()}
)
"""Those with a requirement file or a folder of Node.js."""

SCRIPT = [
    Reply(
        tool_calls=({"name": "lookup", "arguments": {"order": 7}},),
        input_tokens=100,
        output_tokens=10,
    ),
    Reply(text="Order 7 is shipped.", input_tokens=150, output_tokens=20, cached_tokens=64),
    Reply(text="It is on its way.", input_tokens=160, output_tokens=25),
]
"""What the model answers: a call of the tool, the answer, and an answer that is streamed."""
AGENT_TIMEOUT_S = 180


def run_agent(library: str, models: ModelServer, endpoint: str, folder: Path) -> None:
    """Run a library's agent in its environment, against the script, until it has sent its spans."""
    models.script.replace(SCRIPT)
    environment = clean_environment(
        {
            "OPENAI_BASE_URL": f"{models.url}/v1",
            "OPENAI_API_BASE": f"{models.url}/v1",
            "OPENAI_API_KEY": "none",
            "ANTHROPIC_BASE_URL": models.url,
            "ANTHROPIC_API_KEY": "none",
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "OTEL_SERVICE_NAME": library,
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
        }
    )
    done = subprocess.run(
        _command(library), env=environment, cwd=folder, capture_output=True, text=True,
        timeout=AGENT_TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def _command(library: str) -> list[str]:
    project = NODE / library
    if project.is_dir():
        linked(project)
        return [*node(), str(project / "agent.mjs")]
    return [str(python_of(library)), str(HERE / "agents" / f"{library}.py")]
