"""The main job with real clients: an OpenTelemetry SDK sends, API and command line find."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Literal

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcSpanExporter,
)
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpSpanExporter,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from platform_process import Platform, run_command, running

Transport = Literal["http", "http+gzip", "grpc"]


def exporter_for(platform: Platform, transport: Transport) -> SpanExporter:
    """The SDK's own exporter."""
    if transport == "grpc":
        return GrpcSpanExporter(endpoint=f"http://{platform.grpc}", insecure=True)
    compression = Compression.Gzip if transport == "http+gzip" else Compression.NoCompression
    return HttpSpanExporter(endpoint=f"{platform.otlp}/v1/traces", compression=compression)


def record_agent_run(platform: Platform, transport: Transport) -> str:
    """An agent run of four spans, sent in batches; returns its trace id."""
    provider = TracerProvider(
        resource=Resource.create(
            {"service.name": f"agent-{transport}", "deployment.environment.name": "test"}
        )
    )
    provider.add_span_processor(BatchSpanProcessor(exporter_for(platform, transport)))
    tracer = provider.get_tracer("tests", "1.0")
    with tracer.start_as_current_span("invoke_agent planner") as agent:
        agent.set_attribute("gen_ai.operation.name", "invoke_agent")
        agent.set_attribute("gen_ai.agent.name", "planner")
        for round_number in range(2):
            with tracer.start_as_current_span("chat m-large") as chat:
                chat.set_attribute("gen_ai.operation.name", "chat")
                chat.set_attribute("gen_ai.request.model", "m-large")
                chat.set_attribute("gen_ai.usage.input_tokens", 100)
                chat.set_attribute("gen_ai.usage.output_tokens", 10)
                chat.add_event("first token", {"round": round_number})
        with tracer.start_as_current_span("execute_tool search") as tool:
            tool.set_attribute("gen_ai.operation.name", "execute_tool")
            tool.set_attribute("gen_ai.tool.name", "search")
            tool.record_exception(ValueError("no such page"))
    trace_id = f"{agent.get_span_context().trace_id:032x}"
    assert provider.force_flush()
    provider.shutdown()
    return trace_id


def cli_json(platform: Platform, *arguments: str) -> Any:
    """The JSON that a command prints."""
    result = run_command(*arguments, "--url", platform.api, "--json")
    assert (0, "") == (result.returncode, result.stderr)
    return json.loads(result.stdout)


def test_spans_of_real_exporters_are_found_by_api_and_command_line(
    database_url: str, tmp_path: Path
) -> None:
    """HTTP, HTTP with gzip and gRPC; list, tree, `list --json` and `show --json` agree."""
    with running("serve", "--database", database_url, folder=tmp_path) as platform:
        transports: tuple[Transport, ...] = ("http", "http+gzip", "grpc")
        sent = {transport: record_agent_run(platform, transport) for transport in transports}
        listed = {trace["trace_id"]: trace for trace in platform.get("/api/traces")["traces"]}
        assert set(sent.values()) == set(listed)
        for transport, trace_id in sent.items():
            trace = listed[trace_id]
            assert {
                "service": f"agent-{transport}",
                "environment": "test",
                "root_name": "invoke_agent planner",
                "span_count": 4,
                "input_tokens": 200,
                "output_tokens": 20,
                "models": ["m-large"],
                "tools": ["search"],
                "agent": "planner",
            }.items() <= trace.items()
            [root] = platform.get(f"/api/traces/{trace_id}/tree")["roots"]
            assert ["chat m-large", "chat m-large", "execute_tool search"] == [
                child["name"] for child in root["children"]
            ]
            spans = platform.get(f"/api/traces/{trace_id}/spans")["spans"]
            assert ["first token"] == [event["name"] for event in spans[1]["events"]]
            assert ["exception"] == [event["name"] for event in spans[3]["events"]]
        by_command = cli_json(platform, "list")["traces"]
        assert listed == {trace["trace_id"]: trace for trace in by_command}
        trace_id = sent["grpc"]
        tree = platform.get(f"/api/traces/{trace_id}/tree")
        assert tree == cli_json(platform, "show", trace_id)


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    """The database of the parameter."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.mark.parametrize("url", ["sqlite", "postgres"], indirect=True)
def test_the_demo_twice_changes_nothing(url: str, tmp_path: Path) -> None:
    """Same seed and time, same traces: the whole list stays equal."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 600))
    with running("serve", "--database", url, folder=tmp_path) as platform:

        def demo() -> None:
            arguments = ("--traces", "50", "--seed", "1", "--at", at, "--url", platform.api)
            result = run_command("demo", *arguments)
            assert 0 == result.returncode, result.stderr

        def everything() -> Any:
            return cli_json(platform, "list", "--since", "all", "--limit", "1000")

        demo()
        first = everything()["traces"]
        assert 50 == len(first)
        accepted = platform.metric("tracefoundry_spans_accepted_total")
        demo()
        assert first == everything()["traces"]
        assert accepted == platform.metric("tracefoundry_spans_accepted_total")
        assert accepted == platform.metric("tracefoundry_spans_duplicate_total")
        assert 0 == platform.metric("tracefoundry_spans_conflict_total")
