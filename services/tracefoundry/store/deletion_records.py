"""What deletion is asked with and answers with: typed records, as in
:mod:`tracefoundry.store.records`.

Days count from the epoch in UTC, times are nanoseconds, a payload is named by its ref: the 32 bytes
of a SHA-256. An object is named by the SHA-256 of its stored bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tracefoundry.store.records import BlobPlace

LIST_ID_BYTES = 16
"""A list and its parts know each other by the first bytes of their refs."""

DayTable = Literal[
    "spans",
    "span_logs",
    "imported_spans",
    "imported_span_logs",
    "span_payload_refs",
    "payload_blobs",
    "payload_list_parts",
]
"""What is stored by day: spans and their logs, the same of imported traces, which trace refers to
which payload, where payloads are stored, and which list needs which part."""

PartitionGroup = Literal["spans", "payloads"]
"""Tables whose days expire together: the first five of :data:`DayTable`, and the other two."""

RecordKind = Literal[
    "resources", "scopes", "tombstones", "payload_tombstones", "audit_entries", "usage"
]

# Payloads of deleted traces


@dataclass(frozen=True, slots=True)
class PendingPayloads:
    """Payloads of one day to which deleted traces still refer.

    Attributes:
        places: by ref, where it is stored; None where it is not.
        keep_until_ns: how long the tombstones of those traces are kept.
        expired: the day's payloads are gone, or going, by retention: only the references are left.
    """

    day: int
    places: Mapping[bytes, BlobPlace | None]
    keep_until_ns: int
    expired: bool


@dataclass(frozen=True, slots=True)
class PayloadNeeds:
    """Who needs some payloads of a project's day.

    Attributes:
        places: where those of them are that are stored.
        referenced: those that a trace refers to which is not deleted.
        lists: by the first :data:`LIST_ID_BYTES` of a payload, those of the lists it is a part of.
    """

    places: dict[bytes, BlobPlace]
    referenced: set[bytes]
    lists: dict[bytes, set[bytes]]

    def unneeded(self, list_ids: Collection[bytes]) -> list[bytes]:
        """Those that nothing needs but the lists of these ids, which are removed too."""
        return [
            ref
            for ref in self.places
            if ref not in self.referenced
            and all(one in list_ids for one in self.lists.get(ref[:LIST_ID_BYTES], ()))
        ]


@dataclass(slots=True)
class PayloadRemovalPlan:
    """What a removal of payloads changes, worked out without locks.

    Attributes:
        refs: the payloads whose references by deleted traces go.
        keep_until_ns: how long the tombstones of what is removed are kept.
        removed: payloads that nothing else needs, with where they are.
        list_parts: (part, list) of the removed lists, as full refs.
        objects: everything that is in the objects of removed payloads, by object and ref.
        moved: the new places of payloads that stay and shared an object with removed ones.
    """

    project_id: int
    day: int
    refs: Sequence[bytes]
    keep_until_ns: int
    removed: dict[bytes, BlobPlace] = field(default_factory=dict)
    list_parts: list[tuple[bytes, bytes]] = field(default_factory=list)
    objects: dict[bytes, dict[bytes, BlobPlace]] = field(default_factory=dict)
    moved: dict[bytes, BlobPlace] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnneededObject:
    """An object that a removal of payloads has emptied and that may still be stored.

    ``ref`` is the payload whose tombstone names it; ``object`` the SHA-256 that names it.
    """

    ref: bytes
    day: int
    object: bytes


# Retention


@dataclass(frozen=True, slots=True)
class DayPartition:
    """A day of a table that can be dropped as a whole.

    Attributes:
        name: its own name, for people.
        filled: it has had rows since it was made.
        total_bytes: with indexes and long values.
    """

    table: DayTable
    name: str
    day: int
    filled: bool
    total_bytes: int


@dataclass(slots=True)
class PartitionDrops:
    """What became of partitions that were to be dropped.

    Attributes:
        dropped: with how many rows each had: counted, or estimated where it was large, or None.
        in_use: readers or writers held them; the next run goes on.
    """

    dropped: list[tuple[DayPartition, int | None]] = field(default_factory=list)
    in_use: list[DayPartition] = field(default_factory=list)


@dataclass(slots=True)
class ExpiredTraces:
    """Summaries of traces that went, and what was found of those traces.

    Attributes:
        traces: summaries removed.
        span_count: spans that these summaries counted, most of them removed before.
        spans: spans removed with them; logs and payload references likewise.
    """

    traces: int = 0
    span_count: int = 0
    spans: int = 0
    logs: int = 0
    payload_refs: int = 0

    def add(self, other: ExpiredTraces) -> None:
        """Add the counts of another batch."""
        self.traces += other.traces
        self.span_count += other.span_count
        self.spans += other.spans
        self.logs += other.logs
        self.payload_refs += other.payload_refs
