"""What a span keeps of a value that left its row for the payload store, or was taken out of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from tracefoundry.model.value_types import TypeName

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
"""What a piece of content is to its span; ``attribute`` is content of no better-known place."""

StoredState = Literal["present", "redacted", "withheld", "expired", "reference"]
"""What was true when the span was stored. ``expired``: it came when its payloads' time was over
already. ``reference``: the sender stored the content itself and only points at it. The API works
out the state of the moment from it."""

RESOURCE, SCOPE, SPAN, LOG = "resource", "scope", "span", "log"
"""Places; besides ``events/<i>`` and ``links/<i>``."""

BODY = "body"
"""The key of a log record's body."""


class PayloadEntry(msgspec.Struct, frozen=True, gc=False):
    """One value, by the place and attribute key where it stood.

    Attributes:
        type: the OTLP type that it had there.
        ref: ``sha256:<hex>`` of its bytes; the sender's text for a ``reference``; None where
            nothing was stored.
        bytes: their number; None where nothing is known.
        media_type: what they look like.
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


BlobKey = tuple[int, bytes, int]
"""Project id, 32-byte SHA-256 of the value, and day since the epoch."""


class BlobRow(msgspec.Struct, frozen=True, gc=False):
    """Where a blob was stored, for the database.

    Attributes:
        object: SHA-256 of the stored bytes of the object, which is its name.
        parts: for a list, the refs of what it needs.
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
    """What a commit has to record of payloads that are in the object store already.

    Attributes:
        blobs: new ones, each after those it needs.
        reused: stored ones that spans or new lists of this commit rely on: to be locked.
    """

    blobs: list[BlobRow] = []
    reused: list[BlobKey] = []
