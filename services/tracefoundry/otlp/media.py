"""Which of OTLP's two encodings a Content-Type names (OTLP specification, "OTLP/HTTP").

The answer must carry the media type of the request, and the collector compares it exactly, so
:data:`CONTENT_TYPES` holds the bare canonical types.
"""

from __future__ import annotations

from typing import Literal

Encoding = Literal["protobuf", "json"]
"""How a request is encoded, and so its answer."""

CONTENT_TYPES: dict[Encoding, str] = {
    "protobuf": "application/x-protobuf",
    "json": "application/json",
}
"""The Content-Type of answers, by encoding."""

_ENCODINGS: dict[str, Encoding] = {
    "application/x-protobuf": "protobuf",
    "application/protobuf": "protobuf",
    "application/json": "json",
}


def parse_content_type(value: str | None) -> Encoding | None:
    """The encoding that a Content-Type header names; None when absent or unknown (415).

    Case and parameters (``; charset=utf-8``) do not matter.
    """
    if value is None:
        return None
    return _ENCODINGS.get(value.partition(";")[0].strip().lower())
