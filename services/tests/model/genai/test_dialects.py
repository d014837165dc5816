"""Each dialect on attributes as its libraries write them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tracefoundry.model.genai import registry
from tracefoundry.model.genai.view import GenAI


def view(attributes: dict[str, Any], **more: Any) -> GenAI:
    """The derived view, which must exist."""
    found = registry.derive(attributes, **more)
    assert found is not None
    return found


def tokens(found: GenAI) -> tuple[int | None, ...]:
    """Input, output, cached, cache write and reasoning tokens."""
    return (
        found.input_tokens,
        found.output_tokens,
        found.cached_tokens,
        found.cache_write_tokens,
        found.reasoning_tokens,
    )


# OTel GenAI and names made up inside gen_ai.


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("gen_ai.usage.input_tokens", 0),
        ("gen_ai.usage.prompt_tokens", 0),
        ("gen_ai.usage.output_tokens", 1),
        ("gen_ai.usage.completion_tokens", 1),
        ("gen_ai.usage.cache_read.input_tokens", 2),
        ("gen_ai.usage.cache_read_input_tokens", 2),
        ("gen_ai.usage.details.cache_read_tokens", 2),
        ("gen_ai.usage.cache_write.input_tokens", 3),
        ("gen_ai.usage.cache_creation.input_tokens", 3),
        ("gen_ai.usage.cache_creation_input_tokens", 3),
        ("gen_ai.usage.reasoning.output_tokens", 4),
        ("gen_ai.usage.reasoning_tokens", 4),
        ("gen_ai.usage.details.reasoning_tokens", 4),
        ("llm.token_count.prompt", 0),
        ("llm.token_count.completion", 1),
        ("llm.token_count.prompt_details.cache_read", 2),
        ("llm.token_count.prompt_details.cache_write", 3),
        ("llm.token_count.completion_details.reasoning", 4),
        ("ai.usage.inputTokens", 0),
        ("ai.usage.promptTokens", 0),
        ("ai.usage.tokens", 0),
        ("ai.usage.outputTokens", 1),
        ("ai.usage.completionTokens", 1),
        ("ai.usage.cachedInputTokens", 2),
        ("ai.usage.inputTokenDetails.cacheReadTokens", 2),
        ("ai.usage.inputTokenDetails.cacheWriteTokens", 3),
        ("ai.usage.reasoningTokens", 4),
        ("ai.usage.outputTokenDetails.reasoningTokens", 4),
    ],
)
def test_every_name_of_a_count_is_read(key: str, place: int) -> None:
    """All names seen on the wire."""
    expected = [None] * 5
    expected[place] = 7  # type: ignore[call-overload]
    assert tuple(expected) == tokens(view({key: 7}))


def test_two_names_of_one_count_are_one_value() -> None:
    """Strands writes both gen_ai names, the AI SDK writes ai.* beside gen_ai.*."""
    found = view(
        {
            "gen_ai.usage.input_tokens": 7,
            "gen_ai.usage.prompt_tokens": 7,
            "ai.usage.inputTokens": 7,
            "ai.usage.promptTokens": 7,
            "llm.token_count.prompt": 7,
        }
    )
    assert found.input_tokens == 7


def test_parts_in_a_raw_usage_object_are_found() -> None:
    """Logfire has the cached and reasoning parts only there."""
    raw = {
        "prompt_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    found = view(
        {
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 5,
            "gen_ai.usage.raw": json.dumps(raw),
        }
    )
    assert tokens(found) == (10, 5, 4, None, 2)


def test_aggregated_usage_makes_a_span_a_roll_up() -> None:
    """It repeats its calls, even where it also writes the plain names."""
    found = view(
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.aggregated_usage.input_tokens": 10,
            "gen_ai.usage.input_tokens": 10,
        }
    )
    assert (found.kind, *tokens(found)) == ("agent", None, None, None, None, None)


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("agent_step", "chain"),
        ("execute_task", "chain"),
        ("invoke_workflow", "chain"),
        ("chain", "chain"),
        ("search_memory", "retriever"),
        ("create_memory_store", "other"),
        ("rerank", "reranker"),
        ("acompletion", "llm"),
    ],
)
def test_operations_beyond_the_conventions_have_kinds(operation: str, kind: str) -> None:
    """As frameworks write them."""
    assert kind == view({"gen_ai.operation.name": operation}).kind


def test_a_chat_that_names_a_tool_is_a_model_call() -> None:
    """Openlit puts gen_ai.tool.* on chat spans."""
    found = view({"gen_ai.operation.name": "chat", "gen_ai.tool.name": "search"})
    assert found.kind == "llm"


def test_finish_reasons_in_a_json_string_are_a_list() -> None:
    """Some exporters flatten lists."""
    found = view({"gen_ai.response.finish_reasons": '["stop"]'})
    assert found.finish_reasons == ["stop"]


@pytest.mark.parametrize(
    "key", ["gen_ai.usage.cost", "gen_ai.usage.total_cost", "gen_ai.cost.total_cost"]
)
def test_a_reported_cost_says_so(key: str) -> None:
    """The source is part of the number."""
    found = view({"gen_ai.request.model": "m", key: 0.25})
    assert (found.cost_usd, found.cost_source) == (0.25, "reported")


# OpenInference


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("LLM", "llm"),
        ("CHAIN", "chain"),
        ("TOOL", "tool"),
        ("AGENT", "agent"),
        ("RETRIEVER", "retriever"),
        ("EMBEDDING", "embedding"),
        ("RERANKER", "reranker"),
        ("GUARDRAIL", "guardrail"),
        ("EVALUATOR", "evaluator"),
    ],
)
def test_openinference_kinds(name: str, kind: str) -> None:
    """``openinference.span.kind``, in the case that the libraries use."""
    found = view({"openinference.span.kind": name, "session.id": "s", "user.id": "u"})
    assert (kind, "openinference", "s", "u") == (
        found.kind,
        found.dialect,
        found.conversation_id,
        found.user_id,
    )


def test_openinference_cost_is_the_total_or_both_parts() -> None:
    """A part alone is not the cost."""
    base: dict[str, Any] = {"openinference.span.kind": "LLM", "llm.cost.prompt": 0.25}
    assert view(base).cost_usd is None
    assert view(base | {"llm.cost.completion": 0.5}).cost_usd == 0.75
    assert view(base | {"llm.cost.completion": 0.5, "llm.cost.total": 1.0}).cost_usd == 1.0


def test_openinference_llm_wrappers_have_no_usage() -> None:
    """Some LlamaIndex LLM spans only wrap a call: unknown stays unknown."""
    found = view({"openinference.span.kind": "LLM", "input.value": "hi", "llm.model_name": "m"})
    assert (found.kind, found.request_model, *tokens(found)[:2]) == ("llm", "m", None, None)


def test_openinference_agents_are_named_by_their_node_of_the_graph() -> None:
    """Its name, else its id (CrewAI), else the span's name: random ids name nothing."""
    agent = {"openinference.span.kind": "AGENT"}
    named = {**agent, "graph.node.name": "Planner", "graph.node.id": "node-1"}
    for attributes, expected in (
        (named, "Planner"),
        ({**named, "agent.name": "boss"}, "boss"),
        ({**agent, "graph.node.id": "planner"}, "planner"),
        ({**agent, "graph.node.id": "94dfae18-50ec-4c3d-a8cb-2fa894591196"}, "run"),
        ({**agent, "graph.node.id": "f7ac17f8b2f3894f"}, "run"),
    ):
        assert view(attributes, span_name="run").agent == expected
    assert view({"openinference.span.kind": "TOOL", "graph.node.id": "planner"}).agent is None


def test_openinference_tools_are_named_by_attribute_or_span() -> None:
    """``tool.name`` first."""
    base = {"openinference.span.kind": "TOOL"}
    assert view(base | {"tool.name": "a"}, span_name="b").tool == "a"
    assert view(base, span_name="b").tool == "b"


# Traceloop


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"traceloop.span.kind": "workflow"}, "chain"),
        ({"traceloop.span.kind": "task"}, "chain"),
        ({"traceloop.span.kind": "agent"}, "agent"),
        ({"traceloop.span.kind": "tool"}, "tool"),
        ({"llm.request.type": "chat"}, "llm"),
        ({"llm.request.type": "embedding"}, "embedding"),
        ({"llm.request.type": "rerank"}, "reranker"),
    ],
)
def test_traceloop_kinds(attributes: dict[str, Any], kind: str) -> None:
    """Workflow spans by their kind, calls by their request type."""
    found = view(attributes)
    assert (kind, "traceloop") == (found.kind, found.dialect)


def test_a_traceloop_call_is_read_from_both_namespaces() -> None:
    """``gen_ai.*`` and Traceloop's own attributes together give the view."""
    found = view(
        {
            "llm.request.type": "chat",
            "gen_ai.system": "OpenAI",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.prompt_tokens": 8,
            "gen_ai.usage.completion_tokens": 2,
            "llm.usage.total_tokens": 10,
            "gen_ai.usage.cache_read_input_tokens": 4,
            "gen_ai.prompt.0.role": "user",
            "gen_ai.completion.0.finish_reason": "stop",
            "traceloop.workflow.name": "trip",
            "traceloop.association.properties.session_id": "s",
            "traceloop.association.properties.user_id": "u",
        }
    )
    assert found == GenAI(
        kind="llm",
        dialect="traceloop",
        provider="OpenAI",
        request_model="gpt-4o",
        conversation_id="s",
        user_id="u",
        input_tokens=8,
        output_tokens=2,
        cached_tokens=4,
    )


def test_traceloop_names_tools_and_agents_by_their_entity() -> None:
    """And only those: a task's entity is no tool."""
    base = {"traceloop.entity.name": "search"}
    assert view(base | {"traceloop.span.kind": "tool"}).tool == "search"
    assert view(base | {"traceloop.span.kind": "agent"}).agent == "search"
    task = view(base | {"traceloop.span.kind": "task"})
    assert (task.tool, task.agent) == (None, None)


# Langfuse


def langfuse(usage: dict[str, Any] | None = None, more: dict[str, Any] | None = None) -> GenAI:
    """A generation with usage."""
    attributes: dict[str, Any] = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": "m",
    }
    if usage is not None:
        attributes["langfuse.observation.usage_details"] = json.dumps(usage)
    return view(attributes | (more or {}))


def test_langfuse_user_usage_adds_the_cached_part() -> None:
    """The documented exception: Langfuse's ``input`` does not include it."""
    found = langfuse({"input": 10, "output": 5, "cache_read_input_tokens": 90})
    assert tokens(found) == (100, 5, 90, None, None)


def test_langfuse_total_decides_whether_parts_are_included() -> None:
    """The sum that fits is the right one."""
    inside = {"input": 100, "output": 5, "total": 105, "cache_read_input_tokens": 90}
    beside = {"input": 10, "output": 5, "total": 105, "input_cached_tokens": 90}
    assert tokens(langfuse(inside))[:3] == (100, 5, 90)
    assert tokens(langfuse(beside))[:3] == (100, 5, 90)
    reasoning = {"input": 10, "output": 5, "total": 18, "output_reasoning_tokens": 3}
    assert tokens(langfuse(reasoning)) == (10, 8, None, None, 3)


def test_langfuse_provider_usage_includes_its_parts() -> None:
    """What its OpenAI wrapper passes on."""
    found = langfuse(
        {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "total_tokens": 120,
            "prompt_tokens_details": {"cached_tokens": 64},
            "completion_tokens_details": {"reasoning_tokens": 12},
        }
    )
    assert tokens(found) == (100, 20, 64, None, 12)


def test_langfuse_cost_is_the_total_or_the_sum_of_its_buckets() -> None:
    """Buckets exclude each other."""
    key = "langfuse.observation.cost_details"
    assert langfuse(more={key: '{"input": 0.25, "output": 0.5}'}).cost_usd == 0.75
    found = langfuse(more={key: '{"input": 0.25, "output": 0.5, "total": 1}'})
    assert (found.cost_usd, found.cost_source) == (1.0, "reported")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("generation", "llm"),
        ("embedding", "embedding"),
        ("agent", "agent"),
        ("tool", "tool"),
        ("chain", "chain"),
        ("retriever", "retriever"),
        ("guardrail", "guardrail"),
        ("evaluator", "evaluator"),
    ],
)
def test_langfuse_kinds(name: str, kind: str) -> None:
    """``langfuse.observation.type``; tools and agents are named by their span."""
    found = view({"langfuse.observation.type": name}, span_name="it")
    assert (kind, "langfuse") == (found.kind, found.dialect)
    assert ("it" if kind == "tool" else None, "it" if kind == "agent" else None) == (
        found.tool,
        found.agent,
    )


def test_a_langfuse_span_with_a_model_is_a_generation() -> None:
    """Python SDKs up to 3.3.0."""
    assert langfuse(more={"langfuse.observation.type": "span"}).kind == "llm"


def test_langfuse_marks_on_a_foreign_span_do_not_class_it() -> None:
    """Its processor writes session and environment on every span."""
    found = view(
        {
            "langfuse.environment": "prod",
            "session.id": "s",
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
        }
    )
    assert ("llm", "otel_genai", "s") == (found.kind, found.dialect, found.conversation_id)
    assert registry.derive({"langfuse.environment": "prod", "http.route": "/"}) is None


# MLflow


def test_mlflow_values_are_json_encoded() -> None:
    """Text has quotes, usage and cost are objects in strings."""
    found = view(
        {
            "mlflow.spanType": '"CHAT_MODEL"',
            "mlflow.llm.model": '"gpt-4o"',
            "mlflow.llm.provider": '"openai"',
            "mlflow.chat.tokenUsage": (
                '{"input_tokens": 10, "output_tokens": 5, "total_tokens": 15,'
                ' "cache_read_input_tokens": 4}'
            ),
            "mlflow.llm.cost": '{"input_cost": 0.25, "output_cost": 0.5, "total_cost": 0.75}',
            "mlflow.trace.session": '"s"',
            "mlflow.trace.user": "u",
        }
    )
    assert found == GenAI(
        kind="llm",
        dialect="mlflow",
        provider="openai",
        request_model="gpt-4o",
        conversation_id="s",
        user_id="u",
        input_tokens=10,
        output_tokens=5,
        cached_tokens=4,
        cost_usd=0.75,
        cost_source="reported",
    )


def test_mlflow_sums_of_a_trace_are_not_usage() -> None:
    """They repeat the calls."""
    found = view({"mlflow.spanType": '"AGENT"', "mlflow.trace.tokenUsage": '{"input_tokens": 10}'})
    assert (found.kind, found.input_tokens) == ("agent", None)


# Vercel AI SDK


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"ai.operationId": "ai.generateText"}, "chain"),
        ({"ai.operationId": "ai.streamText.doStream"}, "llm"),
        ({"ai.operationId": "ai.generateObject.doGenerate"}, "llm"),
        ({"ai.operationId": "ai.embed"}, "embedding"),
        ({"ai.operationId": "ai.embedMany.doEmbed"}, "embedding"),
        ({"ai.operationId": "ai.toolCall"}, "tool"),
        ({"operation.name": "ai.generateText.doGenerate my-fn", "ai.model.id": "m"}, "llm"),
    ],
)
def test_vercel_kinds(attributes: dict[str, Any], kind: str) -> None:
    """The inner spans are the calls."""
    found = view(attributes)
    assert (kind, "vercel_ai") == (found.kind, found.dialect)


def test_a_vercel_call_is_read_whole() -> None:
    """Attributes of version 6, which writes gen_ai.* as well."""
    found = view(
        {
            "operation.name": "ai.streamText.doStream chat",
            "ai.operationId": "ai.streamText.doStream",
            "ai.model.id": "claude-sonnet-4-5",
            "ai.model.provider": "anthropic.messages",
            "ai.response.model": "claude-sonnet-4-5-20250929",
            "ai.response.id": "msg_1",
            "ai.response.finishReason": "stop",
            "ai.telemetry.metadata.sessionId": "s",
            "ai.telemetry.metadata.userId": "u",
            "ai.usage.inputTokens": 100,
            "ai.usage.outputTokens": 20,
            "ai.usage.totalTokens": 120,
            "ai.usage.cachedInputTokens": 60,
            "ai.usage.inputTokenDetails.cacheReadTokens": 60,
            "ai.usage.inputTokenDetails.cacheWriteTokens": 30,
            "ai.usage.reasoningTokens": 5,
            "gen_ai.system": "anthropic.messages",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 20,
        }
    )
    assert found == GenAI(
        kind="llm",
        dialect="vercel_ai",
        operation="ai.streamText.doStream",
        provider="anthropic.messages",
        request_model="claude-sonnet-4-5",
        response_model="claude-sonnet-4-5-20250929",
        response_id="msg_1",
        finish_reasons=["stop"],
        conversation_id="s",
        user_id="u",
        input_tokens=100,
        output_tokens=20,
        cached_tokens=60,
        cache_write_tokens=30,
        reasoning_tokens=5,
    )


def test_a_vercel_tool_call_names_tool_and_call() -> None:
    """What a replay needs."""
    found = view(
        {"ai.operationId": "ai.toolCall", "ai.toolCall.name": "search", "ai.toolCall.id": "c1"}
    )
    assert ("tool", "search", "c1") == (found.kind, found.tool, found.tool_call_id)


# Laminar, LangSmith, litellm, older pydantic-ai, ADK


def test_laminar_classes_the_span_and_gen_ai_says_the_rest() -> None:
    """Cost included."""
    found = view(
        {
            "lmnr.span.type": "LLM",
            "lmnr.association.properties.session_id": "s",
            "gen_ai.system": "openai",
            "gen_ai.response.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.cost": 0.5,
        }
    )
    assert ("llm", "laminar", "s", 10, 0.5, "reported") == (
        found.kind,
        found.dialect,
        found.conversation_id,
        found.input_tokens,
        found.cost_usd,
        found.cost_source,
    )
    assert registry.derive({"lmnr.span.type": "DEFAULT", "lmnr.span.path": ["a"]}) is None


def test_langsmith_usage_is_in_its_metadata() -> None:
    """Parts only there; the session name is its project."""
    usage = {
        "input_tokens": 10,
        "output_tokens": 5,
        "input_token_details": {"cache_read": 4, "cache_creation": 2},
        "output_token_details": {"reasoning": 1},
    }
    found = view(
        {
            "langsmith.span.kind": "llm",
            "langsmith.trace.session_name": "project",
            "langsmith.metadata.session_id": "s",
            "langsmith.metadata.usage_metadata": json.dumps(usage),
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 5,
        }
    )
    assert ("langsmith", "s", 10, 5, 4, 2, 1) == (
        found.dialect,
        found.conversation_id,
        *tokens(found),
    )


def test_litellm_parts_stand_in_the_repr_of_a_dict() -> None:
    """Read without evaluating it."""
    usage = {
        "completion_tokens": 20,
        "prompt_tokens": 100,
        "completion_tokens_details": {"reasoning_tokens": 12, "audio_tokens": None},
        "prompt_tokens_details": {"cached_tokens": 64},
    }
    found = view(
        {
            "llm.request.type": "acompletion",
            "gen_ai.operation.name": "acompletion",
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.id": "chatcmpl-1",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 20,
            "gen_ai.cost.total_cost": 0.5,
            "metadata.usage_object": str(usage),
        }
    )
    assert ("llm", "litellm", 100, 20, 64, None, 12, 0.5) == (
        found.kind,
        found.dialect,
        *tokens(found),
        found.cost_usd,
    )


def test_the_raw_request_of_litellm_has_its_response_id_and_no_usage() -> None:
    """The more complete record is above it."""
    found = view(
        {
            "llm.openai.id": "chatcmpl-1",
            "llm.openai.model": "gpt-4o-2024-08-06",
            "llm.openai.messages": "[{'role': 'user'}]",
            "llm.openai.usage": "{'prompt_tokens': 100, 'completion_tokens': 20}",
        },
        span_name="raw_gen_ai_request",
    )
    assert ("llm", "litellm", "chatcmpl-1", None) == (
        found.kind,
        found.dialect,
        found.response_id,
        found.input_tokens,
    )


def test_an_older_pydantic_ai_agent_without_an_operation_is_an_agent() -> None:
    """It carries the usage of its calls under the plain names."""
    found = view(
        {
            "agent_name": "a",
            "model_name": "gpt-4o",
            "all_messages_events": "[]",
            "logfire.msg": "a run",
            "gen_ai.usage.input_tokens": 10,
        }
    )
    assert ("agent", "pydantic_ai", "a", "gpt-4o", 10) == (
        found.kind,
        found.dialect,
        found.agent,
        found.request_model,
        found.input_tokens,
    )


def test_logfire_marks_alone_make_no_genai_span() -> None:
    """They stand on every span of a Logfire user."""
    assert registry.derive({"logfire.msg": "GET /", "logfire.span_type": "span"}) is None


def test_a_router_prefix_of_a_model_is_shown_as_recorded() -> None:
    """ADK writes openai/ before the model."""
    found = view(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "openai/gpt-4o",
            "gcp.vertex.agent.session_id": "s",
        }
    )
    assert ("openai/gpt-4o", "s") == (found.request_model, found.conversation_id)
