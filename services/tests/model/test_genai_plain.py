"""The view from plain gen_ai.* attributes."""

from __future__ import annotations

from typing import Any

import pytest

from tracefoundry.model.genai.plain import derive
from tracefoundry.model.genai.view import GenAI


def view(attributes: dict[str, Any]) -> GenAI:
    """The derived view, which must exist."""
    found = derive(attributes)
    assert found is not None
    return found


def test_spans_without_genai_attributes_have_no_view() -> None:
    """An HTTP span is not an agent's."""
    assert derive({"http.request.method": "GET", "user.id": "u"}) is None


def test_a_model_call_is_read_whole() -> None:
    """Current names of the conventions."""
    found = view(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "m",
            "gen_ai.response.model": "m-2",
            "gen_ai.response.id": "r1",
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.conversation.id": "c",
            "user.id": "u",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 50,
            "gen_ai.usage.cache_read.input_tokens": 80,
            "gen_ai.usage.cache_creation.input_tokens": 10,
            "gen_ai.usage.reasoning.output_tokens": 20,
        }
    )
    assert found == GenAI(
        kind="llm", dialect="otel_genai", operation="chat", provider="anthropic",
        request_model="m", response_model="m-2", response_id="r1", finish_reasons=["stop"],
        conversation_id="c", user_id="u", input_tokens=100, output_tokens=50, cached_tokens=80,
        cache_write_tokens=10, reasoning_tokens=20,
    )  # fmt: skip


def test_old_and_new_names_of_one_value_are_one_value() -> None:
    """Strands writes both; nothing is added up."""
    found = view({"gen_ai.usage.input_tokens": 7, "gen_ai.usage.prompt_tokens": 7})
    assert found.input_tokens == 7
    assert view({"gen_ai.usage.prompt_tokens": 3, "gen_ai.system": "openai"}).input_tokens == 3


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"gen_ai.operation.name": "invoke_agent"}, "agent"),
        ({"gen_ai.operation.name": "execute_tool"}, "tool"),
        ({"gen_ai.operation.name": "embeddings"}, "embedding"),
        ({"gen_ai.operation.name": "retrieval"}, "retriever"),
        ({"gen_ai.operation.name": "invoke_workflow"}, "chain"),
        ({"gen_ai.operation.name": "something new"}, "other"),
        ({"gen_ai.tool.name": "search"}, "tool"),
        ({"gen_ai.tool.name": "search", "gen_ai.request.model": "m"}, "llm"),
        ({"gen_ai.agent.name": "a"}, "agent"),
    ],
)
def test_kinds_follow_the_operation_or_what_is_named(attributes: dict[str, Any], kind: str) -> None:
    """The operation decides where it is given."""
    assert view(attributes).kind == kind


@pytest.mark.parametrize("value", [-1, "twelve", None, True, 1.5, 2**63, {"$double": "NaN"}, [1]])
def test_counts_of_a_wrong_type_are_unknown(value: Any) -> None:
    """A value that is no count is not made one."""
    assert view({"gen_ai.usage.input_tokens": value}).input_tokens is None


def test_a_whole_double_is_a_count() -> None:
    """Some exporters send every number as a double."""
    assert view({"gen_ai.usage.input_tokens": 12.0}).input_tokens == 12
