"""HTTP over a plain socket, for requests that no client library would send."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

ANSWER_TIMEOUT_S = 120.0


class RawConnection:
    """One connection to a server, byte by byte."""

    def __init__(self, opened: socket.socket) -> None:
        self.socket = opened
        self._received = b""

    def send(self, *pieces: bytes) -> None:
        """Send pieces, each in a packet of its own where the system allows it."""
        for piece in pieces:
            self.socket.sendall(piece)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the next answer, which must have a Content-Length."""
        while b"\r\n\r\n" not in self._received:
            self._receive()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(re.split(r":\s*", line, maxsplit=1) for line in lines[1:])
        headers = {name.lower(): value for name, value in headers.items()}
        length = int(headers.get("content-length", "0"))
        while len(self._received) < length:
            self._receive()
        body, self._received = self._received[:length], self._received[length:]
        return int(lines[0].split()[1]), headers, body

    def status(self) -> int:
        """Status of the next answer."""
        return self.answer()[0]

    def rest(self) -> bytes:
        """All until the server closes."""
        with contextlib.suppress(ConnectionResetError):
            while piece := self.socket.recv(65_536):
                self._received += piece
        rest, self._received = self._received, b""
        return rest

    def _receive(self) -> None:
        piece = self.socket.recv(65_536)
        if not piece:
            raise ConnectionError(f"closed after {self._received[:200]!r}")
        self._received += piece


@contextlib.contextmanager
def connected(base: str) -> Iterator[RawConnection]:
    """A connection to the server at a URL or HOST:PORT."""
    parts = urlsplit(base if "//" in base else f"//{base}")
    assert parts.hostname is not None
    assert parts.port is not None
    with socket.create_connection((parts.hostname, parts.port), timeout=ANSWER_TIMEOUT_S) as opened:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield RawConnection(opened)


def head(
    *lines: str,
    line: str = "POST /v1/traces HTTP/1.1",
    content_type: str | None = "application/x-protobuf",
) -> bytes:
    """The head of a request to a server on loopback."""
    rows = [line, "Host: localhost", *lines]
    if content_type is not None:
        rows.append(f"Content-Type: {content_type}")
    return "\r\n".join([*rows, "", ""]).encode("latin-1")
