"""The members of a bundle: their names, their limits and the lines inside them.

The structs here are the format (docs/bundle-format.md). Times are decimal strings of nanoseconds,
ids lower-case hex, as in the API.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import msgspec

from tracefoundry.model.attributes import TypeName
from tracefoundry.model.payload import PayloadEntry, Slot, StoredState

FORMAT: Final = "tracefoundry-bundle"
VERSION: Final = 1

MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "signature.dsse.json"
README: Final = "README.md"
VIEWER: Final = "viewer.html"
PAYLOADS: Final = "payloads/"

CHUNK_BYTES: Final = 8 * 1024 * 1024
"""A chunk or pack is closed when the next item would take it past this size."""
MAX_MEMBERS: Final = 10_000
MAX_TRACES: Final = 10_000
OWN_FILES: Final = 5_000
"""Up to so many payloads, each is a member of its own; of more, the small ones stand in packs."""
PACKED_BELOW_BYTES: Final = 1024 * 1024
"""Payloads from this size on are always members of their own."""
MAX_CHUNK_BYTES: Final = 80 * 1024 * 1024
"""Most a member of lines or OTLP messages may have: one record of the largest size that ingest
takes (64 MiB), and its envelope."""
MAX_PAYLOAD_BYTES: Final = 80 * 1024 * 1024
MAX_MANIFEST_BYTES: Final = 16 * 1024 * 1024
MAX_SIGNATURE_BYTES: Final = 64 * 1024

MemberKind = Literal[
    "manifest", "signature", "readme", "viewer",
    "traces", "spans", "spans_json", "logs", "facts", "payload", "pack", "index",
]  # fmt: skip

_FIXED: Final[dict[str, MemberKind]] = {
    MANIFEST: "manifest",
    SIGNATURE: "signature",
    README: "readme",
    VIEWER: "viewer",
}
_NUMBERED: Final[dict[MemberKind, tuple[str, str]]] = {
    "traces": ("traces.", ".jsonl"),
    "spans": ("spans.otlp.", ".pb"),
    "spans_json": ("spans.otlp.", ".json"),
    "logs": ("logs.otlp.", ".pb"),
    "facts": ("facts.", ".jsonl"),
    "pack": ("payloads/pack-", ""),
    "index": ("payloads/index.", ".json"),
}
_PATTERNS: Final = [
    (re.compile(re.escape(before) + r"\d{6}" + re.escape(after)), kind)
    for kind, (before, after) in _NUMBERED.items()
]
_PAYLOAD: Final = re.compile(r"payloads/[0-9a-f]{64}")

MOST_BYTES: Final[dict[MemberKind, int]] = {
    "payload": MAX_PAYLOAD_BYTES,
    "spans_json": 8 * MAX_CHUNK_BYTES,
}
"""Most bytes of a kind of member, where that is not ``MAX_CHUNK_BYTES``. JSON escapes take up to
six times the room."""

NOT_IN_ROOT: Final = frozenset({MANIFEST, SIGNATURE, README, VIEWER})
"""Members that the root hash leaves out: the manifest enters it by its own rule, the others may
differ between versions of this product and say nothing about the traces."""


def kind_of(name: str) -> MemberKind | None:
    """What a member is, by its name; None for a name that no bundle has."""
    fixed = _FIXED.get(name)
    if fixed is not None:
        return fixed
    if _PAYLOAD.fullmatch(name):
        return "payload"
    return next((kind for pattern, kind in _PATTERNS if pattern.fullmatch(name)), None)


def numbered(kind: MemberKind, number: int) -> str:
    """The name of a numbered member."""
    before, after = _NUMBERED[kind]
    return f"{before}{number:06d}{after}"


def payload_member(sha256: str) -> str:
    """The name of the member that holds one payload."""
    return PAYLOADS + sha256


# --- lines ---

BundledState = Literal[
    "present", "redacted", "withheld", "expired", "deleted", "missing", "dangling", "excluded"
]
"""State of a payload at the time of the export. ``excluded``: stored, but the export was asked to
leave payloads out."""


class RedactionCount(msgspec.Struct, frozen=True):
    """How often a rule took something out."""

    rule: str
    count: int


class PayloadFacts(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A value that left its place, as the API lists it, without preview.

    Attributes:
        place: ``span``, ``resource``, ``scope``, ``events/<i>``, ``links/<i>``; ``log`` in the line
            of a log record.
        ref: ``sha256:`` or, in an export without payloads, ``hmac-sha256:`` and 64 hex digits; the
            sender's own text where it only pointed at content (``pointer`` is true); None where
            redaction took the value out.
        expired_at: RFC 3339; when the payload expired.
        pointer: the attribute of this key is still at its place, and only points at content.
    """

    slot: Slot
    place: str
    key: str
    type: TypeName
    ref: str | None
    bytes: int | None
    media_type: str | None
    state: BundledState
    expired_at: str | None
    pointer: bool = False

    def entry(self) -> PayloadEntry:
        """The entry of a stored span that these facts describe.

        ``deleted`` and ``missing`` become ``present``: a store that does not have the content says
        so itself.
        """
        state: StoredState
        if self.pointer:
            state = "reference"
        elif self.state in ("redacted", "withheld", "expired", "excluded"):
            state = self.state
        else:
            state = "present"
        return PayloadEntry(
            self.slot, self.place, self.key, self.type, self.ref, self.bytes, self.media_type, state
        )


class MendedStrings(msgspec.Struct, frozen=True, omit_defaults=True):
    """Names and keys in which U+FFFD stands for what could not be kept, and dropped duplicates."""

    record: int = 0
    resource: int = 0
    scope: int = 0


class SpanFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of ``facts.NNNNNN.jsonl``: what OTLP cannot say about one span or log record.

    Attributes:
        start_time_ns: of a span; None for a log record.
        time_ns: of a log record; None for a span.
        index: which span, or which log record, of its trace it is, from 0.
    """

    trace_id: str
    span_id: str
    start_time_ns: str | None = None
    time_ns: str | None = None
    index: int
    payloads: tuple[PayloadFacts, ...]
    redactions: tuple[RedactionCount, ...]
    mended_strings: MendedStrings = MendedStrings()


class TraceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A line of ``traces.NNNNNN.jsonl``: one trace of one project.

    Attributes:
        spans, logs, payloads: numbers; :class:`BundleWriter` counts them itself. ``payloads`` is by
            state, one for each value that left its place.
    """

    trace_id: str
    project: str
    spans: int = 0
    logs: int = 0
    status: Literal["ok", "error", "unset"]
    start_time_ns: str
    end_time_ns: str
    environment: str | None
    payloads: dict[BundledState, int] = {}


class IndexedPayload(msgspec.Struct, frozen=True, gc=False):
    """Where one payload stands in a pack."""

    sha256: str
    pack: str
    offset: int
    bytes: int


class PayloadIndex(msgspec.Struct, frozen=True):
    """``payloads/index.NNNNNN.json``: payloads in packs, by ``sha256``."""

    payloads: list[IndexedPayload]


# --- manifest.json ---


class RedactionNote(msgspec.Struct, frozen=True):
    """How the exported traces were redacted.

    Attributes:
        mode: the weakest mode that any of them was redacted by.
        policy_version: of the policy at the export.
        report: what the export itself took out, beyond what was redacted before storing.
    """

    mode: Literal["strict", "standard", "off"]
    policy_version: int
    report: list[RedactionCount] = []


class Producer(msgspec.Struct, frozen=True):
    """The program that wrote the bundle."""

    name: str
    version: str


class Counts(msgspec.Struct, frozen=True):
    """Numbers of what the bundle holds; ``payloads`` are distinct contents."""

    traces: int
    spans: int
    logs: int
    payloads: int


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the traces come from, as far as their resource attributes agree on it."""

    git_commit: str | None = None
    environment: str | None = None


class Member(msgspec.Struct, frozen=True, omit_defaults=True):
    """One member of the file.

    Attributes:
        bytes: size, uncompressed.
        sha256: of the uncompressed bytes.
        deflated_sha256: of the compressed bytes, where the member is deflated. Several deflate
            streams can stand for the same bytes, so only this finds every change in one.
    """

    path: str
    bytes: int
    sha256: str
    deflated_sha256: str | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """``manifest.json``; :mod:`.identity` says how ``root`` is made."""

    format: Literal["tracefoundry-bundle"]
    version: Literal[1]
    root: str
    producer: Producer
    created: str
    counts: Counts
    redaction: RedactionNote
    source: Source
    members: list[Member]


def plain(struct: msgspec.Struct) -> dict[str, Any]:
    """A struct as the JSON object that it is written as."""
    built: dict[str, Any] = msgspec.to_builtins(struct)
    return built
