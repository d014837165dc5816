"""Encoding of one payload blob: zstd, then AES-256-GCM if keys are configured.

A stored blob begins with a header, so that an object can be read without the database::

    "TFB"  version (1)  kind  key id length  content length (4)  body length (4)  key id  nonce (12)

The low four bits of ``kind`` are the compression (0 raw, 1 zstd), the high four the form: 0 is the
content itself, 1 a list node (see :mod:`tracefoundry.payloads.lists`). Without encryption there is
no key id and no nonce. Numbers are big-endian. The associated data of AES-GCM is the header up to
the nonce, the project and the ref, so no blob can be passed off as another or as another project's.

Content is verified against its ref before any byte is returned. The ref of a list node is that of
the whole list. So the node itself has a checksum, and the list is verified when it is assembled.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from typing import Literal

import msgspec
import zstandard
from cryptography.exceptions import InvalidTag

from tracefoundry.model.limits import MAX_BODY_BYTES
from tracefoundry.model.payload import digest_of
from tracefoundry.payloads.errors import PayloadCorrupt, UnknownKey
from tracefoundry.payloads.keys import KeyRing

MAX_CONTENT_BYTES = MAX_BODY_BYTES
"""The longest content: no value is longer than the OTLP body that brought it."""

Codec = Literal["raw", "zstd"]
Form = Literal["content", "list"]

# For prompts of a few kilobytes level 1 takes half the time of level 3; the size differs by 0.5 %.
_ZSTD_LEVEL = 1
_MAGIC = b"TFB"
_VERSION = 1
_HEADER = struct.Struct(">3sBBBII")
_NONCE_BYTES = 12
_CHECKSUM_BYTES = 16
_AAD_LABEL = b"tracefoundry payload blob\x00"
_CODECS: tuple[Codec, ...] = ("raw", "zstd")
_FORMS: tuple[Form, ...] = ("content", "list")


class EncodedBlob(msgspec.Struct, frozen=True, gc=False):
    """A blob as it is stored.

    Attributes:
        ref: the ref of its value.
        data: header and body.
        plain_bytes: length of the value; for a list node, of the whole list.
        codec: how the body is compressed.
        form: whether the body is the value or a list node.
    """

    ref: str
    data: bytes
    plain_bytes: int
    codec: Codec
    form: Form = "content"


class DecodedBlob(msgspec.Struct, frozen=True, gc=False):
    """A verified blob: its form, and the content or the encoded list node."""

    form: Form
    content: bytes


class BlobCodec:
    """Encodes and decodes blobs. One instance serves one thread at a time."""

    def __init__(self, keys: KeyRing | None = None) -> None:
        """Encrypt with the ring's current key; an empty ring does not encrypt."""
        self._keys = keys or KeyRing()
        self._compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL)
        self._decompressor = zstandard.ZstdDecompressor()

    def encode(
        self,
        project: str,
        ref: str,
        content: bytes,
        *,
        form: Form = "content",
        plain_bytes: int | None = None,
    ) -> EncodedBlob:
        """Compress and, if keys are configured, encrypt.

        ``ref`` is not checked. ``plain_bytes`` is needed for a list node: the length of its list.

        Raises:
            ValueError: more than MAX_CONTENT_BYTES, or a malformed ref.
        """
        digest = digest_of(ref)
        plain = content if form == "content" else _checksum(content) + content
        if len(plain) > MAX_CONTENT_BYTES:
            raise ValueError(f"payload {ref} has {len(plain)} bytes, over {MAX_CONTENT_BYTES}")
        body = self._compressor.compress(plain)
        codec: Codec = "zstd"
        if len(body) >= len(plain):
            body, codec = plain, "raw"
        kind = _CODECS.index(codec) | _FORMS.index(form) << 4
        key_id = self._keys.current_id
        if key_id is None:
            header = _HEADER.pack(_MAGIC, _VERSION, kind, 0, len(plain), len(body))
        else:
            name = key_id.encode()
            sealed_bytes = len(body) + 16  # AES-GCM appends a 16-byte tag
            header = (
                _HEADER.pack(_MAGIC, _VERSION, kind, len(name), len(plain), sealed_bytes) + name
            )
            nonce = os.urandom(_NONCE_BYTES)
            cipher = self._keys.cipher(key_id, project, digest)
            body = cipher.encrypt(nonce, body, _aad(header, project, digest))
            header += nonce
        return EncodedBlob(
            ref, header + body, len(content) if plain_bytes is None else plain_bytes, codec, form
        )

    def decode(self, project: str, ref: str, data: bytes) -> DecodedBlob:
        """Decrypt, decompress and verify one stored blob.

        Raises:
            PayloadCorrupt: the bytes are not what was stored under this ref in this project.
            UnknownKey: the blob was encrypted with a key that is not configured.
        """
        digest = digest_of(ref)
        if len(data) < _HEADER.size:
            raise PayloadCorrupt(ref, "its header is cut off")
        magic, version, kind, id_bytes, plain_bytes, body_bytes = _HEADER.unpack_from(data)
        if magic != _MAGIC or version != _VERSION:
            raise PayloadCorrupt(ref, "it does not begin with a known header")
        if kind & 15 >= len(_CODECS) or kind >> 4 >= len(_FORMS):
            raise PayloadCorrupt(ref, "its header names an unknown codec or form")
        if plain_bytes > MAX_CONTENT_BYTES or len(data) != _stored_bytes(id_bytes, body_bytes):
            raise PayloadCorrupt(ref, "its length differs from its header")
        if id_bytes:
            body = self._decrypt(project, ref, digest, data, id_bytes)
        else:
            body = data[_HEADER.size :]
        if _CODECS[kind & 15] == "zstd":
            body = self._decompress(ref, body, plain_bytes)
        if len(body) != plain_bytes:
            raise PayloadCorrupt(ref, "its length differs from its header")
        form = _FORMS[kind >> 4]
        if form == "content":
            if hashlib.sha256(body).digest() != digest:
                raise PayloadCorrupt(ref, "its content has another SHA-256")
            return DecodedBlob(form, body)
        node = body[_CHECKSUM_BYTES:]
        if body[:_CHECKSUM_BYTES] != _checksum(node):
            raise PayloadCorrupt(ref, "the list node has another checksum")
        return DecodedBlob(form, node)

    def _decrypt(self, project: str, ref: str, digest: bytes, data: bytes, id_bytes: int) -> bytes:
        header_bytes = _HEADER.size + id_bytes
        try:
            key_id = data[_HEADER.size : header_bytes].decode("ascii")
        except UnicodeDecodeError:
            raise PayloadCorrupt(ref, "its header names no valid key id") from None
        if key_id not in self._keys:
            raise UnknownKey(ref, key_id)
        body_at = header_bytes + _NONCE_BYTES
        nonce = data[header_bytes:body_at]
        aad = _aad(data[:header_bytes], project, digest)
        try:
            return self._keys.cipher(key_id, project, digest).decrypt(nonce, data[body_at:], aad)
        except InvalidTag:
            raise PayloadCorrupt(ref, "it fails authentication") from None

    def _decompress(self, ref: str, body: bytes, plain_bytes: int) -> bytes:
        try:
            # The frame's own length is what the decompressor allocates, so it is checked first.
            if zstandard.frame_content_size(body) != plain_bytes:
                raise PayloadCorrupt(ref, "its length differs from its header")
            return self._decompressor.decompress(body, allow_extra_data=False)
        except zstandard.ZstdError:
            raise PayloadCorrupt(ref, "it cannot be decompressed") from None


def walk_blobs(data: bytes) -> Iterator[tuple[int, int]]:
    """Offset and length of each blob in an object, from the blobs' own headers.

    Raises:
        ValueError: the bytes at an offset are not a blob.
    """
    offset = 0
    while offset < len(data):
        length = 0
        if len(data) - offset >= _HEADER.size:
            magic, version, _, id_bytes, _, body_bytes = _HEADER.unpack_from(data, offset)
            if magic == _MAGIC and version == _VERSION:
                length = _stored_bytes(id_bytes, body_bytes)
        if not 0 < length <= len(data) - offset:
            raise ValueError(f"there is no blob at offset {offset}")
        yield offset, length
        offset += length


def _stored_bytes(id_bytes: int, body_bytes: int) -> int:
    return _HEADER.size + (id_bytes + _NONCE_BYTES if id_bytes else 0) + body_bytes


def _aad(header: bytes, project: str, digest: bytes) -> bytes:
    return _AAD_LABEL + header + project.encode() + b"\x00" + digest


def _checksum(node: bytes) -> bytes:
    return hashlib.sha256(node).digest()[:_CHECKSUM_BYTES]
