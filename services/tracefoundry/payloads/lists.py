"""List nodes: a list of messages stored as the previous list plus what was appended.

A list node has the ref of an earlier list, the number of bytes to drop from its end (the closing
bracket), and then the appended pieces: literal bytes (separators and tiny elements) and refs of
messages. So a conversation of n turns costs n short nodes, and not n lists of up to n refs.

A value that is too large for one blob is stored in the same form, split at fixed lengths.

Reading assembles the bytes and verifies them against the ref before anything is returned.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

import msgspec

from tracefoundry.model.payload import DIGEST_BYTES, digest_of, ref_from_digest
from tracefoundry.payloads.codec import MAX_CONTENT_BYTES, DecodedBlob
from tracefoundry.payloads.errors import PayloadCorrupt, PayloadMissing

MAX_DEPTH = 64
"""The longest chain of list nodes that a writer creates. It limits the steps of a read."""

# Two writers may refer to each other's new lists at the same time, so the nesting can be deeper
# than either writer knew. Deeper than this no writer can have created it, and it is refused.
_MAX_READ_DEPTH = 4 * MAX_DEPTH

Fetch = Callable[[Sequence[str]], Mapping[str, DecodedBlob]]
"""Verified blobs by ref, all in one request; refs that are not stored are left out."""


class Part(msgspec.Struct, frozen=True, gc=False):
    """A message of a list: the literal bytes before it, and its ref."""

    literal: bytes
    ref: str


class ListNode(msgspec.Struct, frozen=True, gc=False):
    """How one list is put together.

    Attributes:
        value_bytes: length of the list.
        previous: ref of the list that this one begins with; None if there is none.
        drop_bytes: number of bytes at the end of the previous list that this one does not have.
        parts: the appended messages.
        tail: literal bytes after the last part.
    """

    value_bytes: int
    previous: str | None
    drop_bytes: int
    parts: tuple[Part, ...]
    tail: bytes

    def references(self) -> set[str]:
        """All refs that the list needs to be readable."""
        refs = {part.ref for part in self.parts}
        return refs if self.previous is None else refs | {self.previous}


def encode_node(node: ListNode) -> bytes:
    """The bytes of a list node: numbers as LEB128, refs as 32 raw bytes."""
    out = bytearray()
    _put_number(out, node.value_bytes)
    out.append(0 if node.previous is None else 1)
    if node.previous is not None:
        out += digest_of(node.previous)
        _put_number(out, node.drop_bytes)
    _put_number(out, len(node.parts))
    for part in node.parts:
        _put_number(out, len(part.literal))
        out += part.literal
        out += digest_of(part.ref)
    return bytes(out + node.tail)


def decode_node(data: bytes) -> ListNode:
    """A list node from its bytes.

    Raises:
        ValueError: the bytes are not a list node.
    """
    value_bytes, position = _number(data, 0)
    has_previous, position = _number(data, position)
    previous, drop_bytes = None, 0
    if has_previous:
        digest, position = _slice(data, position, DIGEST_BYTES)
        previous = ref_from_digest(digest)
        drop_bytes, position = _number(data, position)
    count, position = _number(data, position)
    if count * (DIGEST_BYTES + 1) > len(data):
        raise ValueError("more parts than bytes")
    parts = []
    for _ in range(count):
        length, position = _number(data, position)
        literal, position = _slice(data, position, length)
        digest, position = _slice(data, position, DIGEST_BYTES)
        parts.append(Part(literal, ref_from_digest(digest)))
    return ListNode(value_bytes, previous, drop_bytes, tuple(parts), data[position:])


def assemble(ref: str, fetch: Fetch) -> bytes:
    """The verified bytes of a payload, stored as content or as a list.

    Makes one fetch for each node of the chain and one for all messages.

    Raises:
        PayloadCorrupt: the bytes are not those that the ref names.
        PayloadMissing: a blob that the payload needs is not stored.
        Exception: whatever ``fetch`` raises.
    """
    return _assemble(ref, fetch, {}, _MAX_READ_DEPTH)


def _assemble(ref: str, fetch: Fetch, known: dict[str, DecodedBlob], depth: int) -> bytes:
    chain: list[ListNode] = []
    base = b""
    current: str | None = ref
    while current is not None:
        blob = _fetched(current, fetch, known)
        if blob.form == "content":
            base = blob.content
            break
        node = _read_node(current, blob)
        # The value must get shorter with every step, so damaged nodes cannot form a cycle.
        if depth <= len(chain) or (chain and node.value_bytes >= chain[-1].value_bytes):
            raise PayloadCorrupt(ref, "its lists do not end")
        chain.append(node)
        current = node.previous
    if not chain:
        return base
    needed = list(dict.fromkeys(p.ref for node in chain for p in node.parts if p.ref not in known))
    if needed:
        known.update(fetch(needed))
    value = bytearray(base)
    for node in reversed(chain):
        if node.drop_bytes:
            del value[-node.drop_bytes :]
        for part in node.parts:
            value += part.literal
            blob = _fetched(part.ref, fetch, known)
            if blob.form == "content":
                value += blob.content
            else:
                if _read_node(part.ref, blob).value_bytes >= node.value_bytes:
                    raise PayloadCorrupt(ref, "its lists do not end")
                value += _assemble(part.ref, fetch, known, depth - len(chain))
            if len(value) > node.value_bytes:
                raise PayloadCorrupt(ref, "its parts are longer than the list")
        value += node.tail
        if len(value) != node.value_bytes:
            raise PayloadCorrupt(ref, "its parts have another length than the list")
    if hashlib.sha256(value).digest() != digest_of(ref):
        raise PayloadCorrupt(ref, "its content has another SHA-256")
    return bytes(value)


def _fetched(ref: str, fetch: Fetch, known: dict[str, DecodedBlob]) -> DecodedBlob:
    if ref not in known:
        known.update(fetch([ref]))
    if ref not in known:
        raise PayloadMissing(ref)
    return known[ref]


def _read_node(ref: str, blob: DecodedBlob) -> ListNode:
    try:
        node = decode_node(blob.content)
    except ValueError:
        raise PayloadCorrupt(ref, "the list node cannot be read") from None
    if node.value_bytes > MAX_CONTENT_BYTES:
        raise PayloadCorrupt(ref, "the list is longer than any payload")
    return node


def _put_number(out: bytearray, number: int) -> None:
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def _number(data: bytes, position: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 35, 7):
        if position >= len(data):
            break
        byte = data[position]
        position += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, position
    raise ValueError("a number is cut off")


def _slice(data: bytes, position: int, length: int) -> tuple[bytes, int]:
    end = position + length
    if end > len(data):
        raise ValueError("bytes are missing")
    return data[position:end], end
