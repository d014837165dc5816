"""Decoded views: the same bytes as decoding one escape after the other, and the way back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracefoundry.redaction.decoded_views import View, percent_decoded, unescaped

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}"
    rb"|x[0-9a-fA-F]{2}|[\"'\\/bfnrt])"
)
_PERCENT = re.compile(rb"%[0-9a-fA-F]{2}")
_SIMPLE = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}

_PIECES = [
    b"\\", b"\\\\", b"\\/", b'\\"', b"\\n", b"\\u", b"0041", b"\\u0041", b"\\u00e9", b"\\ud83d",
    b"\\ude00", b"\\ud83d\\ude00", b"\\x4", b"\\x41", b"\\xe9", b"\\a", b"\\1", b"\\N", b"\\\n",
    b"1", b"a", b"_", b" ", b"\t", b"\n", b"\r", b"\xc3\xa9", b"\xe6\x9d\xb1", b"\xff", b"\0",
    b"%", b"%%", b"%4", b"%41", b"%25", b"%3d", b"%E9", b"=", b"=41", b"=\n", b"=\r\n", b"--",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(_PIECES), max_size=14).map(b"".join) | st.binary(max_size=20)


def _character(escape: bytes) -> bytes:
    if escape[:1] == b"%":
        return bytes([int(escape[1:], 16)])
    if escape[1:2] == b"x":
        return bytes([int(escape[2:], 16)])
    if escape[1:2] != b"u":
        return _SIMPLE.get(escape[1:], escape[1:])
    units = bytes.fromhex(escape.replace(b"\\u", b"").decode())
    return units.decode("utf-16-be", "surrogatepass").encode("utf-8", "surrogatepass")


def _by_hand(escapes: re.Pattern[bytes], text: bytes) -> tuple[bytes, list[tuple[int, int]]]:
    """The decoded text, and for each byte of it the range of the original it came from."""
    pieces: list[bytes] = []
    origins: list[tuple[int, int]] = []
    position = 0
    for found in [*escapes.finditer(text), None]:
        start, end = (len(text), len(text)) if found is None else found.span()
        pieces.append(text[position:start])
        origins.extend((at, at + 1) for at in range(position, start))
        character = b"" if found is None else _character(found[0])
        pieces.append(character)
        origins.extend([(start, end)] * len(character))
        position = end
    return b"".join(pieces), origins


def _agrees(view: View | None, escapes: re.Pattern[bytes], text: bytes) -> None:
    expected, origins = _by_hand(escapes, text)
    assert expected == (text if view is None else view.text)
    if view is None:
        return
    for start in range(len(origins)):
        for end in range(start + 1, len(origins) + 1):
            assert (origins[start][0], origins[end - 1][1]) == view.origin(start, end)


@settings(max_examples=1_000, deadline=None)
@given(TEXTS)
def test_escapes_are_decoded_as_one_by_one(text: bytes) -> None:
    """Also where the interpreter's codec has other ideas: octal digits, broken escapes, pairs."""
    _agrees(unescaped(text), _ESCAPE, text)


@settings(max_examples=1_000, deadline=None)
@given(TEXTS)
def test_percent_encoding_is_decoded_as_one_by_one(text: bytes) -> None:
    """Also where quoted-printable has other ideas: stray signs, soft line breaks."""
    _agrees(percent_decoded(text), _PERCENT, text)


@pytest.mark.parametrize("text", [b"", b"plain", b"50 % of", b"C:\\dir", b"\\"])
def test_a_text_without_escapes_has_no_view(text: bytes) -> None:
    """There is nothing to look at a second time."""
    assert (None, None) == (unescaped(text), percent_decoded(text))
