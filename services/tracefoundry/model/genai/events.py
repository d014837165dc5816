"""GenAI events: span events, and log records of the same names.

Until v1.37 of the conventions each message was an event (``gen_ai.user.message``, ``gen_ai.choice``
...). Since then one event ``gen_ai.client.inference.operation.details`` has the attributes of the
span. Both forms are still sent, as log records (the body is a key-value list or a JSON string) and
as span events (the fields of the body are attributes).
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai import plain
from tracefoundry.model.genai.values import parse_object, text
from tracefoundry.model.genai.view import GenAI

DETAILS = "gen_ai.client.inference.operation.details"
CHOICE = "gen_ai.choice"


def view_of_event(name: str, attributes: dict[str, Any], body: Any = None) -> GenAI | None:
    """The part of a GenAI view that an event or log record has; None if it has none.

    Merge the result into the view of the span by :func:`tracefoundry.model.genai.merging.complete`,
    which takes usage from one of the two, never from both. Message events have content only.

    Args:
        name: event name; that of a log record, or of a span event.
        attributes: its attributes.
        body: the body of a log record; None for a span event.
    """
    if name == DETAILS:
        view = plain.derive(attributes)
        inner = parse_object(body)
        if inner is not None and (inner_view := plain.derive(inner)) is not None:
            view = inner_view if view is None else view
        return view
    if name == CHOICE:
        fields = parse_object(body) or attributes
        reason = text(fields.get("finish_reason"))
        if reason is not None:
            return GenAI(kind="other", dialect=plain.DIALECT, finish_reasons=[reason])
    return None
