"""The examples that need other libraries, as their READMEs say."""

from __future__ import annotations

from environments import python_of
from model_server.server import ModelServer

from example_runs import run_example, spans_of_service
from platform_process import Platform


def test_openai_client(models: ModelServer, platform: Platform) -> None:
    """A whole reply and a stream, each with its tokens."""
    python = python_of("examples")
    printed = run_example("openai_client", platform=platform, models=models, python=python)
    assert printed == "Orange goes well with blue.\n"
    spans = spans_of_service(platform, "openai-client")
    assert [span["genai"]["kind"] for span in spans] == ["agent", "llm", "llm"]
    calls = [(span["genai"]["input_tokens"], span["genai"]["output_tokens"]) for span in spans[1:]]
    assert calls == [(11, 2), (24, 6)]
    assert "gen_ai.response.time_to_first_chunk" in spans[2]["attributes"]


def test_langgraph(models: ModelServer, platform: Platform) -> None:
    """The graph's spans stand below the run, and each model call counts once."""
    python = python_of("examples")
    printed = run_example("langgraph_agent", platform=platform, models=models, python=python)
    assert printed == "Your order 48213 is shipped.\n"
    spans = spans_of_service(platform, "langgraph-agent")
    kinds = [span["genai"]["kind"] for span in spans if span["genai"] is not None]
    assert (kinds.count("llm"), kinds.count("tool")) == (2, 1)
    (trace,) = platform.get("/api/traces", service="langgraph-agent")["traces"]
    assert (
        trace["agent"], trace["input_tokens"], trace["output_tokens"]
    ) == ("order-agent", 220, 30)  # fmt: skip


def test_mcp(platform: Platform) -> None:
    """The tool's server continues the agent's trace."""
    printed = run_example("mcp_tools", platform=platform, python=python_of("examples"))
    assert printed == "order 48213: shipped\n"
    spans = spans_of_service(platform, "mcp-agent")
    names = [span["name"] for span in spans]
    assert {"invoke_agent order-agent", "execute_tool lookup_order", "retrieval orders"} <= {*names}
    (trace,) = platform.get("/api/traces", service="mcp-agent")["traces"]
    assert trace["services"] == ["mcp-agent", "mcp-orders"]
