"""GenAI events: span events, and log records of the same names.

Until v1.37 of the conventions each message was an event (``gen_ai.user.message``, ``gen_ai.choice``
...). Since then one event ``gen_ai.client.inference.operation.details`` has the attributes of the
span. Both forms are still sent, as log records (the body is a key-value list or a JSON string) and
as span events (the fields of the body are attributes).

Command line agents send events of their own dialects (:mod:`claude_code`, :mod:`codex`,
:mod:`gemini_cli`), mostly as log records.
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai import claude_code, codex, gemini_cli, plain
from tracefoundry.model.genai.merging import fill, include_parts, is_empty
from tracefoundry.model.genai.values import (
    first_count,
    first_text,
    nested,
    parse_json,
    parse_object,
    text,
)
from tracefoundry.model.genai.view import GenAI

DETAILS = "gen_ai.client.inference.operation.details"

PREFIXES = ("gen_ai.", claude_code.PREFIX, codex.PREFIX, gemini_cli.PREFIX)
"""Event names of GenAI events begin with one of these."""

_MESSAGE_EVENTS = frozenset(
    f"gen_ai.{role}.message" for role in ("system", "user", "assistant", "tool")
)
_USAGE = ("usage", "usage_metadata", "usageMetadata", "token_usage")
_INPUT = (
    "input_tokens", "prompt_tokens", "inputTokens", "prompt_token_count", "promptTokenCount",
)  # fmt: skip
_OUTPUT = (
    "output_tokens", "completion_tokens", "outputTokens", "candidates_token_count",
    "candidatesTokenCount",
)  # fmt: skip
_CACHED = (
    "cache_read_input_tokens", "cached_tokens", "cacheReadInputTokens",
    "cached_content_token_count", "cachedContentTokenCount",
)  # fmt: skip
_REASONING = ("reasoning_tokens", "thoughts_token_count", "thoughtsTokenCount")
"""Names of the parts of a usage object, as the providers' responses spell them."""
_MAX_CHOICES = 16
"""Most output messages that are looked at."""
_CLI_READERS = (
    (claude_code.PREFIX, claude_code.read_event),
    (codex.PREFIX, codex.read_event),
    (gemini_cli.PREFIX, gemini_cli.read_event),
)


def view_of_event(name: str, attributes: dict[str, Any], body: Any = None) -> GenAI | None:
    """The part of a GenAI view that an event or log record has; None if it has none.

    Merge the results into the view of the span by
    :func:`tracefoundry.model.genai.merging.complete_by_events`, which takes usage from one of them,
    never from several. Message events have content only.

    Args:
        name: event name; that of a log record, or of a span event.
        attributes: its attributes.
        body: the body of a log record; None for a span event.
    """
    if name in _MESSAGE_EVENTS:
        return None
    for prefix, read_event in _CLI_READERS:
        if name.startswith(prefix):
            view = read_event(name, attributes)
            include_parts(view)
            return view
    found = _view_of_fields(attributes)
    inner = parse_object(body)
    if inner is not None and (of_body := _view_of_fields(inner)) is not None:
        found = of_body if found is None else fill(found, of_body)
    if found is None:
        return None
    include_parts(found)
    return found


def _view_of_fields(fields: dict[str, Any]) -> GenAI | None:
    """The view of attributes or of a body: ``gen_ai.*`` names, then a response's own names."""
    view = GenAI(kind="other", dialect=plain.DIALECT)
    if plain.derive(fields) is not None:
        view = plain.read(fields)
    usage = next((found for key in _USAGE if (found := nested(fields, key))), {})
    get = usage.get
    response = GenAI(
        kind="other",
        dialect=plain.DIALECT,
        response_model=first_text(fields.get, "model", "model_version", "modelVersion"),
        finish_reasons=_reasons(fields),
        input_tokens=first_count(get, *_INPUT),
        output_tokens=first_count(get, *_OUTPUT),
        cached_tokens=first_count(get, *_CACHED)
        or first_count(nested(usage, "prompt_tokens_details").get, "cached_tokens")
        or first_count(nested(usage, "input_tokens_details").get, "cached_tokens"),
        cache_write_tokens=first_count(get, "cache_creation_input_tokens"),
        reasoning_tokens=first_count(get, *_REASONING)
        or first_count(nested(usage, "completion_tokens_details").get, "reasoning_tokens")
        or first_count(nested(usage, "output_tokens_details").get, "reasoning_tokens"),
    )
    fill(view, response)
    if view.kind == "other" and (view.input_tokens or view.output_tokens):
        view.kind = "llm"
    return None if is_empty(view) else view


def _reasons(fields: dict[str, Any]) -> list[str] | None:
    """Why the model stopped: in the body of a choice, or in its output messages."""
    own = first_text(fields.get, "finish_reason", "stop_reason", "finishReason")
    if own is not None:
        return [own]
    messages = fields.get("gen_ai.output.messages")
    if messages is None:
        messages = fields.get("choices") or nested(fields, "output").get("messages")
    if type(messages) is str:
        messages = parse_json(messages)
    if type(messages) is not list:
        return None
    found = []
    for message in messages[:_MAX_CHOICES]:
        if type(message) is dict:
            content = nested(message, "content")
            reason = text(message.get("finish_reason")) or text(content.get("finish_reason"))
            if reason is not None:
                found.append(reason)
    return found or None
