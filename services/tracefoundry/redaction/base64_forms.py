"""What a text looks like inside base64, as patterns: so that a screen can see through base64.

Text that was base64-encoded starts at one of three alignments, and each alignment fixes some bits
of some characters. Printable ASCII fixes so many that five groups of characters in a row,
:data:`TEXT_FORM`, are rare in anything but base64 of text: not one random id in 100,000 has them.
So whatever hides :data:`TEXT_BYTES` bytes of text in base64, standard or urlsafe, padded or not, is
noticed, whatever the secret. What is shorter needs a *core*: bytes that every such match contains,
from which :func:`base64_forms` makes one pattern an alignment. Decoding every run of letters
instead would cost ten times as much.

Cores start with something specific. Patterns that begin with wide classes keep so many partial
matches alive that RE2's automaton meets a new state at nearly every byte of a random id.
"""

from __future__ import annotations

import re

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_ANY = "[A-Za-z0-9+/_-]"

ByteSet = frozenset[int]

_ITEM = re.compile(
    r"(\\x[0-9a-f]{2}|\\.|\[(?:\\.|[^\]\\])+\]|[^\\\[\]{}|()+*?^$.])(?:\{(\d+)\})?", re.DOTALL
)


def parse_core(core: str) -> list[ByteSet]:
    """The byte sets that a core stands for, one a byte.

    A core is a regular expression without alternatives: characters, ``\\x40``, classes like
    ``[A-Za-z0-9_-]``, each with an optional ``{n}``; ``(?i)`` in front ignores case.

    Raises:
        ValueError: anything else.
    """
    ignore_case = core.startswith("(?i)")
    body = core[4:] if ignore_case else core
    sets: list[ByteSet] = []
    position = 0
    while position < len(body):
        item = _ITEM.match(body, position)
        if item is None:
            raise ValueError(f"core {core!r} cannot be read at {body[position:]!r}")
        flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
        one = re.compile(item[1].encode("latin-1"), flags)
        members = frozenset(byte for byte in range(256) if one.fullmatch(bytes([byte])))
        sets.extend([members] * int(item[2] or 1))
        position = item.end()
    return sets


def base64_forms(core: str) -> list[str]:
    """RE2 patterns of which one occurs in any base64 text that holds the core."""
    sets = parse_core(core)
    return [_form(sets, alignment) for alignment in range(3)]


def _form(sets: list[ByteSet], alignment: int) -> str:
    first = alignment * 8 // 6
    last = ((alignment + len(sets)) * 8 + 5) // 6
    classes = [_sextet_class(sets, alignment, sextet) for sextet in range(first, last)]
    while classes and classes[0] == _ANY:
        classes.pop(0)
    while classes and classes[-1] == _ANY:
        classes.pop()
    return "".join(classes)


def _sextet_class(sets: list[ByteSet], alignment: int, sextet: int) -> str:
    """The characters that may stand for one sextet, told by the bits that its bytes leave open."""
    bits = range(sextet * 6, sextet * 6 + 6)
    possible = set(range(64))
    for byte_index in {bits[0] // 8, bits[5] // 8}:
        if not 0 <= byte_index - alignment < len(sets):
            continue
        shared = [bit for bit in bits if bit // 8 == byte_index]
        allowed = {
            tuple(byte >> (7 - bit % 8) & 1 for bit in shared)
            for byte in sets[byte_index - alignment]
        }
        possible = {
            value
            for value in possible
            if tuple(value >> (5 - (bit - bits[0])) & 1 for bit in shared) in allowed
        }
    characters = {_ALPHABET[value] for value in possible}
    if 62 in possible:
        characters.add(ord("-"))
    if 63 in possible:
        characters.add(ord("_"))
    if len(possible) == 64:
        return _ANY
    return "[" + "".join(f"\\x{character:02x}" for character in sorted(characters)) + "]"


_TEXT_GROUPS = 5
TEXT_BYTES = 3 * _TEXT_GROUPS + 2
"""Printable ASCII of this length always holds five whole groups of three bytes."""


def text_form(groups: int) -> str:
    """Occurs in any base64 of text that holds ``3 * groups + 2`` printable ASCII bytes in a row."""
    # Without the last character, which any byte allows: a run may end before it.
    group = _form(parse_core("[ -~]{3}"), 0)
    return f"(?:{group}{_ANY}){{{groups - 1}}}{group}"


TEXT_FORM = text_form(_TEXT_GROUPS)
