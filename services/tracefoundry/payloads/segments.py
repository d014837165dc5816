"""Cuts a message list at its messages, so that each message is stored once.

An agent resends its whole history with every call. Cut between the top-level elements of the JSON
array, the earlier messages are the same bytes every time, and only what was appended is new.

What stands between messages (brackets, commas, white space) is kept apart from them: the message
that was first in one list (after ``[``) and later in another (after ``,``) is the same piece.
"""

from __future__ import annotations

import re

import msgspec

MAX_ELEMENTS = 10_000
"""Longer arrays are data, not conversations; they are not cut at their elements."""

MAX_GLUE_BYTES = 128
"""More white space than this between two elements is nothing a serialiser writes."""

# Every element but the last one is followed by a comma, so this bounds what the parser allocates
# for an array of very many tiny elements before their number is known.
_MAX_COMMAS = 262_144

_FIRST_GLUE = re.compile(rb"[ \t\r\n]*\[[ \t\r\n]*")
_NEXT_GLUE = re.compile(rb"[ \t\r\n]*,[ \t\r\n]*")
_DECODER = msgspec.json.Decoder(list[msgspec.Raw])


def split(value: bytes) -> list[bytes] | None:
    """The pieces of a JSON array, which concatenate to exactly ``value``.

    Pieces alternate: what stands before an element, the element, ..., what stands after the last
    one; so elements have odd indices. A list that grew by appending keeps all pieces but the last.

    Returns:
        None for what is no JSON array of 2 to MAX_ELEMENTS elements.
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
    glue = _FIRST_GLUE
    position = 0
    for element in elements:
        # The parser has accepted the value, so glue stands here and the element after it.
        match = glue.match(value, position)
        start = position if match is None else match.end()
        end = start + len(bytes(element))
        pieces += (value[position:start], value[start:end])
        position = end
        glue = _NEXT_GLUE
    pieces.append(value[position:])
    if any(len(between) > MAX_GLUE_BYTES for between in pieces[::2]):
        return None
    return pieces
