"""What a row still holds that somebody who may not read content must not see.

Content leaves the rows before they are stored; rows of before redaction existed have it in them.
From those it is taken at every read: what the table of content names, and what is longer than
4 KiB. From any row the attributes go by which a sender points at content, as our own refs do, and
the bodies of logs. Values that stay are passed through as they are stored, digit by digit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import msgspec
import orjson

from tracefoundry.model.genai.content import content_slot, event_slot
from tracefoundry.model.genai.refs import REF_KEYS
from tracefoundry.store.contract import BEFORE_REDACTION

LONG_BYTES = 4096
"""Longer values are content, whatever their key."""

Fragment = orjson.Fragment

_MAP = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MAPS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_TEXT = msgspec.json.Decoder(str)

Slot = Callable[[str], str | None]


class Withholding:
    """Takes content out of the JSON of one row. ``withheld`` is true once anything was taken."""

    def __init__(self, policy_version: int, pointers: Collection[tuple[str, str]]) -> None:
        """``pointers`` are (place, key) of attributes that point at content."""
        self._whole = policy_version == BEFORE_REDACTION
        self._pointers = pointers
        self.withheld = False

    @property
    def needed(self) -> bool:
        """Whether there can be anything to take out."""
        return self._whole or bool(self._pointers)

    def attributes(self, text: str, place: str, event: str | None = None) -> Fragment:
        """An attribute map without content. ``event`` is the name of the event or log it is of."""
        kept = self._kept(_MAP.decode(text), place, event)
        return Fragment(text) if kept is None else Fragment(orjson.dumps(kept))

    def members(self, text: str | None, places: str) -> Fragment:
        """A list of events or links, each without content in its attributes."""
        if text is None:
            return Fragment(b"[]")
        changed = False
        members: list[dict[str, Any]] = []
        for index, member in enumerate(_MAPS.decode(text)):
            shown: dict[str, Any] = {key: Fragment(bytes(raw)) for key, raw in member.items()}
            event = _TEXT.decode(member["name"]) if places == "events" else None
            attributes = member.get("attributes")
            if attributes is not None:
                kept = self._kept(_MAP.decode(attributes), f"{places}/{index}", event)
                if kept is not None:
                    shown["attributes"] = kept
                    changed = True
            members.append(shown)
        return Fragment(orjson.dumps(members)) if changed else Fragment(text)

    def _kept(
        self, attributes: dict[str, msgspec.Raw], place: str, event: str | None
    ) -> dict[str, Fragment] | None:
        """What stays; None where everything does."""
        kept = {
            key: Fragment(bytes(raw))
            for key, raw in attributes.items()
            if not self._goes(key, raw, place, event)
        }
        if len(kept) == len(attributes):
            return None
        self.withheld = True
        return kept

    def _goes(self, key: str, raw: msgspec.Raw, place: str, event: str | None) -> bool:
        if (place, key) in self._pointers:
            return True
        if not self._whole:
            return False
        slot = content_slot(key) if event is None else event_slot(event, key)
        return slot is not None or key in REF_KEYS or _is_long(bytes(raw))


def _is_long(raw: bytes) -> bool:
    if len(raw) <= LONG_BYTES:
        return False
    value = orjson.loads(raw)
    return len(value.encode() if type(value) is str else orjson.dumps(value)) > LONG_BYTES
