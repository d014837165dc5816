"""The one table of what is content: prompts, answers, tool data, documents (docs/content.md).

Redaction (mode strict), the payload store and the API all ask here, so that no two of them can
disagree. A key is found by one dict lookup, or it belongs to a family of numbered keys
(``llm.input_messages.0.message.content``). In a family a key is metadata only if its last part is
a known label (a role, an id, a name). So a part that nobody has listed yet is content, and a viewer
does not see it. Each key is classified once and remembered.

On GenAI spans and events, free text under any other key is content too (:mod:`.free_text`). A value
over 4 KiB is content anywhere, whatever its key (:func:`is_long`).
"""

from __future__ import annotations

from typing import Any

import orjson

from tracefoundry.model.genai.events import PREFIXES
from tracefoundry.model.genai.key_memo import KeyMemo
from tracefoundry.model.limits import MAX_INLINE_BYTES
from tracefoundry.model.payload import Slot

# A character has at most four bytes of UTF-8, so a string of so few characters is never too long.
_ALWAYS_SHORT_CHARACTERS = MAX_INLINE_BYTES // 4


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_KEYS_BY_SLOT: dict[Slot, str] = {
    "input_messages": """
        gen_ai.input.messages gen_ai.prompt gen_ai.content.prompt
        llm.prompts
        ai.prompt ai.prompt.messages
        pydantic_ai.all_messages pydantic_ai.new_messages all_messages_events events prompt
        request_data
        mlflow.chat.messages
        gcp.vertex.agent.llm_request
        haystack.pipeline.input_data smolagents.task crew_inputs crew_tasks
        spring.ai.chat.client.user.text spring.ai.chat.client.input
        spring.ai.model.request.messages lk.chat_ctx lk.user_input lk.input_text lk.user_transcript
        user_prompt tracefoundry.raw_request
        """,
    "output_messages": """
        gen_ai.output.messages gen_ai.completion gen_ai.content.completion
        llm.choices llm.function_call llm.content.completion.chunk
        ai.response.text ai.response.object ai.response.toolCalls ai.response.files
        ai.response.reasoning ai.result.text ai.result.object ai.result.toolCalls
        final_result response_data completion
        mlflow.chunk.value
        gcp.vertex.agent.llm_response
        haystack.pipeline.output_data
        spring.ai.chat.client.output spring.ai.model.response.messages lk.response.text
        lk.response.function_calls tracefoundry.raw_response
        """,
    "system_instructions": """
        gen_ai.system_instructions gen_ai.agent.instructions gen_ai.request.instructions
        system_prompt crew_agents spring.ai.chat.client.system.text lk.instructions
        """,
    "tool_definitions": """
        gen_ai.tool.definitions gen_ai.request.tools gen_ai.tool.description
        llm.tools tool.description tool.json_schema tool.parameters
        ai.prompt.tools mlflow.chat.tools model_request_parameters
        spring.ai.tool.definition.schema spring.ai.tool.definition.description
        """,
    "tool_arguments": """
        gen_ai.tool.call.arguments gen_ai.tool.arguments gen_ai.tool.input tool_arguments
        ai.toolCall.args ai.toolCall.input
        gcp.vertex.agent.tool_call_args mcp.request.argument spring.ai.tool.call.arguments
        lk.function_tool.arguments
        """,
    "tool_result": """
        gen_ai.tool.call.result gen_ai.tool.result gen_ai.tool.output tool_response
        ai.toolCall.result ai.toolCall.output
        gcp.vertex.agent.tool_response mcp.response.value spring.ai.tool.call.result
        lk.function_tool.output
        """,
    "documents": """
        gen_ai.retrieval.documents retrieval.documents input.documents output.documents
        reranker.input_documents reranker.output_documents
        db.query.result.document db.query.result.metadata db.search.result.entity
        db.vector.query.response.documents ai.documents ai.ranking
        """,
    "attribute": """
        gen_ai.retrieval.query.text gen_ai.event.content gen_ai.evaluation.explanation
        input.images output.images reranker.query
        embedding.embeddings embedding.text embedding.vector db.query.embeddings.vector
        db.query.result.vector db.search.embeddings.vector
        llm.prompt_template.template llm.prompt_template.variables
        traceloop.prompt.template traceloop.prompt.template_variables
        ai.value ai.values ai.embedding ai.embeddings
        mlflow.trace.intermediate_outputs langfuse.experiment.item.expected_output
        gcp.vertex.agent.data gcp.vertex.agent.event db.vector.query.content
        db.vector.query.filter gen_ai.guardrail.input gen_ai.guardrail.output
        ag2.chats.summaries ag2.human_input.prompt ag2.human_input.response
        ag2.code_execution.output genkit:metadata:context genkit:init
        """,
}
_KEYS: dict[str, Slot] = {key: slot for slot, keys in _KEYS_BY_SLOT.items() for key in keys.split()}

_INPUTS = _words(
    """
    input.value input inputs traceloop.entity.input langfuse.observation.input
    langfuse.trace.input mlflow.spanInputs mlflow.traceInputs lmnr.span.input
    haystack.component.input genkit:input
    """
)
_OUTPUTS = _words(
    """
    output.value output outputs traceloop.entity.output langfuse.observation.output
    langfuse.trace.output mlflow.spanOutputs mlflow.traceOutputs lmnr.span.output
    haystack.component.output genkit:output
    """
)

_FAMILIES: tuple[tuple[str, Slot], ...] = (
    ("gen_ai.prompt.", "input_messages"),
    ("gen_ai.completion.", "output_messages"),
    ("gen_ai.input.messages.", "input_messages"),
    ("gen_ai.output.messages.", "output_messages"),
    ("llm.input_messages.", "input_messages"),
    ("llm.output_messages.", "output_messages"),
    ("llm.prompts.", "input_messages"),
    ("llm.choices.", "output_messages"),
    ("llm.completions.", "output_messages"),
    ("llm.tools.", "tool_definitions"),
    ("llm.request.functions.", "tool_definitions"),
    ("llm.prompt_template.variables.", "attribute"),
    ("traceloop.prompt.template_variables.", "attribute"),
    ("retrieval.documents.", "documents"),
    ("reranker.input_documents.", "documents"),
    ("reranker.output_documents.", "documents"),
    ("input.documents.", "documents"),
    ("output.documents.", "documents"),
    ("input.images.", "attribute"),
    ("output.images.", "attribute"),
    ("embedding.embeddings.", "attribute"),
)
_FAMILY_PREFIXES = tuple(prefix for prefix, _ in _FAMILIES)
_LABELS = _words(
    """
    role id name type index finish_reason tool_call_id mime_type score
    """
)

_LLM_WORDS = _words(
    """
    request response usage chat content watsonx token_count cost prompt_template input_messages
    output_messages prompts choices completions tools
    """
)
_RAW_LABELS = _words(
    """
    id model object created status usage stream temperature max_tokens max_completion_tokens top_p
    top_k n seed system_fingerprint service_tier stop_reason stop_sequence type role tool_choice
    """
)

_EXCEPTION = frozenset(("exception.message", "exception.stacktrace"))

_MESSAGE_EVENTS: dict[str, Slot] = {
    "gen_ai.system.message": "system_instructions",
    "gen_ai.user.message": "input_messages",
    "gen_ai.assistant.message": "input_messages",
    "gen_ai.tool.message": "input_messages",
    "gen_ai.choice": "output_messages",
    "gen_ai.content.prompt": "input_messages",
    "gen_ai.content.completion": "output_messages",
}
_MESSAGE_LABELS = _words(
    """
    role id index finish_reason name event.name event_name gen_ai.system gen_ai.provider.name
    gen_ai.operation.name gen_ai.agent.name gen_ai.tool.name gen_ai.tool.call.id
    gen_ai.response.id gen_ai.request.model gen_ai.response.model gen_ai.conversation.id
    tool_call_id error.type
    """
)


def _classify(key: str) -> Slot | None:
    slot = _KEYS.get(key)
    if slot is not None:
        return slot
    if key in _INPUTS or key in _OUTPUTS:
        return "attribute"
    if key.startswith(_FAMILY_PREFIXES):
        if key.rpartition(".")[2] in _LABELS:
            return None
        return next(slot for prefix, slot in _FAMILIES if key.startswith(prefix))
    if key.startswith("llm."):
        # llm.<provider>.<parameter>: litellm's raw request and response.
        _, provider, *rest = key.split(".", 2)
        if rest and provider not in _LLM_WORDS and rest[0] not in _RAW_LABELS:
            return "attribute"
    return None


_slots: KeyMemo[Slot | None] = KeyMemo(_classify)


def content_slot(key: str, kind: str | None = None, *, strict: bool = False) -> Slot | None:
    """The slot of a span, resource, scope or link attribute; None when it is metadata.

    Args:
        key: the attribute key.
        kind: ``GenAI.kind`` of the span, if known; it decides what generic inputs and outputs are.
        strict: whether exception messages and stack traces are content too (mode strict).
    """
    slot = _slots[key]
    if slot == "attribute" and kind is not None:
        return _generic_slot(key, kind)
    if slot is None and strict and key in _EXCEPTION:
        return "attribute"
    return slot


def _generic_slot(key: str, kind: str) -> Slot:
    """What a generic input or output is to a span of this kind."""
    if key in _INPUTS:
        if kind == "tool":
            return "tool_arguments"
        return "input_messages" if kind in ("llm", "agent") else "attribute"
    if key in _OUTPUTS:
        if kind == "tool":
            return "tool_result"
        if kind in ("retriever", "reranker"):
            return "documents"
        return "output_messages" if kind in ("llm", "agent") else "attribute"
    return "attribute"


def event_slot(
    name: str, key: str, kind: str | None = None, *, strict: bool = False
) -> Slot | None:
    """The slot of an attribute of a span event or of a log record; None when it is metadata.

    In a message event (``gen_ai.user.message``, ``gen_ai.choice`` ...) everything but the known
    labels is content.
    """
    slot = content_slot(key, kind, strict=strict)
    if slot is not None:
        return slot
    message = _MESSAGE_EVENTS.get(name)
    return message if message is not None and key not in _MESSAGE_LABELS else None


def body_slot(name: str) -> Slot | None:
    """The slot of the body of a log record of this event name; None when it is metadata.

    The body of any GenAI event is content, because it may hold messages.
    """
    slot = _MESSAGE_EVENTS.get(name)
    if slot is None and name.startswith(PREFIXES):
        return "attribute"
    return slot


def is_long(value: Any) -> bool:
    """Whether a value is content because of its length, see ``MAX_INLINE_BYTES``."""
    if type(value) is str:
        return len(value) > _ALWAYS_SHORT_CHARACTERS and len(value.encode()) > MAX_INLINE_BYTES
    if type(value) is list or type(value) is dict:
        return len(orjson.dumps(value)) > MAX_INLINE_BYTES
    return False
