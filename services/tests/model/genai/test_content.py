"""The table of what is content."""

from __future__ import annotations

import pytest

from tracefoundry.model.genai.content import body_slot, content_slot, event_slot


@pytest.mark.parametrize(
    ("key", "slot"),
    [
        ("gen_ai.input.messages", "input_messages"),
        ("gen_ai.output.messages", "output_messages"),
        ("gen_ai.system_instructions", "system_instructions"),
        ("gen_ai.tool.definitions", "tool_definitions"),
        ("gen_ai.tool.call.arguments", "tool_arguments"),
        ("gen_ai.tool.call.result", "tool_result"),
        ("gen_ai.retrieval.documents", "documents"),
        ("gen_ai.retrieval.query.text", "attribute"),
        ("gen_ai.prompt", "input_messages"),
        ("gen_ai.prompt.0.content", "input_messages"),
        ("gen_ai.prompt.12.tool_calls.0.arguments", "input_messages"),
        ("gen_ai.completion.0.content", "output_messages"),
        ("llm.input_messages.1.message.content", "input_messages"),
        ("llm.input_messages.1.message.contents.0.message_content.text", "input_messages"),
        ("llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments",
         "output_messages"),
        ("llm.prompts.0.prompt.text", "input_messages"),
        ("llm.tools.0.tool.json_schema", "tool_definitions"),
        ("llm.request.functions.0.parameters", "tool_definitions"),
        ("retrieval.documents.0.document.content", "documents"),
        ("reranker.output_documents.3.document.content", "documents"),
        ("embedding.embeddings.0.embedding.text", "attribute"),
        ("embedding.embeddings.0.embedding.vector", "attribute"),
        ("input.value", "attribute"),
        ("output.value", "attribute"),
        ("traceloop.entity.input", "attribute"),
        ("langfuse.observation.output", "attribute"),
        ("langfuse.trace.input", "attribute"),
        ("mlflow.spanInputs", "attribute"),
        ("mlflow.chat.tools", "tool_definitions"),
        ("lmnr.span.output", "attribute"),
        ("ai.prompt", "input_messages"),
        ("ai.prompt.messages", "input_messages"),
        ("ai.prompt.tools", "tool_definitions"),
        ("ai.response.text", "output_messages"),
        ("ai.toolCall.args", "tool_arguments"),
        ("ai.toolCall.result", "tool_result"),
        ("pydantic_ai.all_messages", "input_messages"),
        ("all_messages_events", "input_messages"),
        ("final_result", "output_messages"),
        ("tool_arguments", "tool_arguments"),
        ("tool_response", "tool_result"),
        ("gcp.vertex.agent.llm_request", "input_messages"),
        ("gcp.vertex.agent.tool_response", "tool_result"),
        ("llm.openai.messages", "attribute"),
        ("llm.anthropic.something_new", "attribute"),
    ],
)  # fmt: skip
def test_content_has_its_slot(key: str, slot: str) -> None:
    """By dialect."""
    assert slot == content_slot(key)


@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.prompt.0.role",
        "gen_ai.completion.0.finish_reason",
        "gen_ai.prompt.0.tool_calls.0.name",
        "llm.input_messages.0.message.role",
        "llm.output_messages.0.message.tool_calls.0.tool_call.id",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name",
        "retrieval.documents.0.document.score",
        "gen_ai.operation.name",
        "gen_ai.tool.name",
        "gen_ai.usage.raw",
        "gen_ai.input.messages_ref",
        "llm.model_name",
        "llm.invocation_parameters",
        "llm.token_count.prompt_details.cache_read",
        "llm.cost.completion_details.output",
        "llm.request.type",
        "llm.watsonx.decoding_method",
        "llm.openai.usage",
        "llm.openai.id",
        "ai.response.id",
        "ai.prompt.toolChoice",
        "mlflow.spanType",
        "langfuse.observation.usage_details",
        "input.mime_type",
        "http.url",
        "exception.message",
        "",
    ],
)
def test_labels_and_numbers_are_metadata(key: str) -> None:
    """A viewer may see them."""
    assert content_slot(key) is None


@pytest.mark.parametrize(
    ("kind", "given", "made"),
    [
        ("tool", "tool_arguments", "tool_result"),
        ("llm", "input_messages", "output_messages"),
        ("agent", "input_messages", "output_messages"),
        ("retriever", "attribute", "documents"),
        ("chain", "attribute", "attribute"),
        (None, "attribute", "attribute"),
    ],
)
def test_a_generic_input_is_what_the_kind_makes_of_it(
    kind: str | None, given: str, made: str
) -> None:
    """The same key on a tool and on a call."""
    assert (given, made) == (
        content_slot("input.value", kind),
        content_slot("traceloop.entity.output", kind),
    )
    assert content_slot("embedding.text", kind) == "attribute"


@pytest.mark.parametrize("key", ["exception.message", "exception.stacktrace"])
def test_exceptions_are_content_in_strict_mode_only(key: str) -> None:
    """On spans and on events."""
    assert (None, "attribute") == (content_slot(key), content_slot(key, strict=True))
    assert (None, "attribute") == (
        event_slot("exception", key),
        event_slot("exception", key, strict=True),
    )
    assert event_slot("exception", "exception.type", strict=True) is None


@pytest.mark.parametrize(
    ("name", "key", "slot"),
    [
        ("gen_ai.user.message", "content", "input_messages"),
        ("gen_ai.system.message", "content", "system_instructions"),
        ("gen_ai.assistant.message", "tool_calls", "input_messages"),
        ("gen_ai.tool.message", "content", "input_messages"),
        ("gen_ai.choice", "message", "output_messages"),
        ("gen_ai.choice", "tool.result", "output_messages"),
        ("gen_ai.choice", "finish_reason", None),
        ("gen_ai.user.message", "role", None),
        ("gen_ai.user.message", "gen_ai.system", None),
        ("gen_ai.content.prompt", "gen_ai.prompt", "input_messages"),
        ("gen_ai.content.completion", "gen_ai.completion", "output_messages"),
        ("gen_ai.client.inference.operation.details", "gen_ai.input.messages", "input_messages"),
        ("gen_ai.client.inference.operation.details", "gen_ai.request.model", None),
        ("db.query.result", "db.query.result.document", "documents"),
        ("mlflow.chunk.item.0", "mlflow.chunk.value", "output_messages"),
        ("cache miss", "content", None),
    ],
)
def test_event_attributes_have_slots(name: str, key: str, slot: str | None) -> None:
    """Message events hold content under any key that is no label."""
    assert slot == event_slot(name, key)


@pytest.mark.parametrize(
    ("name", "slot"),
    [
        ("gen_ai.system.message", "system_instructions"),
        ("gen_ai.user.message", "input_messages"),
        ("gen_ai.choice", "output_messages"),
        ("gen_ai.client.inference.operation.details", "attribute"),
        ("gen_ai.something.new", "attribute"),
        ("device.app.lifecycle", None),
    ],
)
def test_bodies_of_genai_logs_are_content(name: str, slot: str | None) -> None:
    """Also of events that are not known yet."""
    assert slot == body_slot(name)
