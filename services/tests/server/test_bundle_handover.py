"""A bundle goes from one pod to the other: the right one, to the right one, once."""

from __future__ import annotations

import hashlib
import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from platform_process import eventually
from tracefoundry.server import bundle_handover
from tracefoundry.server.bundle_handover import Receiver, hand_over, listening
from tracefoundry.server.errors import CommandError

BUNDLE = b"bundle " * 500_000
SHA256 = hashlib.sha256(BUNDLE).hexdigest()


@contextmanager
def receiver(sha256: str = SHA256, limit_bytes: int | None = None) -> Iterator[Receiver]:
    """One that listens at a free port, with its file in ``file``."""
    with Receiver(0, sha256, io.BytesIO(), limit_bytes=limit_bytes) as there:
        yield there


def give(port: int, data: bytes = BUNDLE, sha256: str = SHA256, *, within_s: float = 5) -> None:
    """Hand these bytes over."""
    hand_over(io.BytesIO(data), len(data), sha256, ("127.0.0.1", port), within_s=within_s)


def test_the_bundle_arrives_whole() -> None:
    """And a second attempt, of a sender that was ended before it could report, is content."""
    file = io.BytesIO()
    with Receiver(0, SHA256, file, limit_bytes=len(BUNDLE)) as there:
        give(there.port)
        assert there.received.is_set()
        assert BUNDLE == file.getvalue()
        give(there.port, b"not sent")
        assert BUNDLE == file.getvalue()


def test_other_bytes_are_not_taken_and_the_right_ones_still_are() -> None:
    """Whoever sends them: also more bytes than the bundle has."""
    file = io.BytesIO()
    with Receiver(0, SHA256, file, limit_bytes=None) as there:
        with pytest.raises(CommandError, match="these are the bytes of another bundle"):
            give(there.port, BUNDLE + b"and more")
        assert not there.received.is_set()
        give(there.port)
        assert BUNDLE == file.getvalue()


def test_a_bundle_is_not_given_to_a_receiver_of_another() -> None:
    """The address may belong to another pod by now."""
    with (
        receiver("0" * 64) as there,
        pytest.raises(CommandError, match="does not ask for this bundle"),
    ):
        give(there.port)


def test_a_bundle_that_does_not_fit_says_what_to_change() -> None:
    """Before its bytes are sent, or while they are."""
    with receiver(limit_bytes=100) as there:
        with pytest.raises(CommandError, match=r"scratchSize|has gone"):
            give(there.port)
        assert "raise spec.exports.scratchSize" in there.problem
        assert not there.received.is_set()


def test_a_sender_that_ends_early_is_reported_and_another_one_is_taken() -> None:
    """Its pod was deleted."""
    with receiver() as there:
        with socket.create_connection(("127.0.0.1", there.port)) as connection:
            connection.sendall(len(BUNDLE).to_bytes(8, "big") + b"bundle")
        eventually(lambda: there.problem, what="the problem")
        give(there.port)
        assert there.received.is_set()


def test_a_receiver_may_begin_to_listen_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its image is still pulled."""
    monkeypatch.setattr(bundle_handover, "_RETRY_S", 0.05)
    with listening(0) as reserved:
        port = reserved.getsockname()[1]
    failed: list[Exception] = []

    def send() -> None:
        try:
            give(port, within_s=30)
        except CommandError as error:
            failed.append(error)

    sender = threading.Thread(target=send)
    sender.start()
    with Receiver(port, SHA256, io.BytesIO(), limit_bytes=None) as there:
        assert there.received.wait(30)
        sender.join(30)
    assert [] == failed


def test_nobody_listens() -> None:
    """The message names the place, and who may be in the way."""
    with listening(0) as reserved:
        port = reserved.getsockname()[1]
    with pytest.raises(CommandError) as caught:
        give(port, within_s=0)
    assert f"127.0.0.1 port {port} could not be reached within 0 s" in str(caught.value)
    assert "NetworkPolicies" in caught.value.remedy
