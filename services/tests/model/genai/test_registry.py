"""Detection, precedence, and derivation that never fails."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import attribute_values, attributes, events
from tracefoundry.model.genai import plain, registry
from tracefoundry.model.genai.content import body_slot, content_slot, event_slot
from tracefoundry.model.genai.events import view_of_event
from tracefoundry.model.genai.refs import refs_of
from tracefoundry.model.genai.view import GenAI

KEYS = [
    "gen_ai.operation.name", "gen_ai.request.model", "gen_ai.response.model",
    "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.raw",
    "gen_ai.usage.cost", "gen_ai.aggregated_usage.input_tokens", "gen_ai.provider.name",
    "gen_ai.response.finish_reasons", "gen_ai.input.messages_ref", "openinference.span.kind",
    "llm.invocation_parameters", "llm.model_name", "llm.token_count.prompt", "llm.cost.total",
    "llm.cost.prompt", "llm.cost.completion", "output.value", "llm.request.type",
    "traceloop.span.kind", "traceloop.entity.name", "langfuse.observation.type",
    "langfuse.observation.usage_details", "langfuse.observation.cost_details",
    "langfuse.observation.model.name", "mlflow.spanType", "mlflow.chat.tokenUsage",
    "mlflow.llm.cost", "session.id", "ai.operationId", "operation.name", "ai.usage.inputTokens",
    "lmnr.span.type", "langsmith.span.kind", "langsmith.metadata.usage_metadata", "llm.openai.id",
    "llm.openai.model", "metadata.usage_object", "agent_name", "operation.cost", "model_name",
    "all_messages_events", "finish_reason",
]  # fmt: skip

VALUES = (
    attribute_values()
    | st.sampled_from(["LLM", "chat", "generation", '"TOOL"', "{", "{'a': 1}", '{"input": 1}', "["])
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(["input", "output", "total", "cached_tokens", "input_tokens",
                             "prompt_tokens_details", "total_cost", "finish_reason"]),
            inner, max_size=4,
        ),
        max_leaves=6,
    ).map(json.dumps)
)  # fmt: skip


@given(
    attributes(),
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=12),
    st.lists(events(), max_size=2),
    st.sampled_from(["", "pydantic-ai", "langfuse-sdk"]),
)
def test_no_attributes_make_derivation_fail(
    any_attributes: dict[str, Any], known: dict[str, Any], some: list[Any], scope: str
) -> None:
    """And what comes out keeps the types of the view."""
    found = registry.derive(any_attributes | known, some, scope, span_name="x")
    if found is not None:
        for count in (found.input_tokens, found.output_tokens, found.cached_tokens):
            assert count is None or (type(count) is int and 0 <= count < 2**63)
        assert found.cost_usd is None or found.cost_usd >= 0
        assert (found.cost_usd is None) == (found.cost_source is None)
        assert found.dialect in registry.VERSIONS
    refs_of(any_attributes | known)
    for key in any_attributes:
        assert content_slot(key) == content_slot(key)


@given(
    st.sampled_from(["gen_ai.choice", "gen_ai.client.inference.operation.details", "gen_ai.x"]),
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6),
    VALUES,
)
def test_no_event_makes_reading_fail(name: str, known: dict[str, Any], body: Any) -> None:
    """Whatever its body is."""
    view_of_event(name, known, body)
    assert body_slot(name) is not None
    for key in known:
        event_slot(name, key, strict=True)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=12))
def test_pure_gen_ai_attributes_read_as_the_plain_dialect_reads_them(
    known: dict[str, Any],
) -> None:
    """Issue 1's function and the registry agree, but for the cost."""
    pure = {key: value for key, value in known.items() if key.startswith("gen_ai.re")}
    assert plain.derive(pure) == registry.derive(pure)


def test_a_span_of_something_else_has_no_view() -> None:
    """Keys that only look alike are no dialect's."""
    assert registry.derive({"http.route": "/ai.", "gen_ai": 1, "ai": 2, "session.id": 5}) is None


def test_a_span_of_something_else_names_its_session_and_user() -> None:
    """The web request above an agent: no view of its own, but its trace has a conversation."""
    assert registry.derive({"http.route": "/", "session.id": "s", "enduser.id": "u"}) == GenAI(
        None, "session", conversation_id="s", user_id="u"
    )


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.operation.name": "chat"},
        {"llm.openai.id": "c"},
        {"all_messages_events": "[]", "agent_name": "a"},
        {"mlflow.spanType": '"LLM"'},
    ],
)
def test_every_dialect_learns_the_session_of_the_span(attributes: dict[str, Any]) -> None:
    """Whatever names the dialect has for it."""
    found = registry.derive({**attributes, "session.id": "s", "user.id": "u"})
    assert found is not None
    assert (found.conversation_id, found.user_id) == ("s", "u")


def test_the_most_particular_dialect_speaks_first() -> None:
    """Langfuse before OpenInference before gen_ai; each fills only what is open."""
    found = registry.derive(
        {
            "langfuse.observation.type": "tool",
            "openinference.span.kind": "CHAIN",
            "llm.token_count.prompt": 3,
            "gen_ai.operation.name": "chat",
            "gen_ai.usage.input_tokens": 4,
            "gen_ai.usage.output_tokens": 5,
        }
    )
    assert found is not None
    assert ("tool", "langfuse", "chat", 3, 5) == (
        found.kind,
        found.dialect,
        found.operation,
        found.input_tokens,
        found.output_tokens,
    )


def test_the_dialect_named_is_the_one_that_decided_the_kind() -> None:
    """One that only adds a session does not take the credit."""
    found = registry.derive({"langsmith.metadata.session_id": "s", "traceloop.span.kind": "tool"})
    assert found is not None
    assert ("traceloop", "s") == (found.dialect, found.conversation_id)


def test_every_dialect_has_a_version() -> None:
    """What the view's dialect names is in the table."""
    assert set(registry.VERSIONS) == {
        "langfuse", "mlflow", "laminar", "langsmith", "openinference", "vercel_ai",
        "pydantic_ai", "litellm", "traceloop", "otel_genai", "session", "ag2", "bedrock_agentcore",
        "claude_code", "codex", "gemini_cli", "genkit", "livekit", "mcp", "spring_ai",
    }  # fmt: skip


@pytest.mark.parametrize(
    "attributes",
    [
        {"http.request.method": "GET"},
        {"gen_ai.request.model": "gpt-4o"},
        {"gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 1, "gen_ai.usage.cost": 1},
    ],
)
def test_prices_are_loaded_only_for_tokens_without_a_cost(attributes: dict[str, Any]) -> None:
    """Idle processes stay small."""
    code = (
        "import sys; from tracefoundry.model.genai import registry;"
        f"registry.derive({attributes!r}, start_time_ns=1);"
        "print('genai_prices' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
