"""Decoded views of a text that remember where each part came from.

A secret behind escapes is found in the decoded view, but it is taken out of the original: the
view maps its range back, and whole escapes go with it. So everything around stays byte for byte as
it was, JSON text stays JSON text, and nothing needs to be parsed or re-encoded but base64.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tracefoundry.redaction.quick_decoding import quickly_percent_decoded, quickly_unescaped

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

_RUN = re.compile(
    rb"[A-Za-z0-9+/_-]{60,}=?(?:\r?\n[A-Za-z0-9+/_-]{4,}={0,2})+|[A-Za-z0-9+/_-]{6,}={0,2}"
)
"""Base64 in longer text: lines of 60 or more characters belong together, else one run."""


class View:
    """A text after one step of decoding.

    Attributes:
        text: the decoded text.
    """

    __slots__ = ("_afters", "_begins", "_ends", "_escapes", "_places", "_shrunk", "kind", "text")

    def __init__(
        self,
        kind: Literal["escape", "percent"],
        original: bytes,
        text: bytes,
        escapes: re.Pattern[bytes],
    ) -> None:
        self.kind = kind
        self.text = text
        self._escapes = escapes.finditer(original)
        self._shrunk = 0
        # Parallel, one entry an escape: where it begins and ends in the original, where what it
        # stands for begins and ends in the text.
        self._begins: list[int] = []
        self._ends: list[int] = []
        self._places: list[int] = []
        self._afters: list[int] = []

    def _measure_to(self, position: int) -> None:
        """Learn where escapes are, up to the first that is decoded to behind the position."""
        if self._places and self._places[-1] > position:
            return
        for found in self._escapes:
            begin, end = found.span()
            width = end - begin
            length = 1 if width < _UNICODE else len(_unescape(found[0]))
            place = begin - self._shrunk
            self._begins.append(begin)
            self._ends.append(end)
            self._places.append(place)
            self._afters.append(place + length)
            self._shrunk += width - length
            if place > position:
                return

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The range of the original that decoded to ``text[start:end]``, escapes whole."""
        self._measure_to(end)
        index = bisect_right(self._places, start) - 1
        begin = self._begins[index] if self._inside(index, start) else self._plain(index, start)
        if end == start:
            return begin, begin
        index = bisect_right(self._places, end - 1) - 1
        if self._inside(index, end - 1):
            return begin, self._ends[index]
        return begin, self._plain(index, end)

    def _inside(self, index: int, position: int) -> bool:
        return index >= 0 and position < self._afters[index]

    def _plain(self, index: int, position: int) -> int:
        if index < 0:
            return position
        return self._ends[index] + position - self._afters[index]

    def encoded(self, replacement: bytes) -> bytes:
        """A replacement as this kind of encoding writes it."""
        if self.kind == "escape":
            return replacement.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        return re.sub(rb'[%+&=#" ]', lambda found: b"%%%02X" % found[0][0], replacement)


_UNICODE = 6
"""Length of ``\\u0041``, the shortest escape that may stand for more than one byte."""


def unescaped(text: bytes) -> View | None:
    """The text with JSON's (and Python's) escapes decoded; None when it has none."""
    decoded = quickly_unescaped(text)
    if decoded is None:
        decoded = _ESCAPE.sub(lambda escape: _unescape(escape[0]), text)
    return None if decoded == text else View("escape", text, decoded, _ESCAPE)


def percent_decoded(text: bytes) -> View | None:
    """The text with percent-encoding decoded; None when it has none."""
    decoded = quickly_percent_decoded(text)
    return None if decoded == text else View("percent", text, decoded, _PERCENT)


def _unescape(escape: bytes) -> bytes:
    code = escape[1]
    if code == 0x75:
        value = int(escape[2:6], 16)
        if len(escape) == 12:
            value = 0x10000 + ((value - 0xD800) << 10) + int(escape[8:12], 16) - 0xDC00
        return chr(value).encode("utf-8", "surrogatepass")
    if code == 0x78:
        return bytes([int(escape[2:], 16)])
    return _SIMPLE.get(code, escape[1:])


@dataclass(slots=True)
class Base64Run:
    """A run of base64 characters, decoded at one alignment."""

    start: int
    end: int
    decoded: bytes
    _head: bytes
    _tail: bytes
    _urlsafe: bool
    _padded: bool

    def encoded(self, decoded: bytes) -> bytes:
        """The run with other content, in the same alphabet, padded as it was."""
        coded = b64encode(decoded)
        if self._urlsafe:
            coded = coded.translate(_TO_URLSAFE)
        if not self._padded:
            coded = coded.rstrip(b"=")
        return self._head + coded + self._tail


_FROM_URLSAFE = bytes.maketrans(b"-_", b"+/")
_TO_URLSAFE = bytes.maketrans(b"+/", b"-_")


def base64_runs(text: bytes) -> Iterator[tuple[int, int]]:
    """Ranges of the text that may be base64, line breaks inside included."""
    for found in _RUN.finditer(text):
        yield found.span()


def decoded_run(text: bytes, start: int, end: int, alignment: int) -> Base64Run | None:
    """The run without its first ``alignment`` characters, decoded; None where that is nothing.

    A run in longer text may begin with letters that are no part of the base64, so all four
    alignments are looked at.
    """
    run = text[start:end]
    head, body = run[:alignment], run[alignment:]
    letters = body.translate(_FROM_URLSAFE, b"=\r\n")
    # One character over is no base64; it belongs to what follows.
    tail = b""
    if len(letters) % 4 == 1:
        letters, tail = letters[:-1], body.rstrip(b"=")[-1:]
    if not letters:
        return None
    try:
        decoded = b64decode(letters + b"=" * (-len(letters) % 4), validate=True)
    except Base64Error:
        return None
    urlsafe = b"-" in body or b"_" in body
    # Whole groups need no padding; other content in their place would, to be read everywhere.
    padded = body.endswith(b"=") or (len(letters) % 4 == 0 and not urlsafe)
    return Base64Run(start, end, decoded, head, tail, urlsafe, padded and not tail)
