"""What instrumentation libraries send about a scripted agent, as the platform shows it."""

from __future__ import annotations

import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from environments import HERE, python_of
from model_server.replies import Reply
from model_server.server import ModelServer

from platform_process import Platform, clean_environment

SCRIPT = [
    Reply(
        tool_calls=({"name": "lookup", "arguments": {"order": 7}},),
        input_tokens=100,
        output_tokens=10,
    ),
    Reply(text="Order 7 is shipped.", input_tokens=150, output_tokens=20, cached_tokens=64),
    Reply(text="It is on its way.", input_tokens=160, output_tokens=25),
]
AGENT_TIMEOUT_S = 180

CHATS = [(100, 10), (150, 20), (160, 25)]
TWO_CHATS = CHATS[:2]


@dataclass(frozen=True)
class Expected:
    """What is right for a library.

    Attributes:
        kinds: how many spans of which kind it sends.
        calls: input and output tokens of its model calls; a call that a trace records twice counts
            once.
        requests: how many requests its agent makes.
        model: the model that its calls ask for.
        tools: the tools of its traces.
        agents: the agents that its traces name.
        content: the slots of content that its model calls have.
    """

    kinds: dict[str, int]
    calls: list[tuple[int, int]] = field(default_factory=lambda: CHATS)
    requests: int = 3
    model: str = "gpt-4o"
    tools: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    content: tuple[str, ...] = ("input_messages", "output_messages", "tool_definitions")


CLAUDE = "claude-sonnet-4-5"
EXPECTED = {
    "openinference_openai": Expected({"llm": 3}),
    "openinference_anthropic": Expected({"llm": 6}, model=CLAUDE),
    # The client's own spans are traces of their own, and of a stream the instrumentation adds the
    # first output count (1) to the last: both are shown as they were sent.
    "openllmetry_anthropic": Expected(
        {"llm": 6}, [*CHATS, (100, 10), (150, 20), (160, 26)], model=CLAUDE
    ),
    "openinference_langchain": Expected({"llm": 3}),
    "openllmetry_openai": Expected({"llm": 3}),
    "openllmetry_langchain": Expected({"llm": 3}),
    # Its wrapper of the client hides the definitions of tools from spans.
    "langfuse_openai": Expected(
        {"llm": 3},
        model="gpt-4o-2024-08-06",
        content=("input_messages", "output_messages"),
    ),
    "logfire_pydantic_ai": Expected(
        {"llm": 2, "agent": 1, "tool": 1},
        TWO_CHATS,
        requests=2,
        tools=("lookup",),
        agents=("planner",),
    ),
    # The whole run is an agent too, and has no name of its own.
    "openai_agents": Expected(
        {"llm": 2, "agent": 2, "tool": 1, "chain": 3},
        TWO_CHATS,
        requests=2,
        tools=("lookup",),
        agents=("Agent workflow",),
        content=("input_messages", "output_messages"),
    ),
    # Messages are left out of its spans by default.
    "google_adk": Expected(
        {"llm": 2, "agent": 1, "tool": 1, "chain": 1},
        TWO_CHATS,
        requests=2,
        model="openai/gpt-4o",
        tools=("lookup",),
        agents=("planner",),
        content=("tool_definitions",),
    ),
}


def run_agent(library: str, models: ModelServer, platform: Platform, folder: Path) -> None:
    """Run a library's agent in its environment, against the script."""
    models.script.replace(SCRIPT)
    environment = clean_environment(
        {
            "OPENAI_BASE_URL": f"{models.url}/v1",
            "OPENAI_API_BASE": f"{models.url}/v1",
            "OPENAI_API_KEY": "none",
            "ANTHROPIC_BASE_URL": models.url,
            "ANTHROPIC_API_KEY": "none",
            "OTEL_EXPORTER_OTLP_ENDPOINT": platform.otlp,
            "OTEL_SERVICE_NAME": library,
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
        }
    )
    done = subprocess.run(
        [str(python_of(library)), str(HERE / "agents" / f"{library}.py")],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=AGENT_TIMEOUT_S,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("library", EXPECTED)
def test_a_library(library: str, models: ModelServer, platform: Platform, tmp_path: Path) -> None:
    """Kinds, models, tools, content and tokens of spans are right, and each call counts once."""
    run_agent(library, models, platform, tmp_path)
    expected = EXPECTED[library]
    assert len(models.script.requests()) == expected.requests
    traces = platform.get("/api/traces", service=library)["traces"]
    spans: list[dict[str, Any]] = []
    for trace in traces:
        spans += platform.get(f"/api/traces/{trace['trace_id']}/spans")["spans"]
    views = [span["genai"] for span in spans if span["genai"] is not None]
    assert dict(Counter(view["kind"] for view in views)) == expected.kinds
    calls = [view for view in views if view["kind"] == "llm"]
    counted = [(view["input_tokens"], view["output_tokens"]) for view in calls if view["counts"]]
    assert sorted(counted) == sorted(expected.calls)
    for position, name in enumerate(("input_tokens", "output_tokens")):
        total = sum(trace[name] for trace in traces)
        assert total == sum(call[position] for call in expected.calls)
    assert {view["request_model"] for view in calls} == {expected.model}
    assert {tool for trace in traces for tool in trace["tools"]} == set(expected.tools)
    assert {trace["agent"] for trace in traces} - {None} == set(expected.agents)
    slots = {
        entry["slot"]
        for span in spans
        if span["genai"] is not None and span["genai"]["kind"] == "llm"
        for entry in span["payloads"]
    }
    assert slots - {"attribute"} == set(expected.content)
