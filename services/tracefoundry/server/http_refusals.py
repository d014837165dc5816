"""Answers that are written before, or instead of, the application's: refusals as plain text."""

from __future__ import annotations

from typing import Any

RETRY_AFTER_S = 1
"""``Retry-After`` of a 503."""
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
TLS_HANDSHAKE = b"\x16\x03"
"""First bytes of connections that speak another protocol."""

_PHRASES = {
    400: "Bad Request",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    501: "Not Implemented",
    503: "Service Unavailable",
}


def refusal(status: int, message: str) -> bytes:
    """A whole answer, after which the connection ends."""
    text = message.encode("ascii", "replace") + b"\n"
    retry = b"retry-after: %d\r\n" % RETRY_AFTER_S if status == 503 else b""
    return b"HTTP/1.1 %d %s\r\n%scontent-length: %d\r\nconnection: close\r\n%s\r\n%s" % (
        status,
        _PHRASES[status].encode("ascii"),
        b"content-type: text/plain; charset=utf-8\r\n",
        len(text),
        retry,
        text,
    )


async def refuse_all_but_health(_scope: Any, _receive: Any, send: Any) -> None:
    """The application of connections in the reserve, for all paths but those of health."""
    text = b"too many connections; try again\n"
    await send(
        {
            "type": "http.response.start",
            "status": 503,
            "headers": [
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", b"%d" % len(text)),
                (b"retry-after", b"%d" % RETRY_AFTER_S),
                (b"connection", b"close"),
            ],
        }
    )
    await send({"type": "http.response.body", "body": text})
