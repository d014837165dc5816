"""What a text search looks for, as SQL that rules out most of what cannot match.

What is left is decided exactly by :class:`tracefoundry.store.text_query.TextQuery`. The ``LIKE``
only sees characters that have no case, or ASCII ones, which every database
locale folds; three look-alikes of ASCII letters (the Kelvin sign, the long s and the dotless or
dotted i) are therefore found only beside other text that matches.
"""

from __future__ import annotations

import re
from typing import Any

import orjson
import sqlalchemy as sa

from tracefoundry.store import text_query


class TextQuery(text_query.TextQuery):
    """A text to find in span names and string attribute values, and in content if ``content``."""

    def __init__(self, text: str, *, content: bool = False) -> None:
        super().__init__(text, content=content)
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
