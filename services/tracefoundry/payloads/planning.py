"""Plans which blobs a commit must store for the values of one project and day. Pure.

Values are added, then the database is asked twice which blobs it has, then the plan is made::

    plan = PayloadPlan()
    ref = plan.add(value)                        # for each value
    known = lookup(plan.first_lookup())          # ref -> depth of the stored blob
    known |= lookup(plan.second_lookup(known))
    blobs, reused = plan.finish(known)

The first lookup is for the values and for earlier lists that they may begin with. The second is for
the messages after the longest of these lists. So a conversation of n messages looks up a few refs
per turn, and not n. A stale or empty answer costs duplicate bytes, but never gives a wrong list.

A list that begins with a stored list refers to it, so list nodes form a chain. If no recent earlier
list is stored (on the first use of a day, or if the agent rewrites its last messages), a node is
also stored at every 16th message, so that a later list finds one close to its end. A chain that has
become too long starts again from one of these nodes.
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
"""Shorter lists are stored whole, because splitting them would cost more than it saves."""

INLINE_BYTES = 128
"""Messages up to this length are stored in the list node itself; a ref is not much shorter."""

CHUNK_BYTES = 4 * 1024 * 1024
"""Longer content is split at this length, so that any blob fits into a pack of 8 MiB."""

NODE_INTERVAL = 16
"""Messages between the list nodes that are stored if no recent earlier list is."""
_RECENT_PREFIXES = 32
_MAX_NODES = MAX_DEPTH // 2


class NewBlob(msgspec.Struct, frozen=True, gc=False):
    """A blob to encode, put and record.

    Attributes:
        ref: the ref of its value.
        content: the bytes to encode: the value, or a list node.
        form: which of the two.
        plain_bytes: length of the value.
        depth: 0 for content, else the length of the chain of list nodes. It is stored with the
            ref, because lookups return it.
        references: refs that must stay stored as long as this blob.
    """

    ref: str
    content: bytes
    form: Form
    plain_bytes: int
    depth: int
    references: tuple[str, ...] = ()


class _Draft:
    """A value of the plan, and how it can be split.

    Attributes:
        pieces: separators and elements in turn, see :mod:`tracefoundry.payloads.segments`; None
            for a value that is stored whole.
        prefix_refs: for some numbers of elements, the ref of the list of the first so many.
        candidates: these numbers, largest first: earlier lists that may be stored.
        base: number of elements of the stored list that this one refers to; 0 for none.
        node_ends: numbers of elements at which a list node is stored, the last one for the value.
        element_blobs: by index of an element, refs and contents of the blobs that it is stored in.
    """

    __slots__ = (
        "base",
        "candidates",
        "element_blobs",
        "node_ends",
        "pieces",
        "prefix_refs",
        "ref",
        "value",
    )

    def __init__(self, value: bytes, ref: str) -> None:
        self.value = value
        self.ref = ref
        self.pieces = split(value) if len(value) >= MIN_SPLIT_BYTES else None
        self.prefix_refs: dict[int, str] = {}
        self.candidates: list[int] = []
        self.base = 0
        self.node_ends: list[int] = []
        self.element_blobs: dict[int, list[tuple[str, bytes]]] = {}
        if self.pieces is not None:
            self._hash_prefixes(self.pieces)
        elif len(value) > CHUNK_BYTES:
            self.pieces = [b""]
            for start in range(0, len(value), CHUNK_BYTES):
                self.pieces += (value[start : start + CHUNK_BYTES], b"")
            self.prefix_refs[len(self.pieces) // 2] = self.ref

    def _hash_prefixes(self, pieces: Sequence[bytes]) -> None:
        """Refs of earlier lists that this one may begin with: its prefixes, closed like it."""
        count = len(pieces) // 2
        aligned = list(range(NODE_INTERVAL, count, NODE_INTERVAL))[-2 * _MAX_NODES :]
        wanted = sorted({*aligned, *range(max(1, count - _RECENT_PREFIXES), count)})
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
        """Choose the longest usable earlier list, and enter the depths of the new nodes."""
        count = 0 if self.pieces is None else len(self.pieces) // 2
        longest_allowed = MAX_DEPTH
        self.base, depth = 0, 0
        for candidate in self.candidates:
            known = depths.get(self.prefix_refs[candidate])
            if known is None:
                continue
            if known + len(self._node_ends_after(candidate, count)) <= longest_allowed:
                self.base, depth = candidate, known
                break
            # If a chain is too long, the next one must be much shorter, to leave space for growth.
            longest_allowed = MAX_DEPTH // 2
        # Known lists after the base were passed over because of their depth.
        self.node_ends = [
            node_end
            for node_end in self._node_ends_after(self.base, count)
            if self.prefix_refs[node_end] not in depths
        ]
        for node_end in self.node_ends:
            depth += 1
            depths[self.prefix_refs[node_end]] = depth
        for index, element in enumerate((self.pieces or [])[2 * self.base + 1 :: 2], self.base):
            self.element_blobs[index] = [
                (ref_of(content), content) for content in _split_element(element)
            ]

    def _node_ends_after(self, base: int, count: int) -> list[int]:
        if count - base <= NODE_INTERVAL or not self.candidates:
            return [count]
        between = [
            i
            for i in range(NODE_INTERVAL, count, NODE_INTERVAL)
            if i > base and i in self.prefix_refs
        ]
        return [*between[-(_MAX_NODES - 1) :], count]


class PayloadPlan:
    """The values of one project and one day in one commit."""

    def __init__(self) -> None:
        """Start empty."""
        self._drafts: dict[str, _Draft] = {}
        self._depths: dict[str, int] = {}
        self._missing: list[_Draft] = []
        self._blobs: dict[str, NewBlob] = {}

    def add(self, value: bytes, ref: str | None = None) -> str:
        """Add a value; returns its ref. A caller that knows the ref may pass it.

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
        """A value that was added, by its ref.

        Raises:
            KeyError: it was not added.
        """
        return self._drafts[ref].value

    def first_lookup(self) -> list[str]:
        """Refs of the values and of earlier lists that they may begin with."""
        refs: dict[str, None] = {}
        for draft in self._drafts.values():
            refs[draft.ref] = None
            refs.update(dict.fromkeys(draft.prefix_refs[i] for i in draft.candidates))
        return list(refs)

    def second_lookup(self, known: Mapping[str, int]) -> list[str]:
        """Refs of the messages that the chosen earlier lists do not have."""
        self._depths = dict(known)
        self._missing = []
        refs: dict[str, None] = {}
        # Shorter ones first, so that a list finds earlier lists of the same commit.
        for draft in sorted(self._drafts.values(), key=lambda draft: len(draft.value)):
            if draft.ref in self._depths:
                continue
            self._missing.append(draft)
            if draft.pieces is None:
                self._depths[draft.ref] = 0
                continue
            draft.choose_base(self._depths)
            refs.update((ref, None) for blobs in draft.element_blobs.values() for ref, _ in blobs)
        return [ref for ref in refs if ref not in known]

    def finish(self, known: Mapping[str, int]) -> tuple[list[NewBlob], list[str]]:
        """The blobs to store, each after those it references, and the refs of stored blobs in use.

        ``known`` has the answers of both lookups. The transaction must lock the rows of the blobs
        in use, so that no deletion removes them before it commits.
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
        for node_end in draft.node_ends:
            ref = draft.prefix_refs[node_end]
            if ref not in known and ref not in self._blobs:
                value_bytes = sum(map(len, pieces[: 2 * node_end])) + len(pieces[-1])
                drop_bytes = 0 if previous is None else len(pieces[-1])
                parts, rest = self._parts(draft, pieces, range(start, node_end), known)
                node = ListNode(value_bytes, previous, drop_bytes, parts, rest + pieces[-1])
                self._blobs[ref] = NewBlob(
                    ref,
                    encode_node(node),
                    "list",
                    value_bytes,
                    self._depths[ref],
                    tuple(sorted(node.references())),
                )
            previous, start = ref, node_end

    def _parts(
        self, draft: _Draft, pieces: list[bytes], indices: range, known: Mapping[str, int]
    ) -> tuple[tuple[Part, ...], bytes]:
        """The parts for some elements, and the literal after the last; new blobs are recorded."""
        parts: list[Part] = []
        literal = b""
        for index in indices:
            literal += pieces[2 * index]
            blobs = draft.element_blobs[index]
            if not blobs:
                literal += pieces[2 * index + 1]
            elif len(blobs) == 1 and self._depths.get(blobs[0][0], 0) > 0:
                # The element is itself stored as a list. Its halves are not, so lists do not nest.
                element = blobs[0][1]
                halves = (element[: len(element) // 2], element[len(element) // 2 :])
                blobs = [(ref_of(half), half) for half in halves]
            for ref, content in blobs:
                if ref not in known and ref not in self._blobs:
                    self._blobs[ref] = NewBlob(ref, content, "content", len(content), 0)
                parts.append(Part(literal, ref))
                literal = b""
        return tuple(parts), literal


def _split_element(element: bytes) -> list[bytes]:
    """The blobs of an element: none if it fits into the list node, several if it is very large."""
    if len(element) <= INLINE_BYTES:
        return []
    return [element[at : at + CHUNK_BYTES] for at in range(0, len(element), CHUNK_BYTES)]
