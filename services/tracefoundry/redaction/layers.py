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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

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


@dataclass(slots=True)
class View:
    """A text after one step of decoding.

    ``starts`` and ``origins`` are parallel: the decoded byte at ``starts[i]``, and those after it
    up to the next entry, came from ``origins[i]`` on. An escape is an entry of its own.
    """

    kind: Literal["escape", "percent"]
    text: bytes
    starts: list[int]
    origins: list[int]
    widths: list[int]
    """Bytes of the original that an entry's escape takes; 0 for an entry of plain text."""

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The range of the original that decoded to ``text[start:end]``, escapes whole."""
        return self._begin(start), self._finish(end)

    def _begin(self, position: int) -> int:
        index = bisect_right(self.starts, position) - 1
        if self.widths[index]:
            return self.origins[index]
        return self.origins[index] + position - self.starts[index]

    def _finish(self, position: int) -> int:
        if position == 0:
            return self.origins[0]
        index = bisect_right(self.starts, position - 1) - 1
        if self.widths[index]:
            return self.origins[index] + self.widths[index]
        return self.origins[index] + position - self.starts[index]

    def encoded(self, replacement: bytes) -> bytes:
        """A replacement as this kind of encoding writes it."""
        if self.kind == "escape":
            return replacement.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        return re.sub(rb'[%+&=#" ]', lambda found: b"%%%02X" % found[0][0], replacement)


def unescaped(text: bytes) -> View | None:
    """The text with JSON's (and Python's) escapes decoded; None when it has none."""
    return _decoded("escape", text, _ESCAPE, _unescape)


def percent_decoded(text: bytes) -> View | None:
    """The text with percent-encoding decoded; None when it has none."""
    return _decoded("percent", text, _PERCENT, lambda escape: bytes([int(escape[1:], 16)]))


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


def _decoded(
    kind: Literal["escape", "percent"],
    text: bytes,
    escapes: re.Pattern[bytes],
    decode: Callable[[bytes], bytes],
) -> View | None:
    pieces: list[bytes] = []
    starts: list[int] = []
    origins: list[int] = []
    widths: list[int] = []
    length = position = 0
    for found in escapes.finditer(text):
        start, end = found.span()
        if start > position:
            starts.append(length)
            origins.append(position)
            widths.append(0)
            pieces.append(text[position:start])
            length += start - position
        decoded = decode(found[0])
        starts.append(length)
        origins.append(start)
        widths.append(end - start)
        pieces.append(decoded)
        length += len(decoded)
        position = end
    if not pieces:
        return None
    starts.append(length)
    origins.append(position)
    widths.append(0)
    pieces.append(text[position:])
    return View(kind, b"".join(pieces), starts, origins, widths)


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
    return Base64Run(start, end, decoded, head, tail, urlsafe, body.endswith(b"=") and not tail)
