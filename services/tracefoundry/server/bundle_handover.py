"""A bundle goes from one pod of a re-run to the other, over one TCP connection.

The pod of the agent has no egress and no credentials, so it cannot fetch the bundle: it listens,
and the pod that has checked the bundle connects and hands it over. Both were told the SHA-256 of
the bundle by the operator. The receiver takes nothing else, whoever sends it, and the sender gives
it only to a receiver that names this hash.

The receiver begins with a line, ``tracefoundry-bundle 1 <sha256> wanted|received``. If the bundle
is wanted, the sender answers with its size in bytes (8 bytes, big-endian) and its bytes. The
receiver ends with a line: ``received``, or why not.
"""

from __future__ import annotations

import hashlib
import io
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO, Final

from tracefoundry.server.errors import CommandError

_NAME: Final = "tracefoundry-bundle 1"
_WANTED, _RECEIVED = "wanted", "received"
_READ_BYTES = 1024 * 1024
_LINE_BYTES = 1024
_SILENCE_S = 60.0
"""A connection on which nothing happens for this long is given up."""
_RETRY_S = 1.0

Stream = io.BufferedRWPair
"""Both directions of a connection."""


class Receiver:
    """Takes one bundle in.

    It goes on listening afterwards, so that a sender that was ended before it could report learns
    at its second attempt that the bundle is here.
    """

    def __init__(self, port: int, sha256: str, file: BinaryIO, *, limit_bytes: int | None) -> None:
        """
        Args:
            port: to listen at, at all addresses of the pod.
            sha256: of the bundle, in hex.
            file: takes its bytes.
            limit_bytes: a larger bundle is refused; None: as much as there is space.
        """
        self._sha256 = sha256
        self._file = file
        self._limit_bytes = limit_bytes
        self._listener = listening(port)
        self._thread = threading.Thread(target=self._accept, name="receiver", daemon=True)
        self.received = threading.Event()
        """The file has the bundle."""
        self.problem = ""
        """Why the last sender could not hand it over."""

    @property
    def port(self) -> int:
        """The port that it listens at."""
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Receiver:
        """Begin to take senders."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take no more."""
        with suppress(OSError):  # wakes the thread that accepts
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed by stop()
                return
            connection.settimeout(_SILENCE_S)
            try:
                with connection, connection.makefile("rwb") as stream:
                    self._serve(stream)
            except OSError as error:
                self.problem = f"the sender has gone: {error}"

    def _serve(self, stream: Stream) -> None:
        state = _RECEIVED if self.received.is_set() else _WANTED
        _write_line(stream, f"{_NAME} {self._sha256} {state}")
        if state == _WANTED:
            self.problem = self._take(stream)
            _write_line(stream, self.problem or _RECEIVED)

    def _take(self, stream: Stream) -> str:
        """Why the bundle was not taken; empty if it was."""
        size = int.from_bytes(_read_exactly(stream, 8), "big")
        if self._limit_bytes is not None and size > self._limit_bytes:
            return (
                f"the bundle of {size:,} bytes does not fit into the scratch space of"
                f" {self._limit_bytes:,} bytes: raise spec.exports.scratchSize of the TraceFoundry"
            )
        self._file.seek(0)
        self._file.truncate()
        digest, left = hashlib.sha256(), size
        while left:
            chunk = stream.read(min(left, _READ_BYTES))
            if not chunk:
                return f"the sender ended {left:,} bytes too early"
            digest.update(chunk)
            try:
                self._file.write(chunk)
            except OSError as error:
                return f"the bundle cannot be written to the scratch space: {error.strerror}"
            left -= len(chunk)
        if digest.hexdigest() != self._sha256:
            return "these are the bytes of another bundle"
        self._file.flush()
        self.received.set()
        return ""


def listening(port: int) -> socket.socket:
    """A socket that listens at all addresses of the pod, of IPv6 too where there is IPv6."""
    if socket.has_dualstack_ipv6():
        with suppress(OSError):  # IPv6 is compiled in and switched off
            return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("0.0.0.0", port))  # noqa: S104 - its policy admits one other pod


def hand_over(
    file: BinaryIO, size: int, sha256: str, address: tuple[str, int], *, within_s: float
) -> None:
    """Give a bundle to the receiver at this address, which may not listen yet.

    Args:
        file: the bundle, from its beginning.
        size: of the bundle in bytes.
        sha256: of the bundle, in hex.
        address: of the receiver.
        within_s: it has to listen within this time.

    Raises:
        CommandError: it could not be handed over.
    """
    place = f"the pod of the re-run at {address[0]} port {address[1]}"
    with _connected(address, place, within_s) as connection:
        connection.settimeout(_SILENCE_S)
        try:
            with connection.makefile("rwb") as stream:
                _give(stream, file, size, sha256, place)
        except OSError as error:
            raise CommandError(f"{place} has gone: {error}") from error


def _give(stream: Stream, file: BinaryIO, size: int, sha256: str, place: str) -> None:
    greeting = _read_line(stream)
    if greeting == f"{_NAME} {sha256} {_RECEIVED}":
        return
    if greeting != f"{_NAME} {sha256} {_WANTED}":
        raise CommandError(f"{place} does not ask for this bundle")
    stream.write(size.to_bytes(8, "big"))
    while chunk := file.read(_READ_BYTES):
        stream.write(chunk)
    stream.flush()
    answer = _read_line(stream)
    if answer != _RECEIVED:
        raise CommandError(f"{place} did not take the bundle: {answer or 'it gave no answer'}")


def _connected(address: tuple[str, int], place: str, within_s: float) -> socket.socket:
    ends = time.monotonic() + within_s
    while True:
        left = ends - time.monotonic()
        try:
            return socket.create_connection(address, timeout=max(min(left, _SILENCE_S), _RETRY_S))
        except OSError as error:
            if time.monotonic() + _RETRY_S > ends:
                raise CommandError(
                    f"{place} could not be reached within {within_s:.0f} s: {error}",
                    "look at this pod, and for NetworkPolicies of others that forbid it",
                ) from error
            time.sleep(_RETRY_S)


def _write_line(stream: Stream, text: str) -> None:
    stream.write(text.encode() + b"\n")
    stream.flush()


def _read_line(stream: Stream) -> str:
    return stream.readline(_LINE_BYTES).decode("utf-8", "replace").rstrip("\n")


def _read_exactly(stream: Stream, count: int) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise ConnectionError("it ended too early")
    return data
