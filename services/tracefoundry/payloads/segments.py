"""Splits a message list at its messages, so that each message is stored once.

An agent sends its whole history again with every call. If the JSON array is split at its top-level
elements, the earlier messages have the same bytes every time, and only appended ones are new.

Separators (brackets, commas, white space) are pieces of their own. So a message is the same piece
whether it is the first of a list (after ``[``) or a later one (after ``,``).
"""

from __future__ import annotations

import re

import msgspec

MAX_ELEMENTS = 10_000
"""Longer arrays are data, not conversations; they are not split at their elements."""

MAX_SEPARATOR_BYTES = 128
"""Longest separator; no serialiser writes more white space between two elements."""

# Every element but the last is followed by a comma. So this limits what the parser allocates for an
# array of very many tiny elements, before their number is known.
_MAX_COMMAS = 262_144

_FIRST_SEPARATOR = re.compile(rb"[ \t\r\n]*\[[ \t\r\n]*")
_NEXT_SEPARATOR = re.compile(rb"[ \t\r\n]*,[ \t\r\n]*")
_DECODER = msgspec.json.Decoder(list[msgspec.Raw])


def split(value: bytes) -> list[bytes] | None:
    """The pieces of a JSON array, which concatenate to exactly ``value``.

    Separators and elements alternate, and a separator comes first and last; so elements have odd
    indices. A list that grew by appending keeps all pieces but the last.

    Returns:
        None for a value that is not a JSON array of 2 to MAX_ELEMENTS elements.
    """
    if not value.lstrip(b" \t\r\n").startswith(b"[") or value.count(b",") > _MAX_COMMAS:
        return None
    try:
        elements = _DECODER.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not 2 <= len(elements) <= MAX_ELEMENTS:
        return None
    pieces: list[bytes] = []
    separator = _FIRST_SEPARATOR
    position = 0
    for element in elements:
        # The parser has accepted the value, so here is a separator, and then the element.
        match = separator.match(value, position)
        start = position if match is None else match.end()
        end = start + len(bytes(element))
        pieces += (value[position:start], value[start:end])
        position = end
        separator = _NEXT_SEPARATOR
    pieces.append(value[position:])
    if any(len(between) > MAX_SEPARATOR_BYTES for between in pieces[::2]):
        return None
    return pieces
