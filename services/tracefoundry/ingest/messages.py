"""Messages between the listening process and its workers.

They are frames on a Unix socket pair: two 32-bit lengths, a msgpack head, a raw body. The first
frame to a worker is its :class:`WorkerConfig`. Then the worker gets requests and sends outcomes,
which are matched by id.
"""

from __future__ import annotations

import struct
from typing import Literal

import msgspec

from tracefoundry.auth.project_rules import ProjectRules
from tracefoundry.otlp.answers import Encoding, Signal
from tracefoundry.redaction.policy import UserPatterns

FRAME = struct.Struct(">II")


class WorkerConfig(msgspec.Struct, kw_only=True):
    """How a worker reaches the store, and its limits.

    It has secrets in it, so it is never passed on a command line.
    """

    database_url: str
    rules: ProjectRules
    ahead_ns: int
    max_body_bytes: int
    memory_bytes: int
    payload_url: str
    encryption_keys: str = ""
    patterns: UserPatterns = UserPatterns()


class IngestRequest(msgspec.Struct):
    """One OTLP export without its body.

    ``project`` comes from the header, None without one. ``token_project`` is the only project that
    the sender's token allows, None for all.
    """

    id: int
    signal: Signal
    encoding: Encoding
    content_encoding: str = ""
    project: str | None = None
    token_project: str | None = None


DECODING_DEFECT = "internal error while decoding"
STORING_DEFECT = "internal error while storing"
"""What is answered for a defect of a worker; its log has the place."""

OutcomeStatus = Literal["ok", "undecodable", "too_large", "unsupported_encoding", "unavailable"]


class Outcome(msgspec.Struct):
    """The result of an export.

    ``message`` is for the sender. ``detail`` is for the log: it may name hosts, users and folders.
    ``accepted`` counts spans or logs that this export stored. ``duplicates`` were stored before
    with equal content, ``conflicts`` with other content. ``rejected`` counts, by reason, those that
    will never be stored. ``redactions`` counts redacted values by rule. ``payload_bytes`` is the
    length of the content of this export, ``stored_bytes`` what the whole commit added to the object
    store; it is set in one outcome of a commit only.
    """

    id: int
    status: OutcomeStatus
    message: str = ""
    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: dict[str, int] = {}
    commit_seconds: float = 0.0
    redactions: dict[str, int] = {}
    payload_bytes: int = 0
    stored_bytes: int = 0
    detail: str = ""

    @property
    def rejected_total(self) -> int:
        """Spans or logs that will never be stored."""
        return sum(self.rejected.values())


encode_head = msgspec.msgpack.Encoder().encode


def frame(head: msgspec.Struct, body: bytes = b"") -> tuple[bytes, bytes]:
    """A frame as two parts, so that a large body is not copied: lengths with head, and body."""
    encoded = encode_head(head)
    return FRAME.pack(len(encoded), len(body)) + encoded, body
