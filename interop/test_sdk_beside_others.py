"""The SDK with real client libraries, beside other instrumentations, and under gunicorn."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from environments import HERE, python_of
from model_server.replies import Reply
from model_server.server import ModelServer
from sdk_agents import SDK, run_sdk_agent
from sdk_process import collector

from platform_process import Platform, clean_environment, eventually

REPLIES = [
    Reply(text="It is shipped.", input_tokens=101, output_tokens=11),
    Reply(text="It is on its way.", input_tokens=102, output_tokens=12),
    Reply(text="It is there.", input_tokens=103, output_tokens=13),
]
TOKENS = [(101, 11), (102, 12), (103, 13)]


def clients_environment(models: ModelServer) -> dict[str, str]:
    """Variables that lead the client libraries to the model server."""
    return {
        "OPENAI_BASE_URL": f"{models.url}/v1",
        "OPENAI_API_KEY": "none",
        "ANTHROPIC_BASE_URL": models.url,
        "ANTHROPIC_API_KEY": "none",
    }


def spans_of_service(platform: Platform, service: str) -> list[dict[str, Any]]:
    """All spans of a service's only trace."""
    (trace,) = platform.get("/api/traces", service=service)["traces"]
    found: list[dict[str, Any]] = platform.get(f"/api/traces/{trace['trace_id']}/spans")["spans"]
    return found


def test_streams_of_clients_carry_the_trace_to_the_model(
    models: ModelServer, platform: Platform
) -> None:
    """Every request has a ``traceparent`` whose span is below the LLM call's."""
    models.script.replace(REPLIES)
    run_sdk_agent("sdk_clients", endpoint=platform.otlp, **clients_environment(models))
    spans = {span["span_id"]: span for span in spans_of_service(platform, "clients")}
    callers = []
    for request in models.script.requests():
        _, trace_id, span_id, _ = request["traceparent"].split("-")
        sent = spans[span_id]
        assert sent["trace_id"] == trace_id
        # The client of Anthropic makes a span of its own in between.
        while not sent["name"].startswith("chat "):
            sent = spans[sent["parent_span_id"]]
        callers.append(sent["name"])
    assert callers == ["chat gpt-4o", "chat gpt-4o", "chat claude-sonnet-4-5"]


def test_the_official_instrumentation_makes_no_second_llm_span(
    models: ModelServer, platform: Platform
) -> None:
    """Its tokens are on ours, also of the call whose answer the SDK was not given."""
    models.script.replace(REPLIES)
    run_sdk_agent("sdk_clients", "official", endpoint=platform.otlp, **clients_environment(models))
    spans = spans_of_service(platform, "official")
    views = [span["genai"] for span in spans if (span["genai"] or {}).get("kind") == "llm"]
    openai = [view for view in views if view["request_model"] == "gpt-4o"]
    found = [(view["input_tokens"], view["output_tokens"]) for view in openai]
    assert sorted(found) == TOKENS[:2]
    counted = [(view["input_tokens"], view["output_tokens"]) for view in views if view["counts"]]
    assert sorted(counted) == TOKENS
    assert all(request["traceparent"] for request in models.script.requests())
    assert len(models.script.requests()) == len(REPLIES)


def test_it_resolves_and_works_beside_other_sdks(models: ModelServer) -> None:
    """Logfire, Langfuse and OpenInference in one environment, and each span once, in one trace."""
    with collector() as server:
        run_sdk_agent(
            "sdk_beside", environment="sdk_beside", endpoint=server.url,
            **clients_environment(models),
        )  # fmt: skip
        spans: list[Any] = server.spans()
    assert Counter(span.name for span in spans) == {
        "invoke_agent beside": 1,
        "of logfire": 1,
        "of langfuse": 1,
        "ChatCompletion": 1,
    }
    assert len({span.trace_id for span in spans}) == 1


def test_workers_of_gunicorn_preload_deliver(tmp_path: Path) -> None:
    """The SDK runs before the fork; spans of the master and of each worker arrive."""
    ready = tmp_path / "address"
    with collector() as server:
        process = subprocess.Popen(
            [str(python_of("sdk")), "-m", "gunicorn", "--preload", "--workers", "2",
             "--bind", f"unix:{ready}", "--no-control-socket", "sdk_preloaded:application"],
            cwd=HERE / "agents",
            env=clean_environment({"PYTHONPATH": str(SDK), "TRACEFOUNDRY_URL": server.url}),
            stderr=(tmp_path / "stderr").open("wb"),
        )  # fmt: skip
        try:
            workers = set[str]()
            asked = 0

            def both_answered() -> bool:
                nonlocal asked
                if not ready.exists():
                    return False
                with httpx.Client(transport=httpx.HTTPTransport(uds=str(ready))) as client:
                    workers.add(client.get("http://gunicorn/").text)
                asked += 1
                return len(workers) == 2

            eventually(both_answered, what="an answer of each worker")
        finally:
            os.kill(process.pid, signal.SIGTERM)
            process.wait(60)
        names = Counter(span.name for span in server.spans())  # type: ignore[attr-defined]
    assert names == {"invoke_agent preload": 1, "invoke_agent request": asked, "GET /": asked}


def test_extras_continue_the_trace_over_http_and_in_threads() -> None:
    """One trace of clients, server and thread; the SDK's own deliveries are not in it."""
    with collector() as server:
        run_sdk_agent("sdk_extras", endpoint=server.url)
        spans: list[Any] = server.spans()
    names = {span.span_id: span.name for span in spans}
    assert Counter((span.name, names.get(span.parent_span_id)) for span in spans) == {
        ("invoke_agent extras", None): 1,
        ("GET", "invoke_agent extras"): 2,
        ("GET /", "GET"): 2,
        ("execute_tool served", "GET /"): 2,
        ("execute_tool in thread", "invoke_agent extras"): 1,
    }
