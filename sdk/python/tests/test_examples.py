"""The examples that need no other library, as their READMEs say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from model_server.server import ModelServer, serving

from example_runs import run_example, spans_of_service
from platform_process import Platform, running


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One ``serve`` for all tests here."""
    folder = tmp_path_factory.mktemp("platform")
    with running("serve", "--data", str(folder / "data"), folder=folder) as started:
        yield started


@pytest.fixture
def models() -> Iterator[ModelServer]:
    """A model server without a script."""
    with serving() as started:
        yield started


def test_the_quick_start_has_ten_lines_and_makes_a_run(platform: Platform) -> None:
    """A run with a model call, its tokens and its content."""
    source = (Path(__file__).parents[3] / "examples/quick_start/agent.py").read_text()
    assert len([line for line in source.splitlines() if line.strip()]) <= 10
    run_example("quick_start", platform=platform)
    run, call = spans_of_service(platform, "quick-start")
    assert ("invoke_agent greeter", "chat gpt-5-mini") == (run["name"], call["name"])
    assert (12, 3) == (call["genai"]["input_tokens"], call["genai"]["output_tokens"])
    slots = {payload["slot"] for payload in call["payloads"]}
    assert {"input_messages", "output_messages"} <= slots


def test_an_agent_with_tools(platform: Platform, models: ModelServer) -> None:
    """The model wants a tool, the tool runs, the model answers; a refused request is retried."""
    printed = run_example("agent_with_tools", platform=platform, models=models)
    assert "Your order 48213 is shipped, as parcel PX-9921.\n" == printed
    spans = spans_of_service(platform, "agent-with-tools")
    assert ["agent", "llm", "tool", "llm"] == [span["genai"]["kind"] for span in spans]
    assert ["gen_ai.retry"] == [event["name"] for event in spans[1]["events"]]
    assert [90, 130] == [spans[at]["genai"]["input_tokens"] for at in (1, 3)]
    slots = {payload["slot"] for payload in spans[2]["payloads"]}
    assert {"tool_arguments", "tool_result"} <= slots
