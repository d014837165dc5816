"""What rows still hold of content, taken out for those who may not read content.

Content leaves the rows before they are stored. What stays are the attributes by which a sender
points at content that it stored itself: their values are often refs, which are hashes and would
confirm guesses of short texts. Values that stay are passed through as they are stored, digit by
digit.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from tracefoundry.schemas.fields import JsonObject, raw_list, raw_object

_MAP = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MAPS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


class Withholding:
    """Takes pointers at content out of the JSON of one span or log. ``withheld`` is true once any
    was taken."""

    def __init__(self, pointers: Collection[tuple[str, str]]) -> None:
        """``pointers`` are (place, key) of attributes that point at content."""
        self._pointers = pointers
        self.withheld = False

    def attributes(self, text: str, place: str) -> JsonObject:
        """An attribute map without pointers."""
        kept = self._kept(_MAP.decode(text), place) if self._pointers else None
        return raw_object(text) if kept is None else kept

    def members(self, text: str | None, places: str, first: int = 0) -> list[Any]:
        """A list of events or links, each without pointers in its attributes; ``first`` is the
        number of its first member."""
        if text is None or not self._pointers:
            return raw_list(text)
        changed = False
        members: list[JsonObject] = []
        for index, member in enumerate(_MAPS.decode(text), first):
            shown: JsonObject = dict(member)
            attributes = member.get("attributes")
            if attributes is not None:
                kept = self._kept(_MAP.decode(attributes), f"{places}/{index}")
                if kept is not None:
                    shown["attributes"] = kept
                    changed = True
            members.append(shown)
        return members if changed else raw_list(text)

    def _kept(self, attributes: dict[str, msgspec.Raw], place: str) -> JsonObject | None:
        """What stays; None where everything does."""
        kept: JsonObject = {
            key: raw for key, raw in attributes.items() if (place, key) not in self._pointers
        }
        if len(kept) == len(attributes):
            return None
        self.withheld = True
        return kept
