"""``gen_ai.*_ref`` attributes: content that the sender stored elsewhere and only points at.

The upload hook of OpenTelemetry's Python GenAI instrumentations writes them: a URI for messages,
instructions and tool definitions, which may dangle, because the hook drops uploads when its queue
is full. A value ``sha256:<64 hex digits>`` is a reference to our own payload store; everything
else points outside and is shown, never fetched. Attributes under ``tracefoundry.payload.`` that
come from a sender are not references (contract, section 3).
"""

from __future__ import annotations

import re
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
"""Reference attributes and the slot of what they point at."""

MAX_URI_CHARS = 2_048
_OWN = re.compile(r"sha256:([0-9a-f]{64})")


class ContentRef(msgspec.Struct, frozen=True):
    """A reference found on a span, event or log record."""

    key: str
    slot: Slot
    uri: str
    """The value as sent."""
    digest: bytes | None
    """SHA-256 of the content when the reference names our store, else None."""


def refs_of(attributes: dict[str, Any]) -> list[ContentRef]:
    """The content references among attributes, in their order; longer values are no references."""
    found = []
    for key, value in attributes.items():
        slot = REF_KEYS.get(key)
        if slot is not None and type(value) is str and 0 < len(value) <= MAX_URI_CHARS:
            own = _OWN.fullmatch(value)
            digest = bytes.fromhex(own.group(1)) if own is not None else None
            found.append(ContentRef(key, slot, value, digest))
    return found
