"""Payload references: ``sha256:<64 lower-case hex digits>`` of the exact bytes of a value.

A ref is the only name of a payload that leaves this package. Inside, where many are stored, it is
the 32 raw bytes of the digest.
"""

from __future__ import annotations

import hashlib
import re

SCHEME = "sha256:"
DIGEST_BYTES = 32

_REF = re.compile(r"sha256:[0-9a-f]{64}")


def ref_of(value: bytes) -> str:
    """The ref of a value: SHA-256 of its exact bytes."""
    return SCHEME + hashlib.sha256(value).hexdigest()


def ref_from_digest(digest: bytes) -> str:
    """The ref of a 32-byte SHA-256 digest."""
    return SCHEME + digest.hex()


def digest_of(ref: str) -> bytes:
    """The 32 bytes of a ref.

    Raises:
        ValueError: the text is no ref.
    """
    if _REF.fullmatch(ref) is None:
        shown = ref if len(ref) <= 80 else ref[:80] + "..."
        raise ValueError(
            f"{shown!r} is not a payload ref: use sha256: and 64 lower-case hex digits"
        )
    return bytes.fromhex(ref[len(SCHEME) :])
