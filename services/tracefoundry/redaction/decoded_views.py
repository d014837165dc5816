"""Decoded views of a text that know where each part came from: escapes, percent-encoding and HTML.

A secret behind escapes is found in the decoded view, but it is taken out of the original: the view
maps its range back, and whole escapes go with it. So everything around stays byte for byte as it
was, and JSON text stays JSON text.

Decoding is done by the interpreter's own codecs, fifty times as fast as going from escape to
escape. They do not say where each byte came from, so that is worked out only when it is asked for:
most encoded text hides nothing.
"""

from __future__ import annotations

import re
from binascii import a2b_qp
from bisect import bisect_right
from html import escape
from typing import Literal

from tracefoundry.redaction.re2_patterns import Pattern, compiled

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}"
    rb"|x[0-9a-fA-F]{2}|[\"'\\/bfnrt])"
)
_SIMPLE = {
    ord("n"): b"\n",
    ord("r"): b"\r",
    ord("t"): b"\t",
    ord("b"): b"\b",
    ord("f"): b"\f",
}
_PERCENT = re.compile(rb"%[0-9a-fA-F]{2}")

_REFERENCE = re.compile(
    rb"&(?:quot|apos|amp|lt|gt|#0*(?:9|1[03]|[3-9]\d|1[01]\d|12[0-6])"
    rb"|#[xX]0*(?:[9aAdD]|[2-7][0-9a-fA-F]));"
)
"""A reference of HTML or XML to a character of ASCII."""
_NAMED_CHARACTERS = {b"quot": b'"', b"apos": b"'", b"amp": b"&", b"lt": b"<", b"gt": b">"}

_UNICODE_ESCAPE_BYTES = 6
"""Length of ``\\u0041``, the shortest escape that may stand for more than one byte."""


class View:
    """A text after one step of decoding.

    Attributes:
        text: the decoded text.
    """

    __slots__ = (
        "_decoded_begins", "_decoded_ends", "_escape_begins", "_escape_ends", "_escapes",
        "_saved_bytes", "kind", "text",
    )  # fmt: skip

    def __init__(
        self,
        kind: Literal["escape", "percent", "reference"],
        original: bytes,
        text: bytes,
        escapes: re.Pattern[bytes],
    ) -> None:
        self.kind = kind
        self.text = text
        self._escapes = escapes.finditer(original)
        self._saved_bytes = 0
        # Parallel, one entry an escape: where it begins and ends in the original, where what it
        # stands for begins and ends in the text.
        self._escape_begins: list[int] = []
        self._escape_ends: list[int] = []
        self._decoded_begins: list[int] = []
        self._decoded_ends: list[int] = []

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The range of the original that decoded to ``text[start:end]``, escapes whole."""
        self._locate_escapes_to(end)
        index = bisect_right(self._decoded_begins, start) - 1
        inside = self._is_inside(index, start)
        begin = self._escape_begins[index] if inside else self._behind(index, start)
        if end == start:
            return begin, begin
        index = bisect_right(self._decoded_begins, end - 1) - 1
        if self._is_inside(index, end - 1):
            return begin, self._escape_ends[index]
        return begin, self._behind(index, end)

    def encoded(self, replacement: bytes) -> bytes:
        """A replacement as this kind of encoding writes it."""
        if self.kind == "escape":
            return replacement.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        if self.kind == "reference":
            return escape(replacement.decode("utf-8")).encode("utf-8")
        return re.sub(rb'[%+&=#" ]', lambda sign: b"%%%02X" % sign[0][0], replacement)

    def _locate_escapes_to(self, position: int) -> None:
        """Locate the escapes up to the first that is decoded to behind the position."""
        if self._decoded_begins and self._decoded_begins[-1] > position:
            return
        for coded in self._escapes:
            begin, end = coded.span()
            width = end - begin
            short = width < _UNICODE_ESCAPE_BYTES or self.kind == "reference"
            length = 1 if short else len(_unescape(coded[0]))
            decoded_begin = begin - self._saved_bytes
            self._escape_begins.append(begin)
            self._escape_ends.append(end)
            self._decoded_begins.append(decoded_begin)
            self._decoded_ends.append(decoded_begin + length)
            self._saved_bytes += width - length
            if decoded_begin > position:
                return

    def _is_inside(self, index: int, position: int) -> bool:
        """Whether the position lies in what the escape of this number stands for."""
        return index >= 0 and position < self._decoded_ends[index]

    def _behind(self, index: int, position: int) -> int:
        """Where a position of the text, behind the escape of this number, is in the original."""
        if index < 0:
            return position
        return self._escape_ends[index] + position - self._decoded_ends[index]


def unescaped(text: bytes) -> View | None:
    """The text with JSON's (and Python's) escapes decoded; None when it has none."""
    decoded = _unescaped_by_codec(text)
    if decoded is None:
        decoded = _ESCAPE.sub(lambda escape: _unescape(escape[0]), text)
    return None if decoded == text else View("escape", text, decoded, _ESCAPE)


def percent_decoded(text: bytes) -> View | None:
    """The text with percent-encoding decoded; None when it has none."""
    decoded = _percent_decoded_by_codec(text)
    return None if decoded == text else View("percent", text, decoded, _PERCENT)


def references_decoded(text: bytes) -> View | None:
    """The text with references to characters of ASCII decoded; None when it has none."""
    decoded = _REFERENCE.sub(lambda reference: _referred(reference[0][1:-1]), text)
    return None if decoded == text else View("reference", text, decoded, _REFERENCE)


def _referred(name: bytes) -> bytes:
    if name[:1] != b"#":
        return _NAMED_CHARACTERS[name]
    return bytes([int(name[2:], 16) if name[1:2] in b"xX" else int(name[1:])])


def _unescape(escape: bytes) -> bytes:
    code = escape[1]
    if code == ord("u"):
        value = int(escape[2:6], 16)
        if len(escape) == 12:
            value = 0x10000 + ((value - 0xD800) << 10) + int(escape[8:12], 16) - 0xDC00
        return chr(value).encode("utf-8", "surrogatepass")
    if code == ord("x"):
        return bytes([int(escape[2:], 16)])
    return _SIMPLE.get(code, escape[1:])


_H = "[0-9A-Fa-f]"
_N = "[^0-9A-Fa-f]"

_UNUSUAL: Pattern = compiled(
    f"\\\\(?:[^nrtbfux\"']|\\z|u(?:{_N}|\\z|{_H}(?:{_N}|\\z|{_H}(?:{_N}|\\z|{_H}(?:{_N}|\\z))))"
    f"|x(?:[89A-Fa-f]|{_N}|\\z|[0-7](?:{_N}|\\z)))"
)
"""Backslashes that Python's codec takes for something else than JSON does, or for an error."""

_STRAY: Pattern = compiled(f"%(?:{_N}|\\z|{_H}(?:{_N}|\\z))")
_STRAYS = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_TO_QUOTED_PRINTABLE = bytes.maketrans(b"%", b"=")


def _unescaped_by_codec(text: bytes) -> bytes | None:
    """The text without escapes; None where the codec may be wrong."""
    # An escaped backslash must not meet what follows it, nor a slash be no escape to the codec.
    plainer = text.replace(b"\\\\", b"\\u005c").replace(b"\\/", b"/")
    if _UNUSUAL.search(plainer) is not None:
        return None
    try:
        if not plainer.isascii():
            plainer = plainer.decode("utf-8").encode("ascii", "backslashreplace")
        decoded = plainer.decode("unicode_escape")
    except UnicodeDecodeError:
        return None
    try:
        return decoded.encode("utf-8")
    except UnicodeEncodeError:
        # Two escapes of one pair make one character.
        paired = decoded.encode("utf-16-le", "surrogatepass")
        return paired.decode("utf-16-le", "surrogatepass").encode("utf-8", "surrogatepass")


def _percent_decoded_by_codec(text: bytes) -> bytes:
    # Quoted-printable is percent-encoding with another sign; it misreads stray percent signs.
    if _STRAY.search(text) is not None:
        text = _STRAYS.sub(b"%25", text)
    return a2b_qp(text.replace(b"=", b"%3D").translate(_TO_QUOTED_PRINTABLE))
