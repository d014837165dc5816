"""Encryption keys of payloads: ``TRACEFOUNDRY_ENCRYPTION_KEYS=id:base64,...``.

The first key encrypts, and all keys decrypt. To rotate, put a new key in front; remove the old one
when the payloads that it encrypted have expired. Messages name a malformed entry by its position,
because the text in place of its id may be the key itself.

Each blob has its own key, derived from the configured key, the project and the blob's ref. AES-GCM
with random nonces is safe for 2**32 messages per key (NIST SP 800-38D, 8.3), which a busy platform
would reach. A derived key encrypts only the one content that its ref names.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tracefoundry.payloads.errors import InvalidKeys

KEY_BYTES = 32
MAX_KEYS = 32
VARIABLE = "TRACEFOUNDRY_ENCRYPTION_KEYS"

_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_DERIVATION_LABEL = b"tracefoundry payload key 1\x00"


class KeyRing:
    """The configured keys. An empty ring stores payloads without encryption.

    Attributes:
        current_id: id of the key that encrypts, None for an empty ring.
    """

    __slots__ = ("_keys", "current_id")

    def __init__(self, keys: Mapping[str, bytes] | None = None) -> None:
        """Take 32-byte keys by id; the first one encrypts."""
        self._keys = dict(keys or {})
        self.current_id: str | None = next(iter(self._keys), None)

    def __repr__(self) -> str:
        """Only the ids, because a ring may appear in a traceback."""
        return f"KeyRing({', '.join(self._keys)})"

    def __contains__(self, key_id: object) -> bool:
        """True if payloads that this key encrypted can be read."""
        return key_id in self._keys

    def cipher(self, key_id: str, project: str, digest: bytes) -> AESGCM:
        """AES-256-GCM under the key of one blob.

        Raises:
            KeyError: no key has that id.
        """
        context = _DERIVATION_LABEL + project.encode() + b"\x00" + digest
        return AESGCM(hmac.digest(self._keys[key_id], context, "sha256"))


def parse_keys(text: str | None) -> KeyRing:
    """The key ring from the variable's value; an empty ring if it is unset or empty.

    Raises:
        InvalidKeys: an entry is malformed; the message names its position and quotes nothing.
    """
    if text is None or not text.strip():
        return KeyRing()
    entries = text.split(",")
    if len(entries) > MAX_KEYS:
        raise InvalidKeys(f"{VARIABLE} has {len(entries)} entries; at most {MAX_KEYS} are possible")
    keys: dict[str, bytes] = {}
    for position, entry in enumerate(entries, start=1):
        key_id, separator, encoded = entry.strip().partition(":")
        if not separator or _KEY_ID.fullmatch(key_id) is None:
            raise InvalidKeys(
                f"{VARIABLE}: entry {position} is not of the form id:base64, where the id has up to"
                " 32 letters, digits, dots, dashes or underscores"
            )
        if key_id in keys:
            raise InvalidKeys(f"{VARIABLE}: entry {position} has the id of an earlier entry")
        secret = _decode(encoded, position)
        if secret in keys.values():
            raise InvalidKeys(f"{VARIABLE}: entry {position} has the key of an earlier entry")
        keys[key_id] = secret
    return KeyRing(keys)


def _decode(encoded: str, position: int) -> bytes:
    # Standard and URL-safe base64, with or without padding.
    standard = encoded.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        secret = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        # The cause may quote its input, so it is not chained.
        raise InvalidKeys(
            f"{VARIABLE}: the key of entry {position} is not base64; make one with"
            " `openssl rand -base64 32`"
        ) from None
    if len(secret) != KEY_BYTES:
        raise InvalidKeys(
            f"{VARIABLE}: the key of entry {position} has {len(secret)} bytes, not {KEY_BYTES};"
            " make one with `openssl rand -base64 32`"
        )
    return secret
