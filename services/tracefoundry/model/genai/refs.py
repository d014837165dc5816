"""``gen_ai.*_ref`` attributes: content that the sender stored elsewhere and only points at.

The upload hook of OpenTelemetry's Python GenAI instrumentations writes them: a URI for messages,
instructions and tool definitions, which may dangle, because the hook drops uploads when its queue
is full. A value that is a ref of ours (``sha256:...``) is looked up in our own payload store; any
other is shown and never fetched. Attributes under ``tracefoundry.payload.`` that a sender sets are
never resolved.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tracefoundry.model.payload import Slot

REF_KEYS: dict[str, Slot] = {
    "gen_ai.input.messages_ref": "input_messages",
    "gen_ai.output.messages_ref": "output_messages",
    "gen_ai.system_instructions_ref": "system_instructions",
    "gen_ai.tool.definitions_ref": "tool_definitions",
    "gen_ai.tool.call.arguments_ref": "tool_arguments",
    "gen_ai.tool.call.result_ref": "tool_result",
    "gen_ai.retrieval.documents_ref": "documents",
}
"""Reference attributes, and the slot of the content that each points at."""

MAX_URI_CHARS = 2_048


class ContentRef(msgspec.Struct, frozen=True):
    """A reference found on a span, event or log record."""

    key: str
    slot: Slot
    uri: str
    """The value as sent."""


def refs_of(attributes: dict[str, Any]) -> list[ContentRef]:
    """The content references among attributes, in their order.

    Values longer than ``MAX_URI_CHARS`` and values of another type are not references.
    """
    found = []
    for key, value in attributes.items():
        slot = REF_KEYS.get(key)
        if slot is not None and type(value) is str and 0 < len(value) <= MAX_URI_CHARS:
            found.append(ContentRef(key, slot, value))
    return found
