"""Payloads: values that are stored apart from their span, and what the span keeps of them.

A payload is named by its *ref*, ``sha256:<64 lower-case hex digits>`` of the exact bytes of the
value. Databases and packs hold the 32 raw bytes of the digest instead.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from tracefoundry.model.attributes import TypeName

DIGEST_BYTES = 32

_SCHEME = "sha256:"

Slot = Literal[
    "input_messages",
    "output_messages",
    "system_instructions",
    "tool_definitions",
    "tool_arguments",
    "tool_result",
    "documents",
    "attribute",
]
"""The role of a piece of content in its span; ``attribute`` is content without a known role."""

StoredState = Literal["present", "redacted", "withheld", "expired", "excluded", "reference"]
"""State of a payload when its span was stored. The API derives the present state from it.

``redacted`` and ``withheld``: redaction took the value out. ``expired``: the span came after the
payload retention of its day had passed. ``excluded``: the span was imported from a bundle without
payloads; the ref is a keyed hash (``hmac-sha256:``). ``reference``: the sender stored the content
elsewhere, and the attribute only points at it."""

PayloadState = Literal[
    "present", "redacted", "withheld", "expired", "deleted", "missing", "dangling", "excluded"
]
"""State of a payload at the time of reading."""

RESOURCE, SCOPE, SPAN, LOG = "resource", "scope", "span", "log"
"""Places where a value can stand, besides ``events/<i>`` and ``links/<i>``."""

BODY = "body"
"""The key of a log record's body."""


class PayloadEntry(msgspec.Struct, frozen=True, gc=False):
    """One value that is stored apart or was taken out, by the place and key where it stood.

    Attributes:
        type: its OTLP type.
        ref: the ref of its bytes; the sender's text for a ``reference``; None where redaction
            took the value out.
        bytes: length of the value; None where it is unknown.
        media_type: guessed from the value; None where it is unknown.
    """

    slot: Slot
    place: str
    key: str
    type: TypeName
    ref: str | None
    bytes: int | None
    media_type: str | None
    state: StoredState


class Content(msgspec.Struct, frozen=True, gc=False):
    """A value on its way to the payload store."""

    ref: str
    value: bytes


def ref_of(value: bytes) -> str:
    """The ref of a value."""
    return _SCHEME + hashlib.sha256(value).hexdigest()


def ref_from_digest(digest: bytes) -> str:
    """The ref of a 32-byte SHA-256 digest."""
    return _SCHEME + digest.hex()


def digest_of(ref: str) -> bytes:
    """The 32 bytes of a ref.

    Raises:
        ValueError: the text is not a ref.
    """
    try:
        digest = bytes.fromhex(ref[len(_SCHEME) :])
    except ValueError:
        digest = b""
    # fromhex() takes spaces and upper case too. Writing it back is faster than a pattern.
    if len(digest) == DIGEST_BYTES and _SCHEME + digest.hex() == ref:
        return digest
    shown = ref if len(ref) <= 80 else ref[:80] + "..."
    raise ValueError(f"{shown!r} is not a payload ref: use sha256: and 64 lower-case hex digits")


BlobKey = tuple[int, bytes, int]
"""Project id, 32-byte SHA-256 of the value, and day since the epoch."""


class BlobRow(msgspec.Struct, frozen=True, gc=False):
    """Where a blob is stored, as the database records it.

    Attributes:
        ref: digest of the value.
        object: SHA-256 of the stored bytes of the object, which is the last part of its name.
        depth: 0 for content; for a list node, the length of its chain of list nodes.
        parts: for a list node, the digests of the blobs that it is put together from.
    """

    project_id: int
    day: int
    ref: bytes
    object: bytes
    object_offset: int
    stored_bytes: int
    plain_bytes: int
    depth: int
    preview: str | None
    parts: tuple[bytes, ...] = ()

    @property
    def key(self) -> BlobKey:
        """The row's key."""
        return (self.project_id, self.ref, self.day)


class PayloadRows(msgspec.Struct):
    """What a commit must record about payloads that are in the object store already.

    Attributes:
        blobs: new blobs, each after those that it references.
        reused: stored blobs that spans or new list nodes of this commit need. The commit locks
            their rows, so that a deletion cannot remove them first.
    """

    blobs: list[BlobRow] = []
    reused: list[BlobKey] = []
