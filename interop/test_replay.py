"""Agents on real client libraries are replayed without one request reaching their servers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from model_server.replies import Reply
from model_server.server import ModelServer
from sdk_agents import SDK, run_sdk_agent
from test_sdk_beside_others import clients_environment

REPLIES = [Reply(text="It is shipped."), Reply(text="It is on its way.")]


@pytest.mark.parametrize(
    ("agent", "environment", "calls", "guards"),
    [
        ("openai_streams", "sdk", 2, {"httpx2"}),
        ("openai_whole", "sdk", 2, {"httpx2"}),
        ("anthropic", "sdk", 2, {"httpx2"}),
        ("mcp", "examples", 2, {"mcp"}),
        ("langchain", "examples", 4, {"langchain", "httpx2"}),
    ],
)
def test_a_replay_gives_the_same_without_a_request(
    models: ModelServer, tmp_path: Path, agent: str, environment: str, calls: int, guards: set[str]
) -> None:
    """Every recorded call is matched, and the server counts none."""
    models.script.replace(REPLIES)
    hits = tmp_path / "hits"
    done = run_sdk_agent(
        "sdk_replay", agent, models.url, str(hits), endpoint="http://127.0.0.1:9",
        environment=environment,
        **clients_environment(models) | {"PYTHONPATH": f"{SDK}:{SDK / 'tests'}"},
    )  # fmt: skip
    told = json.loads(done.stdout.splitlines()[-1])
    report = told["report"]
    assert told["recorded"] == told["replayed"]
    assert told["hits"] == 0
    assert (calls, 0, 0) == (report["matched"], report["missed"], report["unused"]), report
    assert guards <= set(report["guards"])
    if agent == "mcp":
        assert len(hits.read_text().splitlines()) == 2  # both of the recording
