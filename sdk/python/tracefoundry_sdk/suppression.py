"""One LLM span for a call that the official client instrumentation sees too.

The instrumentations of OpenTelemetry that are built on ``opentelemetry-util-genai`` look into the
context for data of an enclosing call. If it is there they make no span of their own, and write what
they learn (tokens, model, messages) into that data. :func:`publish` puts it there,
:func:`learned` reads it. The package is optional: it is used only if it is loaded already, and
releases that have renamed these things are treated as if it were absent.
"""

from __future__ import annotations

import sys
from typing import Any

from opentelemetry.context import Context, set_value

from tracefoundry_sdk import conventions as c
from tracefoundry_sdk.safety import never_raises

_MODULE = "opentelemetry.util.genai.invocation"
_IMPLEMENTATION = "opentelemetry.util.genai._inference_invocation"
_CONVERSATION = "opentelemetry.util.genai._conversation_context"

_ATTRIBUTES = {
    "request_model": c.REQUEST_MODEL,
    "response_model": c.RESPONSE_MODEL,
    "response_id": c.RESPONSE_ID,
    "response_finish_reasons": c.RESPONSE_FINISH_REASONS,
    "response_time_to_first_chunk": c.RESPONSE_TIME_TO_FIRST_CHUNK,
    "request_stream": c.REQUEST_STREAM,
    "request_max_tokens": c.REQUEST_MAX_TOKENS,
    "request_temperature": c.REQUEST_TEMPERATURE,
    "request_top_p": c.REQUEST_TOP_P,
    "request_seed": c.REQUEST_SEED,
    "usage_input_tokens": c.USAGE_INPUT_TOKENS,
    "usage_output_tokens": c.USAGE_OUTPUT_TOKENS,
    "usage_cache_read_input_tokens": c.USAGE_CACHE_READ_INPUT_TOKENS,
    "usage_cache_write_input_tokens": c.USAGE_CACHE_WRITE_INPUT_TOKENS,
    "usage_reasoning_output_tokens": c.USAGE_REASONING_OUTPUT_TOKENS,
    "server_address": "server.address",
    "server_port": "server.port",
}
_CONTENTS = {
    "input_messages": c.INPUT_MESSAGES,
    "output_messages": c.OUTPUT_MESSAGES,
    "system_instructions": c.SYSTEM_INSTRUCTIONS,
    "tool_definitions": c.TOOL_DEFINITIONS,
}


def present() -> bool:
    """The package is loaded, so an instrumentation may be active."""
    return _IMPLEMENTATION in sys.modules


@never_raises((None, None))
def publish(context: Context, *, capture_content: bool) -> tuple[Context | None, Any]:
    """The context with the data in it, and the data; (None, None) without the package."""
    module = sys.modules.get(_MODULE) or sys.modules.get(_IMPLEMENTATION)
    if module is None:
        return None, None
    implementation = sys.modules.get(_IMPLEMENTATION, module)
    key = getattr(module, "CLIENT_INFERENCE_CONTEXT_KEY", None)
    data_class = getattr(implementation, "InferenceData", None)
    if key is None or data_class is None:
        return None, None
    data = data_class(capture_content=capture_content)
    return set_value(key, data, context), data


@never_raises(None)
def with_conversation(context: Context, conversation_id: str) -> Context | None:
    """The context with the conversation for official instrumentations; None without the package."""
    module = sys.modules.get(_CONVERSATION)
    publish_id = getattr(module, "with_conversation_id", None)
    return publish_id(conversation_id, context) if publish_id is not None else None


def learned(data: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Attributes and contents that a suppressed instrumentation has written into the data."""
    attributes = dict(getattr(data, "attributes", None) or {})
    attributes.update(_present(data, _ATTRIBUTES))
    return attributes, {key: value for key, value in _present(data, _CONTENTS).items() if value}


def _present(data: Any, names: dict[str, str]) -> dict[str, Any]:
    found = {key: getattr(data, name, None) for name, key in names.items()}
    return {key: value for key, value in found.items() if value is not None}
