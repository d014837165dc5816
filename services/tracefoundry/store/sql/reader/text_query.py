"""What a text search looks for: as SQL that leaves out what cannot match, and exactly.

Case is ignored as Python's :mod:`re` ignores it (one character against one character, all of
Unicode). The ``LIKE`` only sees characters that have no case, or ASCII ones, which every database
locale folds; three look-alikes of ASCII letters (the Kelvin sign, the long s and the dotless or
dotted i) are therefore found only beside other text that matches.

Refs are hashes of content: searching them would confirm guesses of short texts. Attributes that may
hold one are therefore searched only for those who may read content.
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Any

import orjson
import sqlalchemy as sa

from tracefoundry.model.attributes import tag_of
from tracefoundry.model.genai.refs import REF_KEYS


class TextQuery:
    """A text to find in span names and string attribute values, and in content if ``content``."""

    def __init__(self, text: str, *, content: bool = False) -> None:
        self.content = content
        self._folded = text.lower() if text.isascii() else None
        self._pattern = re.compile(re.escape(text), re.IGNORECASE)
        self._name_like = _like(text)
        # In JSON text a quote or a line break stands escaped.
        self._json_like = _like(orjson.dumps(text)[1:-1].decode("utf-8"))

    def may_match(self, name: Any, attributes: Any) -> sa.ColumnElement[bool]:
        """SQL that is true for every row that :meth:`matches`, and for some others."""
        return sa.or_(
            name.ilike(self._name_like, escape="!"),
            attributes.ilike(self._json_like, escape="!"),
            attributes.like('%"$text"%'),
        )

    def may_match_preview(self, preview: Any) -> sa.ColumnElement[bool]:
        """SQL that is true for every preview that has the text, and for some others."""
        condition: sa.ColumnElement[bool] = preview.ilike(self._name_like, escape="!")
        return condition

    def matches(self, name: str, attributes_json: str) -> bool:
        """The name, or a string value at any depth, holds the text."""
        if self.found(name):
            return True
        attributes: dict[str, Any] = orjson.loads(attributes_json)
        pending = [
            value for key, value in attributes.items() if self.content or key not in REF_KEYS
        ]
        while pending:
            value = pending.pop()
            if type(value) is str:
                if self.found(value):
                    return True
            elif type(value) is list:
                pending.extend(value)
            elif type(value) is dict:
                tag = tag_of(value)
                if tag == "$text":
                    broken = b64decode(value[tag])
                    if self.found(broken.decode("utf-8", errors="replace")):
                        return True
                elif tag == "$object":
                    pending.extend(value[tag].values())
                elif tag is None:
                    pending.extend(value.values())
        return False

    def found(self, text: str) -> bool:
        """This text holds the one that is looked for."""
        if self._folded is not None and text.isascii():
            return self._folded in text.lower()
        return self._pattern.search(text) is not None


def _like(text: str) -> str:
    """A LIKE pattern (escape ``!``) for the longest run that every locale compares alike."""
    runs = re.split("[\0-\x1f\x7f]", "".join(c if _plain(c) else "\0" for c in text))
    longest = max(runs, key=len)
    escaped = longest.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"


def _plain(character: str) -> bool:
    if character.isascii():
        return True
    return character.lower() == character == character.upper() == character.casefold()
