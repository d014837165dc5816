"""Decides which blobs a commit must store for the values of one project and day.

Values are added, then the database is asked twice what it already has, then the plan is made::

    plan = PayloadPlan()
    ref = plan.add(value)                        # for each value
    known = lookup(plan.first_lookup())          # ref -> depth of the stored blob
    known |= lookup(plan.second_lookup(known))
    blobs, reused = plan.finish(known)

The first question is about the values and the lists they may have grown from; the second one about
the messages that were appended to the longest of those. So a conversation of n messages asks about
a few refs a turn, not n. A stale or empty answer costs duplicate bytes, never a wrong list.

Lists are chained along their growth. Where no recent earlier list is known (the first of a day, or
an agent that rewrites its last messages), lists at every 16th message are stored in between, so
that the next such value finds one near. A chain that gets too long starts again from those.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from tracefoundry.model.payload import ref_from_digest, ref_of
from tracefoundry.payloads.codec import MAX_CONTENT_BYTES, Form
from tracefoundry.payloads.lists import MAX_DEPTH, ListNode, Part, encode_node
from tracefoundry.payloads.segments import split

MIN_SPLIT_BYTES = 1024
"""Shorter lists are stored whole: their pieces would cost more than they save."""

INLINE_BYTES = 128
"""Messages up to this length stand in the description itself; a ref is not much shorter."""

CHUNK_BYTES = 4 * 1024 * 1024
"""Longer content is cut here, so that any blob fits into a pack of 8 MiB."""

STRIDE = 16
_RECENT = 32
_MAX_STOPS = MAX_DEPTH // 2


class NewBlob(msgspec.Struct, frozen=True, gc=False):
    """A blob to encode, put and record.

    Attributes:
        ref: what it is the content of.
        content: the bytes to encode: the value, or the description of a list.
        form: which of the two.
        plain_bytes: length of the value.
        depth: 0 for content, else how many lists deep the description goes; to be kept with the
            ref, as lookups answer with it.
        references: refs that must stay stored as long as this blob.
    """

    ref: str
    content: bytes
    form: Form
    plain_bytes: int
    depth: int
    references: tuple[str, ...] = ()


class _Draft:
    """A value that is not stored yet, and how it could be cut."""

    __slots__ = ("base", "candidates", "cuts", "pieces", "prefix_refs", "ref", "stops", "value")

    def __init__(self, value: bytes, ref: str) -> None:
        self.value = value
        self.ref = ref
        self.pieces = split(value) if len(value) >= MIN_SPLIT_BYTES else None
        self.prefix_refs: dict[int, str] = {}
        self.candidates: list[int] = []
        self.base = 0
        self.stops: list[int] = []
        self.cuts: dict[int, list[tuple[str, bytes]]] = {}
        if self.pieces is not None:
            self._hash_prefixes(self.pieces)
        elif len(value) > CHUNK_BYTES:
            self.pieces = [b""]
            for start in range(0, len(value), CHUNK_BYTES):
                self.pieces += (value[start : start + CHUNK_BYTES], b"")
            self.prefix_refs[len(self.pieces) // 2] = self.ref

    def _hash_prefixes(self, pieces: Sequence[bytes]) -> None:
        """Refs of the lists this one may have grown from: its prefixes, closed in the same way."""
        count = len(pieces) // 2
        aligned = list(range(STRIDE, count, STRIDE))[-2 * _MAX_STOPS :]
        wanted = sorted({*aligned, *range(max(1, count - _RECENT), count)})
        running = hashlib.sha256()
        done = 0
        for prefix in wanted:
            running.update(b"".join(pieces[2 * done : 2 * prefix]))
            closed = running.copy()
            closed.update(pieces[-1])
            self.prefix_refs[prefix] = ref_from_digest(closed.digest())
            done = prefix
        self.prefix_refs[count] = self.ref
        self.candidates = wanted[::-1]

    def choose_base(self, depths: dict[str, int]) -> None:
        """Take the longest usable earlier list, note the depths of what is to be made of it."""
        count = 0 if self.pieces is None else len(self.pieces) // 2
        longest_allowed = MAX_DEPTH
        self.base, depth = 0, 0
        for candidate in self.candidates:
            known = depths.get(self.prefix_refs[candidate])
            if known is None:
                continue
            if known + len(self._stops_after(candidate, count)) <= longest_allowed:
                self.base, depth = candidate, known
                break
            # Too long a chain starts again from a much shorter one, or it would stay too long.
            longest_allowed = MAX_DEPTH // 2
        # A known list after the base is one that was passed over for its depth.
        self.stops = [
            stop
            for stop in self._stops_after(self.base, count)
            if self.prefix_refs[stop] not in depths
        ]
        for stop in self.stops:
            depth += 1
            depths[self.prefix_refs[stop]] = depth
        for index, element in enumerate((self.pieces or [])[2 * self.base + 1 :: 2], self.base):
            self.cuts[index] = [(ref_of(content), content) for content in _cut(element)]

    def _stops_after(self, base: int, count: int) -> list[int]:
        if count - base <= STRIDE or not self.candidates:
            return [count]
        between = [i for i in range(STRIDE, count, STRIDE) if i > base and i in self.prefix_refs]
        return [*between[-(_MAX_STOPS - 1) :], count]


class PayloadPlan:
    """The values of one project and one day in one commit."""

    def __init__(self) -> None:
        """Start empty."""
        self._drafts: dict[str, _Draft] = {}
        self._depths: dict[str, int] = {}
        self._missing: list[_Draft] = []
        self._blobs: dict[str, NewBlob] = {}

    def add(self, value: bytes, ref: str | None = None) -> str:
        """Take a value into the plan; returns its ref, which a caller that knows it may give.

        Raises:
            ValueError: more than MAX_CONTENT_BYTES.
        """
        if len(value) > MAX_CONTENT_BYTES:
            raise ValueError(f"a payload of {len(value)} bytes is over {MAX_CONTENT_BYTES}")
        ref = ref or ref_of(value)
        if ref not in self._drafts:
            self._drafts[ref] = _Draft(value, ref)
        return ref

    def value_of(self, ref: str) -> bytes:
        """A value that was added.

        Raises:
            KeyError: it was not.
        """
        return self._drafts[ref].value

    def first_lookup(self) -> list[str]:
        """Refs of the values and of the lists they may have grown from."""
        refs: dict[str, None] = {}
        for draft in self._drafts.values():
            refs[draft.ref] = None
            refs.update(dict.fromkeys(draft.prefix_refs[i] for i in draft.candidates))
        return list(refs)

    def second_lookup(self, known: Mapping[str, int]) -> list[str]:
        """Refs of the messages that the chosen earlier lists do not hold."""
        self._depths = dict(known)
        self._missing = []
        refs: dict[str, None] = {}
        # Shorter ones first, so that a list finds those it grew from in the same commit.
        for draft in sorted(self._drafts.values(), key=lambda draft: len(draft.value)):
            if draft.ref in self._depths:
                continue
            self._missing.append(draft)
            if draft.pieces is None:
                self._depths[draft.ref] = 0
                continue
            draft.choose_base(self._depths)
            refs.update((ref, None) for cut in draft.cuts.values() for ref, _ in cut)
        return [ref for ref in refs if ref not in known]

    def finish(self, known: Mapping[str, int]) -> tuple[list[NewBlob], list[str]]:
        """The blobs to store, each after those it references, and the stored refs relied on.

        ``known`` holds the answers of both lookups. The refs relied on must be locked in the
        transaction, so that no deletion takes them away meanwhile.
        """
        self._depths = {**known, **self._depths}
        self._blobs = {}
        for draft in self._missing:
            if draft.ref in self._blobs:
                continue
            if draft.pieces is None:
                self._blobs[draft.ref] = NewBlob(
                    draft.ref, draft.value, "content", len(draft.value), 0
                )
            else:
                self._chain(draft, draft.pieces, known)
        reused = {ref for ref in self._drafts if ref in known}
        for blob in self._blobs.values():
            reused.update(ref for ref in blob.references if ref not in self._blobs)
        return list(self._blobs.values()), sorted(reused)

    def _chain(self, draft: _Draft, pieces: list[bytes], known: Mapping[str, int]) -> None:
        previous = draft.prefix_refs[draft.base] if draft.base else None
        start = draft.base
        for stop in draft.stops:
            ref = draft.prefix_refs[stop]
            if ref not in known and ref not in self._blobs:
                value_bytes = sum(map(len, pieces[: 2 * stop])) + len(pieces[-1])
                drop_bytes = 0 if previous is None else len(pieces[-1])
                parts, rest = self._parts(draft, pieces, range(start, stop), known)
                node = ListNode(value_bytes, previous, drop_bytes, parts, rest + pieces[-1])
                self._blobs[ref] = NewBlob(
                    ref,
                    encode_node(node),
                    "list",
                    value_bytes,
                    self._depths[ref],
                    tuple(sorted(node.references())),
                )
            previous, start = ref, stop

    def _parts(
        self, draft: _Draft, pieces: list[bytes], indices: range, known: Mapping[str, int]
    ) -> tuple[tuple[Part, ...], bytes]:
        """The parts for some elements and the literal after the last; new elements are kept."""
        parts: list[Part] = []
        literal = b""
        for index in indices:
            literal += pieces[2 * index]
            cut = draft.cuts[index]
            if not cut:
                literal += pieces[2 * index + 1]
            elif len(cut) == 1 and self._depths.get(cut[0][0], 0) > 0:
                # The element is stored as a list. Its halves are none, so lists do not nest.
                element = cut[0][1]
                halves = (element[: len(element) // 2], element[len(element) // 2 :])
                cut = [(ref_of(half), half) for half in halves]
            for ref, content in cut:
                if ref not in known and ref not in self._blobs:
                    self._blobs[ref] = NewBlob(ref, content, "content", len(content), 0)
                parts.append(Part(literal, ref))
                literal = b""
        return tuple(parts), literal


def _cut(element: bytes) -> list[bytes]:
    """The element as blobs: none if it stands in the description, several if it is very large."""
    if len(element) <= INLINE_BYTES:
        return []
    return [element[at : at + CHUNK_BYTES] for at in range(0, len(element), CHUNK_BYTES)]
