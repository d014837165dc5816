"""What the demo shows: the scenarios, over services, environments and models, within a day."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from tracefoundry.demo.recording import Recorder, RunningTrace, SdkDisabled
from tracefoundry.demo.scenarios import SCENARIOS, cast
from tracefoundry_sdk.messages.replies import finish_reason

AT_NS = 1_795_262_400_000_000_000  # 2026-11-21T12:00:00Z
DAY_NS = 86_400_000_000_000


@pytest.fixture(scope="module")
def day() -> list[list[ReadableSpan]]:
    """The traces of a default demo."""
    return list(Recorder(seed=1, at_ns=AT_NS).record(60))


def attributes(span: ReadableSpan) -> Mapping[str, Any]:
    """A span's attributes, which the SDK types as optional."""
    return span.attributes or {}


def operation(span: ReadableSpan) -> Any:
    """``gen_ai.operation.name``."""
    return attributes(span).get("gen_ai.operation.name")


def playing(day: list[list[ReadableSpan]], name: str) -> list[list[ReadableSpan]]:
    """The traces of one scenario."""
    return [spans for number, spans in enumerate(day) if cast(1, number).scenario.name == name]


def failed(span: ReadableSpan) -> bool:
    """Status error."""
    return span.status.status_code is StatusCode.ERROR


def test_the_first_nine_traces_play_each_scenario_once() -> None:
    """Even a small demo has them all, and the tenth position repeats the ordinary one."""
    expected = [
        *("ok", "slow_tool", "retry_storm", "llm_error", "timeout", "long_conversation"),
        *("parallel_tools", "sub_agent", "streaming"),
    ]
    assert expected == [cast(1, number).scenario.name for number in range(9)]
    assert {*expected} == {scenario.name for scenario in SCENARIOS}


@pytest.mark.parametrize("seed", [1, 2, 3, -5, 2**70])
def test_all_spans_lie_within_the_last_day(seed: int) -> None:
    """So the default list shows all of them, and none is in the future."""
    for spans in Recorder(seed=seed, at_ns=AT_NS).record(300):
        assert all(AT_NS - DAY_NS < span.start_time <= span.end_time <= AT_NS for span in spans)


def test_ids_are_unique(day: list[list[ReadableSpan]]) -> None:
    """One trace id a trace, one span id a span."""
    traces = [{span.context.trace_id for span in spans} for spans in day]
    assert [1] * 60 == [len(ids) for ids in traces]
    assert 60 == len(set.union(*traces))
    spans = [span.context.span_id for spans in day for span in spans]
    assert len(spans) == len(set(spans))


def test_every_trace_is_whole(day: list[list[ReadableSpan]]) -> None:
    """One root, and no parent missing."""
    for spans in day:
        ids = {span.context.span_id for span in spans}
        parents = [span.parent.span_id if span.parent else None for span in spans]
        assert 1 == parents.count(None)
        assert set(parents) - {None} <= ids


def test_services_environments_and_models_vary(day: list[list[ReadableSpan]]) -> None:
    """Filters have something to choose from, and some traces cross services."""
    resources = [[span.resource.attributes for span in spans] for spans in day]
    together = [{str(resource["service.name"]) for resource in one} for one in resources]
    assert {"research-agent", "support-agent", "tool-service"} == set.union(*together)
    assert any(len(services) == 2 for services in together)
    environments = {
        str(resource["deployment.environment.name"]) for one in resources for resource in one
    }
    assert {"production", "staging"} == environments
    models = {attributes(span).get("gen_ai.request.model") for spans in day for span in spans}
    assert len(models - {None}) >= 4
    operations = {operation(span) for spans in day for span in spans}
    expected = {
        *("invoke_agent", "invoke_workflow", "chat", "execute_tool", "retrieval", "embeddings"),
        None,
    }
    assert expected == operations


def test_model_calls_follow_the_conventions(day: list[list[ReadableSpan]]) -> None:
    """Name, kind, usage with its parts inside the wholes, and messages as JSON strings."""
    calls = [span for spans in day for span in spans if operation(span) == "chat"]
    for span in calls:
        found = attributes(span)
        assert f"chat {found['gen_ai.request.model']}" == span.name
        assert SpanKind.CLIENT is span.kind
        assert "user" == json.loads(found["gen_ai.input.messages"])[0]["role"]
        if failed(span):
            continue
        (message,) = json.loads(found["gen_ai.output.messages"])
        (reason,) = found["gen_ai.response.finish_reasons"]  # in the provider's words
        assert finish_reason(reason) == message["finish_reason"]
        assert found["gen_ai.request.model"] in found["gen_ai.response.model"]
        assert found["gen_ai.usage.input_tokens"] > found.get(
            "gen_ai.usage.cache_read.input_tokens", 0
        )
        assert found["gen_ai.usage.output_tokens"] > found.get(
            "gen_ai.usage.reasoning.output_tokens", 0
        )
    assert {"openai", "anthropic", "gcp.gemini"} == {
        attributes(span)["gen_ai.provider.name"] for span in calls
    }
    assert any("gen_ai.usage.cache_read.input_tokens" in attributes(span) for span in calls)
    assert any("gen_ai.usage.reasoning.output_tokens" in attributes(span) for span in calls)


def test_a_slow_tool_takes_most_of_its_trace(day: list[list[ReadableSpan]]) -> None:
    """And the run ends well."""
    for spans in playing(day, "slow_tool"):
        total = max(span.end_time for span in spans) - min(span.start_time for span in spans)
        slowest = max(
            span.end_time - span.start_time for span in spans if operation(span) == "execute_tool"
        )
        assert slowest > total / 2
        assert not any(failed(span) for span in spans)


def test_a_retry_storm_links_each_attempt_to_the_one_before(
    day: list[list[ReadableSpan]],
) -> None:
    """Attempts of tool and model, failed but for the last; the tool tells its retries."""
    for spans in playing(day, "retry_storm"):
        ids = {span.context.span_id for span in spans}
        links = [link for span in spans for link in span.links]
        assert len(links) >= 6
        assert all(link.context.span_id in ids for link in links)
        attempts = [span for span in spans if span.name == "POST" and span.kind is SpanKind.CLIENT]
        assert [True] * (len(attempts) - 1) + [False] == [failed(span) for span in attempts]
        (tool,) = [span for span in spans if operation(span) == "execute_tool"]
        retries = [dict(event.attributes or {}) for event in tool.events]
        assert ["gen_ai.retry"] * (len(attempts) - 1) == [event.name for event in tool.events]
        assert {"attempt": 1, "error": "HTTP 503", "wait_s": 0.1} == retries[0]


def test_an_llm_error_fails_the_run_with_an_exception_event(
    day: list[list[ReadableSpan]],
) -> None:
    """The call and the root have status error."""
    for spans in playing(day, "llm_error"):
        (call,) = [span for span in spans if operation(span) == "chat" and failed(span)]
        (event,) = call.events
        assert "exception" == event.name
        assert attributes(call)["error.type"] == (event.attributes or {})["exception.type"]
        assert failed(next(span for span in spans if span.parent is None))


def test_a_timeout_leaves_a_server_span_that_outlives_its_caller(
    day: list[list[ReadableSpan]],
) -> None:
    """The tool service goes on after the agent has given up."""
    for spans in playing(day, "timeout"):
        by_id = {span.context.span_id: span for span in spans}
        outliving = [
            span
            for span in spans
            if span.parent and span.end_time > by_id[span.parent.span_id].end_time
        ]
        assert ["tool-service"] == [span.resource.attributes["service.name"] for span in outliving]
        assert any(attributes(span).get("error.type") == "timeout" for span in spans)
        (tool,) = [span for span in spans if operation(span) == "execute_tool"]
        assert ["gen_ai.timeout", "exception"] == [event.name for event in tool.events]
        assert {"after_s": 30} == dict(tool.events[0].attributes or {})


def test_a_long_conversation_resends_its_history(day: list[list[ReadableSpan]]) -> None:
    """One conversation id, and every call has all messages of the one before."""
    for spans in playing(day, "long_conversation"):
        calls = [span for span in spans if operation(span) == "chat"]
        assert len(calls) >= 10
        assert 1 == len({attributes(span)["gen_ai.conversation.id"] for span in calls})
        history: list[Any] = []
        for call in sorted(calls, key=lambda span: span.start_time):
            messages = json.loads(attributes(call)["gen_ai.input.messages"])
            assert history == messages[: len(history)]
            history = messages


def test_parallel_tools_overlap(day: list[list[ReadableSpan]]) -> None:
    """Two or more tools begin at the same time."""
    for spans in playing(day, "parallel_tools"):
        tools = [span for span in spans if operation(span) == "execute_tool"]
        assert len(tools) >= 2
        assert 1 == len({span.start_time for span in tools})


def test_a_sub_agent_runs_in_a_service_of_its_own(day: list[list[ReadableSpan]]) -> None:
    """Its run is below the request that asked for it, in the same trace and conversation."""
    for spans in playing(day, "sub_agent"):
        by_id = {span.context.span_id: span for span in spans}
        outer, inner = sorted(
            (span for span in spans if operation(span) == "invoke_agent"),
            key=lambda span: span.start_time or 0,
        )
        assert "research-agent" == inner.resource.attributes["service.name"]
        conversation = "gen_ai.conversation.id"
        assert attributes(outer)[conversation] == attributes(inner)[conversation]
        assert inner.parent is not None
        server = by_id[inner.parent.span_id]
        assert server.parent is not None
        assert server.parent.is_remote
        request = by_id[server.parent.span_id]
        assert (SpanKind.CLIENT, SpanKind.SERVER) == (request.kind, server.kind)
        assert request.parent is not None
        assert outer.context.span_id == request.parent.span_id


def test_a_streamed_answer_tells_when_its_first_chunk_came(day: list[list[ReadableSpan]]) -> None:
    """The whole answer and its tokens are there, too."""
    for spans in playing(day, "streaming"):
        (call,) = [span for span in spans if attributes(span).get("gen_ai.request.stream")]
        (run,) = [span for span in spans if operation(span) == "invoke_agent"]
        first_s = attributes(call)["gen_ai.response.time_to_first_chunk"]
        assert 0.18 <= first_s <= 0.62
        assert (call.end_time - call.start_time) / 1e9 > first_s
        (answer,) = json.loads(attributes(call)["gen_ai.output.messages"])
        (output,) = json.loads(attributes(run)["gen_ai.output.messages"])
        assert output["parts"] == answer["parts"]
        assert attributes(call)["gen_ai.usage.output_tokens"] > 4


def test_outputs_are_kept_for_replay(day: list[list[ReadableSpan]]) -> None:
    """Raw requests and replies of model calls, chunks of streams, and results of tools."""
    for spans in day:
        for span in spans:
            if operation(span) == "chat" and not failed(span):
                request = json.loads(attributes(span)["tracefoundry.raw_request"])
                assert 2048 == request["parameters"]["max_tokens"]
                raw = json.loads(attributes(span)["tracefoundry.raw_response"])
                assert ("chunks" in raw) == bool(attributes(span).get("gen_ai.request.stream"))
            if operation(span) == "execute_tool" and not failed(span):
                assert isinstance(json.loads(attributes(span)["gen_ai.tool.call.result"]), dict)


@pytest.fixture
def running() -> RunningTrace:
    """The run that is still going on."""
    return Recorder(seed=1, at_ns=AT_NS).record_running()


@pytest.mark.parametrize("seed", range(1, 40))
def test_a_running_run_waits_for_its_slow_tool(seed: int) -> None:
    """It has called the model, its start was told, and its own span is yet to come."""
    trace = Recorder(seed=seed, at_ns=AT_NS).record_running()
    (started,) = trace.started
    assert "invoke_agent research-assistant" == started.attributes["tracefoundry.span.name"]
    assert started.time_ns < AT_NS
    assert all((span.end_time or 0) <= AT_NS for span in trace.spans)
    assert {started.trace_id} == {span.context.trace_id for span in trace.spans}
    assert 1 == [operation(span) for span in trace.spans].count("chat")
    assert started.span_id not in {span.context.span_id for span in trace.spans}
    top = [span for span in trace.spans if span.parent and span.parent.span_id == started.span_id]
    assert top


def test_a_running_run_is_none_of_the_others(
    day: list[list[ReadableSpan]], running: RunningTrace
) -> None:
    """Its trace id is its own."""
    ids = {span.context.trace_id for spans in day for span in spans}
    assert running.started[0].trace_id not in ids


def test_a_disabled_sdk_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise nothing would be sent, without a reason."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with pytest.raises(SdkDisabled, match="OTEL_SDK_DISABLED is set"):
        next(Recorder(seed=1, at_ns=AT_NS).record(1))
