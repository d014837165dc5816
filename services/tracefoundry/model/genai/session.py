"""``session.id`` and ``user.id``: whom a span serves, on spans of any kind.

The names are those of OpenTelemetry's general conventions. The root of a trace is often a web
request that is no GenAI span and alone knows the session.
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai.values import first_text, text
from tracefoundry.model.genai.view import GenAI

DIALECT = "session"
"""``GenAI.dialect`` of a view that no dialect gave."""
VERSION = 1


def add(view: GenAI | None, attributes: dict[str, Any]) -> GenAI | None:
    """Fill session and user into a view that lacks them; without a view, make one of them."""
    get = attributes.get
    conversation = text(get("session.id"))
    user = first_text(get, "user.id", "enduser.id")
    if view is None:
        if conversation is None and user is None:
            return None
        return GenAI(None, DIALECT, conversation_id=conversation, user_id=user)
    if view.conversation_id is None:
        view.conversation_id = conversation
    if view.user_id is None:
        view.user_id = user
    return view
