"""A stored JSON list or object in slices, without ever holding the whole text.

The attributes, events or links of one span can be tens of megabytes. Answers show them in slices of
at most :data:`SLICE_CHARACTERS`, which the database cuts out of its text. The functions here turn
such a piece of text into JSON again: whole members, and the place at which the next slice begins.

A place is a position in the text, in characters. It stays good because a stored span never changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson

SLICE_CHARACTERS: Final = 4 * 1024 * 1024
"""Longest piece of one JSON column in an answer."""
SKIP_CHARACTERS: Final = 2 * SLICE_CHARACTERS
"""Longest piece that is read at once only to be skipped."""

ReadPiece = Callable[[int, int], str]
"""Reads a text: (place, number of characters) to these characters, fewer at its end."""

_STRING_BODY: Final = r'[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|(?P<open>\\?)\Z)'
"""The rest of a string behind its opening quote. ``open`` matches where the piece ends inside the
string; it is a backslash if that belongs to the next piece's first character."""
_TOKEN: Final = re.compile(rf'"{_STRING_BODY}|[\[\]{{}},]', re.DOTALL)
_REST_OF_STRING: Final = re.compile(_STRING_BODY, re.DOTALL)
_CLOSING: Final = {"[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class JsonSlice:
    """Some members of a list or object.

    Attributes:
        text: a list or object of its own.
        following: the place where the next slice begins; None behind the last member.
        left_out: a member is too large for any slice. Of an object in a list the first fields are
            shown, with ``cut``; anything else is not shown.
    """

    text: str
    following: int | None
    left_out: bool = False


class MisplacedSlice(ValueError):
    """No member begins at this place."""


def first_slice(text: str, read: ReadPiece, *, limit: int = SLICE_CHARACTERS) -> JsonSlice:
    """The first slice of a text, of which the first ``limit`` characters are given."""
    return _slice_of(text[1:], 1, text[0], read, limit - 1)


def read_slice(
    read: ReadPiece, place: int, opening: str, *, limit: int = SLICE_CHARACTERS
) -> JsonSlice:
    """The slice that begins at a place, which an earlier slice named (``following``).

    ``opening`` is the bracket with which the whole text begins.

    Raises:
        MisplacedSlice: there is no comma before the place. A comma inside a string passes:
            :func:`check_place` looks at everything before it.
    """
    if place != 1 and read(place - 1, 1) != ",":
        raise MisplacedSlice(f"no member begins at {place}")
    return _slice_of(read(place, limit), place, opening, read, limit)


def check_place(read: ReadPiece, place: int) -> None:
    """Make sure that a member begins at a place that somebody else named.

    Raises:
        MisplacedSlice: it does not.
    """
    at = 1
    scan = _Scan()
    while at < place:
        piece = read(at, min(SKIP_CHARACTERS, place - at))
        end = scan.last_comma(piece)
        if not piece or scan.ended:
            break
        at += len(piece)
        if at == place and end == len(piece) - 1:
            return
    if at != place or place != 1:
        raise MisplacedSlice(f"no member begins at {place}")


def _slice_of(piece: str, place: int, opening: str, read: ReadPiece, limit: int) -> JsonSlice:
    closing = _CLOSING[opening]
    scan = _Scan()
    end = scan.last_comma(piece)
    if scan.ended:
        return JsonSlice(opening + piece[: scan.position] + closing, None)
    if end is not None:
        return JsonSlice(opening + piece[:end] + closing, place + end + 1)
    shown = _beginning(piece[: limit // 2]) if opening == "[" else ""
    return JsonSlice(opening + shown + closing, _behind_member(read, place), left_out=True)


def _behind_member(read: ReadPiece, place: int) -> int | None:
    """Where the member after the one at a place begins; None if there is none."""
    scan = _Scan()
    while piece := read(place, SKIP_CHARACTERS):
        end = scan.first_comma(piece)
        if scan.ended:
            return None
        if end is not None:
            return place + end + 1
        place += len(piece)
    return None


class _Scan:
    """Follows a text that comes in pieces, from the beginning of a member on.

    Attributes:
        ended: whether the bracket that closes the whole text has been read; ``position`` is then
            its position in the last piece.
    """

    def __init__(self) -> None:
        self.ended = False
        self.position = 0
        self._depth = 1
        self._in_string = False
        self._escaped = False

    def last_comma(self, piece: str) -> int | None:
        """Position of the last comma between members; None where there is none."""
        return self._comma(piece, first=False)

    def first_comma(self, piece: str) -> int | None:
        """Position of the first comma between members; nothing behind it is looked at."""
        return self._comma(piece, first=True)

    def _comma(self, piece: str, *, first: bool) -> int | None:
        found = None
        for token in _TOKEN.finditer(piece, self._behind_string(piece)):
            sign = piece[token.start()]
            if sign == '"':
                self._string_ends(token)
            elif sign == ",":
                if self._depth == 1:
                    found = token.start()
                    if first:
                        break
            elif sign in "[{":
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth == 0:
                    self.ended = True
                    self.position = token.start()
                    break
        return found

    def _behind_string(self, piece: str) -> int:
        """Where the string ends in which the piece before ended."""
        if not (self._in_string and piece):
            return 0
        rest = _REST_OF_STRING.match(piece, 1 if self._escaped else 0)
        if rest is None:  # not a JSON string: it holds a backslash at its very end
            return len(piece)
        self._string_ends(rest)
        return rest.end()

    def _string_ends(self, found: re.Match[str]) -> None:
        """Note whether a string goes on in the next piece."""
        self._in_string = found["open"] is not None
        self._escaped = bool(found["open"])


def _beginning(piece: str) -> str:
    """The first fields of an object that is cut off, as an object with ``cut``; nothing if there
    are none."""
    stack: list[str] = []
    safe: tuple[int, str] | None = None
    for token in _TOKEN.finditer(piece):
        sign = piece[token.start()]
        if sign in "[{":
            stack.append(_CLOSING[sign])
            safe = (token.end(), "".join(reversed(stack)))
        elif sign in "]}" and stack:
            stack.pop()
        elif sign == ",":
            safe = (token.start(), "".join(reversed(stack)))
    if safe is None or not safe[1].endswith("}"):
        return ""
    member: dict[str, Any] = orjson.loads(piece[: safe[0]] + safe[1])
    return orjson.dumps({**member, "cut": True}).decode()
