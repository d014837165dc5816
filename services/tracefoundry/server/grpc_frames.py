"""HTTP/2 frames on their way through the gRPC front: codecs that grpcio does not know.

Both directions are rewritten in place, without reading more than the heads of frames:

- From a client, ``grpc-encoding: zstd`` becomes ``gzip``. grpcio is told not to decompress messages
  (``ingest.grpc`` does), so all it wants of a codec is a name that it knows. Both names have four
  letters, and three bytes in the Huffman code of HPACK (RFC 7541), so the field is replaced in
  place, and the compression state of both ends stays the same. A client names its codec literally
  in its first call, and refers to that entry later.
- From grpcio, the INTERNAL for other codecs becomes UNIMPLEMENTED, of the same length.
"""

from __future__ import annotations

_FRAME_HEAD = 9
_HEADERS = 1
_CONTINUATION = 9

_NAMES = (b"\x0dgrpc-encoding", b"\x8a\x9a\xca\xc8\xb1j!\xe45S\x7f")
_ZSTD_GZIP = ((b"\x04zstd", b"\x04gzip"), (b"\x83\xf6\x84\xc9", b"\x83\x9b\xd9\xab"))
_CODEC_NAMES = tuple((name + zstd, name + gzip) for name in _NAMES for zstd, gzip in _ZSTD_GZIP)
"""``grpc-encoding: zstd``, name and value each as they are or in Huffman code, and with gzip."""

_INTERNAL = b"\x0bgrpc-status\x0213"
_INTERNAL_CODEC = b"Error parsing 'grpc-encoding' metadata"
_UNIMPLEMENTED = b"\x0bgrpc-status\x0212"
_UNIMPLEMENTED_CODEC = b"codec not supported: send gzip or none"
"""What grpcio answers for an unknown codec, and what a sender should hear; of equal length."""


class MetadataTooLarge(Exception):
    """Metadata above the limit."""


class ClientFrames:
    """Finds header frames in a client's bytes, and rewrites codecs in them."""

    def __init__(self, most_header_bytes: int) -> None:
        self._most = most_header_bytes
        self._to_pass = 0
        self._incomplete = b""
        self._header_bytes = 0

    def rewritten(self, data: bytes) -> bytes:
        """The bytes to pass on; an incomplete header frame is kept back.

        Raises:
            MetadataTooLarge: a header block is above the limit.
        """
        if self._incomplete:
            data = self._incomplete + data
            self._incomplete = b""
        at, end = self._to_pass, len(data)
        while at + _FRAME_HEAD <= end:
            frame_end = at + _FRAME_HEAD + int.from_bytes(data[at : at + 3], "big")
            kind = data[at + 3]
            if kind in (_HEADERS, _CONTINUATION):
                block = frame_end - at + (self._header_bytes if kind == _CONTINUATION else 0)
                if block > self._most:
                    raise MetadataTooLarge
                if frame_end > end:
                    break
                self._header_bytes = block
                frame = data[at:frame_end]
                changed = _with_known_codec(frame)
                if changed is not frame:
                    data = data[:at] + changed + data[frame_end:]
            at = frame_end
        else:
            if at >= end:
                self._to_pass = at - end
                return data
        self._to_pass = 0
        self._incomplete = data[at:]
        return data[:at]


def _with_known_codec(frame: bytes) -> bytes:
    for zstd, gzip in _CODEC_NAMES:
        if zstd in frame:
            return frame.replace(zstd, gzip, 1)
    return frame


def with_unimplemented(data: bytes) -> bytes:
    """An answer of grpcio, in which an unknown codec is UNIMPLEMENTED."""
    if _INTERNAL_CODEC in data:
        data = data.replace(_INTERNAL_CODEC, _UNIMPLEMENTED_CODEC)
        data = data.replace(_INTERNAL, _UNIMPLEMENTED)
    return data
