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
import orjson

Fragment = orjson.Fragment

_MAP = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MAPS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


class Withholding:
    """Takes pointers at content out of the JSON of one span or log. ``withheld`` is true once any
    was taken."""

    def __init__(self, pointers: Collection[tuple[str, str]]) -> None:
        """``pointers`` are (place, key) of attributes that point at content."""
        self._pointers = pointers
        self.withheld = False

    @property
    def needed(self) -> bool:
        """Whether there can be anything to take out."""
        return bool(self._pointers)

    def attributes(self, text: str, place: str) -> Fragment:
        """An attribute map without pointers."""
        kept = self._kept(_MAP.decode(text), place)
        return Fragment(text) if kept is None else Fragment(orjson.dumps(kept))

    def members(self, text: str | None, places: str) -> Fragment:
        """A list of events or links, each without pointers in its attributes."""
        if text is None:
            return Fragment(b"[]")
        changed = False
        members: list[dict[str, Any]] = []
        for index, member in enumerate(_MAPS.decode(text)):
            shown: dict[str, Any] = {key: Fragment(bytes(raw)) for key, raw in member.items()}
            attributes = member.get("attributes")
            if attributes is not None:
                kept = self._kept(_MAP.decode(attributes), f"{places}/{index}")
                if kept is not None:
                    shown["attributes"] = kept
                    changed = True
            members.append(shown)
        return Fragment(orjson.dumps(members)) if changed else Fragment(text)

    def _kept(self, attributes: dict[str, msgspec.Raw], place: str) -> dict[str, Fragment] | None:
        """What stays; None where everything does."""
        kept = {
            key: Fragment(bytes(raw))
            for key, raw in attributes.items()
            if (place, key) not in self._pointers
        }
        if len(kept) == len(attributes):
            return None
        self.withheld = True
        return kept
