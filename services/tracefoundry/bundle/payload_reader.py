"""Payloads of a bundle, from members of their own and from packs, each checked by its hash.

An index is not trusted: what it tells must be the pack, cut without gaps into payloads that have
the hashes it names.
"""

from __future__ import annotations

import hashlib
import heapq
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Protocol

import msgspec

from tracefoundry.bundle.errors import UNREADABLE, NotABundle
from tracefoundry.bundle.members import (
    MAX_PAYLOAD_BYTES,
    PAYLOADS,
    IndexedPayload,
    Member,
    PayloadIndex,
    kind_of,
    numbered,
    payload_member,
)


class ReadMember(Protocol):
    """Reads a whole member, checked against the manifest."""

    def __call__(self, member: Member, most_bytes: int = ..., /) -> bytes: ...


class PayloadReader:
    """Finds payloads. Keeps one pack and one index in memory."""

    def __init__(self, members: Mapping[str, Member], read: ReadMember) -> None:
        self._members = members
        self._read = read
        self._index_count = sum(1 for path in members if kind_of(path) == "index")
        self._starts: list[str] | None = None
        self._index: tuple[int, dict[str, IndexedPayload]] | None = None
        self._pack: tuple[str, bytes] | None = None

    def one(self, sha256: str) -> bytes | None:
        """One payload; None if it is not here."""
        member = self._members.get(payload_member(sha256))
        if member is not None:
            return self._own(member)
        place = self._place_of(sha256)
        return None if place is None else self._packed(place)

    def all(self) -> Iterator[tuple[str, bytes]]:
        """All payloads, by hash."""
        own = (
            (member.path[len(PAYLOADS) :], self._own(member))
            for path, member in sorted(self._members.items())
            if kind_of(path) == "payload"
        )
        yield from heapq.merge(own, self._all_packed(), key=_by_hash)

    def check_packs(self) -> int:
        """Prove all packs and indexes; the number of payloads in them."""
        return sum(1 for _ in self._all_packed())

    def _own(self, member: Member) -> bytes:
        if member.path != payload_member(member.sha256):
            raise NotABundle("its name is not its SHA-256", member=member.path)
        return self._read(member, MAX_PAYLOAD_BYTES)

    def _all_packed(self) -> Iterator[tuple[str, bytes]]:
        before, offset, pack_number, pack_name, pack = "", 0, -1, "", b""
        for number in range(self._index_count):
            name, entries = self._entries(number)
            for entry in entries:
                if entry.sha256 <= before:
                    raise NotABundle("is not sorted by hash", member=name)
                before = entry.sha256
                if entry.pack != pack_name:
                    self._check_cut(pack_number, pack, offset)
                    pack_number, offset = pack_number + 1, 0
                    pack_name = numbered("pack", pack_number)
                    pack = self._read_pack(entry.pack, name)
                if entry.pack != pack_name or entry.offset != offset:
                    raise NotABundle("leaves gaps in a pack, or skips one", member=name)
                offset += entry.bytes
                yield entry.sha256, _cut(pack, entry)
        self._check_cut(pack_number, pack, offset)
        packs = sum(1 for path in self._members if kind_of(path) == "pack")
        if packs != pack_number + 1:
            raise NotABundle("is in no index", member=numbered("pack", pack_number + 1))

    def _check_cut(self, number: int, pack: bytes, offset: int) -> None:
        if offset != len(pack):
            raise NotABundle("holds bytes that no index tells", member=numbered("pack", number))

    def _read_pack(self, path: str, index: str) -> bytes:
        member = self._members.get(path)
        if member is None or kind_of(path) != "pack":
            raise NotABundle(f"names a pack that is not there: {path[:40]!a}", member=index)
        return self._read(member)

    def _packed(self, entry: IndexedPayload) -> bytes:
        if self._pack is None or self._pack[0] != entry.pack:
            self._pack = (entry.pack, self._read_pack(entry.pack, numbered("index", 0)))
        return _cut(self._pack[1], entry)

    def _place_of(self, sha256: str) -> IndexedPayload | None:
        if not self._index_count:
            return None
        if self._starts is None:
            self._starts = [self._first(number) for number in range(self._index_count)]
        number = max(0, bisect_right(self._starts, sha256) - 1)
        if self._index is None or self._index[0] != number:
            _, entries = self._entries(number)
            self._index = (number, {entry.sha256: entry for entry in entries})
        return self._index[1].get(sha256)

    def _first(self, number: int) -> str:
        _, entries = self._entries(number)
        return entries[0].sha256 if entries else ""

    def _entries(self, number: int) -> tuple[str, list[IndexedPayload]]:
        name = numbered("index", number)
        member = self._members.get(name)
        if member is None:
            raise NotABundle("is missing among its numbered members", member=name)
        try:
            index = msgspec.json.decode(self._read(member), type=PayloadIndex)
        except UNREADABLE as error:
            raise NotABundle(f"cannot be read: {error}", member=name) from None
        return name, index.payloads


def _cut(pack: bytes, entry: IndexedPayload) -> bytes:
    content = pack[entry.offset : entry.offset + entry.bytes] if entry.offset >= 0 else b""
    if len(content) != entry.bytes or hashlib.sha256(content).hexdigest() != entry.sha256:
        raise NotABundle(
            f"does not hold payload {entry.sha256[:64]!a} where the index says",
            member=entry.pack,
        )
    return content


def _by_hash(item: tuple[str, bytes]) -> str:
    return item[0]
