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
from tracefoundry.model.quotas import QuotaName, Quotas
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


class Exhausted(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A quota of which a project has nothing left, as the listening process knows it."""

    quota: QuotaName
    limit: int
    """Of the project, not this process's share of it. A worker that knows another limit by now
    stores the project's spans."""
    retry_after_s: int


class IngestRequest(msgspec.Struct):
    """One OTLP export without its body.

    ``project`` comes from the header, None without one. ``token_project`` is the only project that
    the sender's token allows, None for all. ``exhausted`` holds, by name, projects that are over a
    quota.
    """

    id: int
    signal: Signal
    encoding: Encoding
    content_encoding: str = ""
    project: str | None = None
    token_project: str | None = None
    exhausted: dict[str, Exhausted] = {}


DECODING_DEFECT = "internal error while decoding"
STORING_DEFECT = "internal error while storing"
"""What is answered for a defect of a worker; its log has the place."""

OutcomeStatus = Literal[
    "ok", "undecodable", "too_large", "unsupported_encoding", "unavailable", "over_quota"
]


class QuotaReport(msgspec.Struct, array_like=True):
    """What one export meant for a project that has quotas, and how much of these is used.

    Attributes:
        limits: of the project, undivided.
        day: the day (UTC) that the next two fields are about.
        used_spans: what the store had counted at ``read_at``.
        used_content_bytes: the same for content.
        read_at: by the monotonic clock, which all processes of a machine share.
        exceeded: why the project's spans were refused; None if they were not.
        spans: spans and log records that go into the store.
        size: the project's part of the body's bytes after decompression, if anything of it is
            stored.
        refused: spans and log records refused because of a quota.
    """

    project: str
    project_id: int
    limits: Quotas
    day: int
    used_spans: int
    used_content_bytes: int
    read_at: float
    exceeded: Exhausted | None = None
    spans: int = 0
    size: int = 0
    refused: int = 0


class Outcome(msgspec.Struct):
    """The result of an export.

    ``message`` is for the sender. ``detail`` is for the log: it may name hosts, users and folders.
    ``accepted`` counts spans or logs that this export stored. ``duplicates`` were stored before
    with equal content, ``conflicts`` with other content. ``rejected`` counts, by reason, those that
    will never be stored. ``redactions`` counts redacted values by rule. ``payload_bytes`` is the
    length of the content of this export, ``stored_bytes`` what the whole commit added to the object
    store; it is set in one outcome of a commit only. ``retry_after_s`` is set with ``over_quota``,
    where nothing of the body was accepted because of quotas. ``quotas`` holds what projects with
    quotas have sent, where something was stored or refused for a quota.
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
    retry_after_s: int = 0
    quotas: list[QuotaReport] = []

    @property
    def rejected_total(self) -> int:
        """Spans or logs that will never be stored."""
        return sum(self.rejected.values())


encode_head = msgspec.msgpack.Encoder().encode


def frame(head: msgspec.Struct, body: bytes = b"") -> tuple[bytes, bytes]:
    """A frame as two parts, so that a large body is not copied: lengths with head, and body."""
    encoded = encode_head(head)
    return FRAME.pack(len(encoded), len(body)) + encoded, body
