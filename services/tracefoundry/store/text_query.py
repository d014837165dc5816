"""What a text search looks for, decided exactly: a text in names and string attribute values.

Case is ignored as Python's :mod:`re` ignores it (one character against one character, all of
Unicode). Refs are hashes of content: searching them would confirm guesses of short texts.
Attributes that may hold one are therefore searched only for those who may read content.
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Any

import orjson

from tracefoundry.model.attributes import tag_of
from tracefoundry.model.genai.refs import REF_KEYS


class TextQuery:
    """A text to find in span names and string attribute values, and in content if ``content``."""

    def __init__(self, text: str, *, content: bool = False) -> None:
        self.content = content
        self._folded = text.lower() if text.isascii() else None
        self._pattern = re.compile(re.escape(text), re.IGNORECASE)

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
