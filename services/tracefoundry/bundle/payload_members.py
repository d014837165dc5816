"""Payloads as members: one each, or, beyond 5,000, the small ones in packs with an index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from tracefoundry.bundle.members import (
    CHUNK_BYTES,
    OWN_FILES,
    PACKED_BELOW_BYTES,
    IndexedPayload,
    numbered,
    payload_member,
)
from tracefoundry.bundle.payload_spool import PayloadSpool

Emit = Callable[[str, bytes], None]

_INDEX_START: Final = b'{"payloads":['
_INDEX_END: Final = b"]}"


def write_payloads(spool: PayloadSpool, emit: Emit) -> int:
    """Emit all payloads of a spool; the number of them."""
    count = sum(1 for _ in spool.sizes())
    packs = _Packs(emit) if count > OWN_FILES else None
    for digest, content in spool.contents():
        sha256 = digest.hex()
        if packs is not None and len(content) < PACKED_BELOW_BYTES:
            packs.add(sha256, content)
        else:
            emit(payload_member(sha256), content)
    if packs is not None:
        packs.close()
    return count


class _Packs:
    """The open pack and the open index."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._pack: list[bytes] = []
        self._pack_bytes = 0
        self._pack_number = 0
        self._index: list[bytes] = []
        self._index_bytes = len(_INDEX_START) + len(_INDEX_END)
        self._index_number = 0

    def add(self, sha256: str, content: bytes) -> None:
        if self._pack and self._pack_bytes + len(content) > CHUNK_BYTES:
            self._close_pack()
        name = numbered("pack", self._pack_number)
        line = msgspec.json.encode(IndexedPayload(sha256, name, self._pack_bytes, len(content)))
        self._pack.append(content)
        self._pack_bytes += len(content)
        if self._index and self._index_bytes + len(line) + 1 > CHUNK_BYTES:
            self._close_index()
        self._index.append(line)
        self._index_bytes += len(line) + 1

    def close(self) -> None:
        if self._pack:
            self._close_pack()
        if self._index:
            self._close_index()

    def _close_pack(self) -> None:
        self._emit(numbered("pack", self._pack_number), b"".join(self._pack))
        self._pack, self._pack_bytes = [], 0
        self._pack_number += 1

    def _close_index(self) -> None:
        content = _INDEX_START + b",".join(self._index) + _INDEX_END
        self._emit(numbered("index", self._index_number), content)
        self._index, self._index_bytes = [], len(_INDEX_START) + len(_INDEX_END)
        self._index_number += 1
