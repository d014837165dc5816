"""Replies of HTTP as they come, kept for replay: status, type and body, never headers.

The body is kept as one text, so that the server's redaction sees a secret that came in two pieces.
"""

from __future__ import annotations

import base64
import zlib
from typing import Any

MAX_BODY_BYTES = 16 << 20
"""Bodies beyond this are not kept, and their calls cannot be replayed by HTTP."""

PLAIN_ENCODINGS = {"accept-encoding": "identity"}
"""Asked of servers while recording: a compressed body could be neither redacted nor read."""


class Exchange:
    """One reply; pieces may still be added while its call is open."""

    def __init__(self) -> None:
        self._status = 0
        self._content_type = ""
        self._encoding = ""
        self._body = bytearray()
        self._too_big = False

    def begin(self, status: int, content_type: str | None, encoding: str | None) -> None:
        """The head of the reply has come."""
        self._status = status
        self._content_type = content_type or ""
        self._encoding = (encoding or "").strip().lower()

    def add(self, piece: bytes | bytearray | memoryview | None) -> None:
        """A piece of the body has come, as it was on the wire."""
        if not piece or self._too_big:
            return
        if len(self._body) + len(piece) > MAX_BODY_BYTES:
            self._too_big = True
            self._body.clear()
            return
        self._body += piece

    def as_json(self) -> dict[str, Any] | None:
        """The reply; None if there was none or its body is not known."""
        if not self._status or self._too_big:
            return None
        body = self._decoded()
        if body is None:
            return None
        kept = {"status": self._status, "content_type": self._content_type}
        try:
            return {**kept, "body": body.decode()}
        except UnicodeDecodeError:
            return {**kept, "body_base64": base64.b64encode(body).decode("ascii")}

    def _decoded(self) -> bytes | None:
        """The body without compression, for servers that compress unasked."""
        if self._encoding in ("", "identity"):
            return bytes(self._body)
        if self._encoding not in ("gzip", "x-gzip", "deflate"):
            return None
        try:
            # 47: the header says whether it is gzip or zlib.
            return zlib.decompressobj(47).decompress(bytes(self._body), MAX_BODY_BYTES)
        except zlib.error:
            return None
