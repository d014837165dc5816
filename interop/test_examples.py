"""The examples that need other libraries, as their READMEs say."""

from __future__ import annotations

import json
from typing import Any

import httpx
from environments import python_of
from model_server.replies import read_script
from model_server.server import ModelServer
from next_app import BUILD, EXAMPLE, INSTALL, START, built_app, readme_commands, serving_app

from example_runs import run_example, spans_of_service
from platform_process import Platform, eventually


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


def test_next_js(models: ModelServer, platform: Platform) -> None:
    """The production server goes on with its caller's trace and delivers after the response."""
    trace_id, caller = "5c9fb1f0a2d94c0e8d5a1b7e3f604d21", "1f0e2d3c4b5a6978"
    assert readme_commands() == [INSTALL, BUILD, START]
    models.script.replace(read_script(json.loads((EXAMPLE / "replies.json").read_text())))
    environment = {
        "TRACEFOUNDRY_URL": platform.otlp,
        "OPENAI_BASE_URL": f"{models.url}/v1",
        "OPENAI_API_KEY": "none",
    }
    with serving_app(built_app(), environment) as address:
        answer = httpx.post(
            f"{address}/api/ask",
            json={"question": "Which colour goes with orange?"},
            headers={"traceparent": f"00-{trace_id}-{caller}-01"},
            timeout=60,
        )
        assert answer.json() == {"answer": "Blue goes well with orange."}

        def delivered() -> dict[str, dict[str, Any]]:
            """While the server runs: the end of the process has no part in it."""
            path = f"{platform.api}/api/traces/{trace_id}/spans"
            found = platform.client.get(path).json().get("spans", [])
            spans = {span["name"]: span for span in found}
            return spans if "POST /api/ask" in spans else {}

        spans = eventually(delivered, what="the span of the request")
    incoming, run, call = (
        spans[name] for name in ("POST /api/ask", "invoke_agent painter", "chat gpt-5-mini")
    )
    assert (caller, "server") == (incoming["parent_span_id"], incoming["kind"])
    assert run["span_id"] == call["parent_span_id"]
    assert incoming["span_id"] in ancestors(spans, run)
    assert call["genai"]["kind"] == "llm"
    assert (call["genai"]["input_tokens"], call["genai"]["output_tokens"]) == (12, 6)


def ancestors(spans: dict[str, dict[str, Any]], span: dict[str, Any]) -> list[str]:
    """The ids of the spans above a span, the nearest first."""
    by_id = {each["span_id"]: each for each in spans.values()}
    found = []
    while (parent := by_id.get(span["parent_span_id"])) is not None:
        found.append(parent["span_id"])
        span = parent
    return found
