"""Free text on GenAI spans is content under any key; the definitions of the dialects are walked."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest
from opentelemetry.semconv._incubating.attributes import (
    gen_ai_attributes,
    mcp_attributes,
    openai_attributes,
)

from tracefoundry.model.genai import registry
from tracefoundry.model.genai.content import content_slot
from tracefoundry.model.genai.free_text import LONGEST_WORD, is_free_text, is_listed
from tracefoundry.model.genai.metadata_keys import BY_DIALECT, GENERAL, PARAMETERS

TEXT = "the patient asked about lupus"

OPT_IN = {
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
    "gen_ai.tool.description",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.retrieval.query.text",
    "gen_ai.retrieval.documents",
    "gen_ai.evaluation.explanation",
    "gen_ai.prompt",
    "gen_ai.completion",
}
"""What the conventions let a library capture only if it is told to, and the description of a tool,
which is part of its definition."""

CONTENT: dict[str, str] = {
    "openinference": """
        input.value output.value llm.input_messages.0.message.content llm.function_call
        llm.output_messages.0.message.contents.0.message_content.text llm.prompts.0.prompt.text
        llm.choices.0.completion.text llm.prompt_template.template llm.prompt_template.variables
        tool.description tool.parameters tool.json_schema llm.tools.0.tool.json_schema
        retrieval.documents.0.document.content retrieval.documents.0.document.metadata
        reranker.query reranker.input_documents.0.document.content embedding.text
        embedding.embeddings.0.embedding.text embedding.embeddings.0.embedding.vector
        """,
    "traceloop": """
        traceloop.entity.input traceloop.entity.output traceloop.prompt.template
        traceloop.prompt.template_variables gen_ai.prompt.0.content gen_ai.completion.0.content
        gen_ai.completion.0.tool_calls.0.arguments llm.request.functions.0.parameters
        llm.content.completion.chunk db.query.result.document mcp.request.argument
        mcp.response.value
        """,
    "langfuse": """
        langfuse.observation.input langfuse.observation.output langfuse.trace.input
        langfuse.trace.output langfuse.experiment.item.expected_output
        """,
    "mlflow": """
        mlflow.spanInputs mlflow.spanOutputs mlflow.traceInputs mlflow.traceOutputs
        mlflow.chat.tools mlflow.chat.messages mlflow.chunk.value mlflow.trace.intermediate_outputs
        """,
    "vercel_ai": """
        ai.prompt ai.prompt.messages ai.prompt.tools ai.response.text ai.response.object
        ai.response.toolCalls ai.response.reasoning ai.response.files ai.toolCall.args
        ai.toolCall.input ai.toolCall.result ai.toolCall.output ai.value ai.values ai.embedding
        ai.embeddings ai.documents ai.ranking ai.result.text
        """,
    "laminar": "lmnr.span.input lmnr.span.output",
    "langsmith": "inputs outputs gen_ai.prompt gen_ai.completion",
    "pydantic_ai": """
        all_messages_events pydantic_ai.all_messages final_result tool_arguments tool_response
        model_request_parameters request_data response_data events prompt
        """,
    "litellm": "llm.openai.messages llm.anthropic.system llm.openai.choices llm.openai.tools",
    "otel_genai": """
        gen_ai.guardrail.input gen_ai.guardrail.output gen_ai.tool.input gen_ai.tool.output
        gen_ai.agent.instructions gen_ai.request.instructions gen_ai.event.content
        gen_ai.memory.query.text gen_ai.memory.content gcp.vertex.agent.llm_request
        gcp.vertex.agent.llm_response gcp.vertex.agent.tool_call_args
        gcp.vertex.agent.tool_response gcp.vertex.agent.data
        """,
    "ag2": """
        ag2.chats.summaries ag2.human_input.prompt ag2.human_input.response
        ag2.code_execution.output
        """,
    "spring_ai": """
        spring.ai.tool.call.arguments spring.ai.tool.call.result spring.ai.tool.definition.schema
        spring.ai.tool.definition.description spring.ai.chat.client.user.text
        spring.ai.chat.client.system.text spring.ai.chat.client.user.params
        spring.ai.chat.client.system.params spring.ai.chat.client.advisor.params
        spring.ai.chat.client.input spring.ai.chat.client.output
        spring.ai.model.request.messages spring.ai.model.response.messages
        db.vector.query.content db.vector.query.filter db.vector.query.response.documents
        """,
    "genkit": "genkit:input genkit:output genkit:init genkit:metadata:context",
    "livekit": """
        lk.instructions lk.chat_ctx lk.user_input lk.input_text lk.user_transcript lk.response.text
        lk.response.function_calls lk.function_tool.arguments lk.function_tool.output
        """,
    "bedrock_agentcore": "gen_ai.input.messages gen_ai.tool.call.result body",
    "mcp": "mcp.request.argument mcp.response.value gen_ai.tool.call.arguments",
    "claude_code": """
        user_prompt prompt tool_input tool_parameters full_command response.model_output
        new_context system_prompt hook_definitions body
        """,
    "codex": "prompt arguments output",
    "gemini_cli": "prompt request_text response_text function_args reasoning",
}
"""Keys that hold content, by the definition of each dialect or by what it was seen to send."""
CONTENT_PAIRS = [(dialect, key) for dialect, keys in CONTENT.items() for key in keys.split()]
LISTED_PAIRS = [
    (dialect, key.replace("*", "anything"))
    for dialect, keys in {"general": GENERAL, **BY_DIALECT}.items()
    for key in keys.split()
]


def is_content(key: str, value: Any) -> bool:
    """Whether an attribute of a claimed span leaves the row."""
    return content_slot(key) is not None or is_free_text(key, value)


@pytest.mark.parametrize("module", [gen_ai_attributes, mcp_attributes, openai_attributes])
def test_every_key_of_the_conventions_is_content_or_metadata(module: ModuleType) -> None:
    """As OpenTelemetry's own package lists them; a new one must be put into one of the two."""
    keys = {
        value
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str) and "." in value
    }
    assert keys
    for key in keys:
        if key in OPT_IN:
            assert content_slot(key) is not None, key
        else:
            assert is_listed(key), key
            assert content_slot(key) is None, key


def test_every_dialect_has_both_lists() -> None:
    """The session of a plain span is no dialect."""
    assert BY_DIALECT.keys() == CONTENT.keys() == registry.VERSIONS.keys() - {"session"}


@pytest.mark.parametrize(("dialect", "key"), CONTENT_PAIRS)
def test_content_of_every_definition_is_content(dialect: str, key: str) -> None:
    """However short it is, if its key says so; else as JSON or as more than a word."""
    assert is_content(key, json.dumps({"question": TEXT})), dialect
    assert is_content(key, [TEXT]), dialect
    assert is_content(key, TEXT * 3), dialect
    if key not in ("response.model_output", "new_context"):
        assert is_content(key, TEXT), dialect


@pytest.mark.parametrize(("dialect", "key"), LISTED_PAIRS)
def test_metadata_of_every_definition_stays(dialect: str, key: str) -> None:
    """However long it is."""
    assert content_slot(key) is None, dialect
    assert not is_free_text(key, "x" * 1000), dialect
    assert not is_free_text(key, ["a", "b"]), dialect


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("app.tenant", "acme", False),
        ("app.tenant", "x" * LONGEST_WORD, False),
        ("app.tenant", "x" * (LONGEST_WORD + 1), True),
        ("app.state", '{"a": 1}', True),
        ("app.state", " [1, 2] ", True),
        ("app.state", "{'a': 'python'}", True),
        ("app.state", "['python']", True),
        ("app.state", "[redacted]", False),
        ("app.state", "[", False),
        ("app.state", ["a"], True),
        ("app.state", {"a": 1}, True),
        ("app.state", [], False),
        ("app.state", {}, False),
        ("app.ratio", {"$double": "NaN"}, False),
        ("app.blob", {"$bytes": "AAE="}, True),
        ("app.count", 10**18, False),
        ("app.flag", True, False),
        ("app.nothing", None, False),
        ("app.user_input", "Oslo", True),
        ("app.userInput", "Oslo", True),
        ("app.lastQuestion", "Oslo?", True),
        ("app.final-answer", "Oslo", True),
        ("answer", "Oslo", True),
        ("app.answer", "", False),
        ("app.answer", 42, False),
        ("app.input_length", "12", False),
        ("app.prompt.id", "p-1", False),
        ("app.error.message", "it broke", False),
        ("app.status_message", "it broke", False),
        ("http.request.method", "GET", False),
        ("http.request.body", "hello", True),
        ("url.full", "https://example.org/" + "x" * 100, False),
        ("url.query", "q=1", False),
        ("exception.stacktrace", "at line\n" * 50, False),
        ("error.message", "x" * 100, False),
    ],
)
def test_what_no_list_names_is_judged_by_its_look(key: str, value: Any, expected: bool) -> None:
    """Length, JSON, and the last word of the key."""
    assert is_content(key, value) is expected


@pytest.mark.parametrize("key", PARAMETERS.split())
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('{"model": "gpt-4o", "temperature": 0.5, "stream": true, "stop": null}', False),
        ('{"model": "gpt-4o", "system": "' + "You are a doctor. " * 5 + '"}', True),
        ('{"tools": [{"name": "search"}]}', True),
        ('{"metadata": {"a": 1}}', True),
        ('{"model": ', False),
        ("{not JSON}", True),
        ({"temperature": 1}, False),
        ({"tools": ["search"]}, True),
        ("short", False),
        ("x" * 100, True),
    ],
)
def test_settings_stay_unless_text_hides_in_them(key: str, value: Any, expected: bool) -> None:
    """Some libraries record the system prompt and the tools as parameters."""
    assert is_content(key, value) is expected
