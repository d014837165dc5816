"""What GenAI events say: span events, and log records of the same names.

Until v1.37 of the conventions messages were events of their own (``gen_ai.user.message``,
``gen_ai.choice`` ...); now one ``gen_ai.client.inference.operation.details`` carries what the span
carries. Both are still sent, as log records (body a key-value list or a JSON string) and as span
events (the body's fields are attributes).
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai import plain
from tracefoundry.model.genai.values import parse_object, text
from tracefoundry.model.genai.view import GenAI

DETAILS = "gen_ai.client.inference.operation.details"
CHOICE = "gen_ai.choice"


def view_of_event(name: str, attributes: dict[str, Any], body: Any = None) -> GenAI | None:
    """The part of a view that an event or log record carries, None when it carries none.

    Give the result to :func:`tracefoundry.model.genai.merging.complete` with the view of the span:
    usage is taken from one of them, never from both. Message events carry content only.

    Args:
        name: event name; that of a log record, or of a span event.
        attributes: its attributes.
        body: the body of a log record; None for a span event.
    """
    if name == DETAILS:
        told = plain.derive(attributes)
        inner = parse_object(body)
        if inner is not None and (also := plain.derive(inner)) is not None:
            told = also if told is None else told
        return told
    if name == CHOICE:
        fields = parse_object(body) or attributes
        reason = text(fields.get("finish_reason"))
        if reason is not None:
            return GenAI(kind="other", dialect=plain.DIALECT, finish_reasons=[reason])
    return None
