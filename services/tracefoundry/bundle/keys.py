"""Ed25519 keys of bundles, as PEM files: PKCS8 for the private key, SPKI for the public one."""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from tracefoundry.bundle.errors import BadKey

_RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)


class PublicKey:
    """A key that signatures are checked with."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key

    @classmethod
    def from_pem(cls, pem: bytes) -> PublicKey:
        """Read a PEM public key.

        Raises:
            BadKey: it is none, or of another algorithm.
        """
        try:
            key = serialization.load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm):
            raise BadKey(
                "not a PEM public key; make a pair with tracefoundry bundle keygen"
            ) from None
        if not isinstance(key, Ed25519PublicKey):
            raise BadKey("not an Ed25519 public key; make a pair with tracefoundry bundle keygen")
        return cls(key)

    @property
    def key_id(self) -> str:
        """SHA-256 of the raw public key, in hex."""
        return hashlib.sha256(self._key.public_bytes(*_RAW)).hexdigest()

    def pem(self) -> bytes:
        """The key as SPKI in PEM."""
        return self._key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the owner of the key signed this message."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class SigningKey:
    """A key that bundles are signed with."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> SigningKey:
        """Read a PEM private key without a passphrase.

        Raises:
            BadKey: it is none, is encrypted, or is of another algorithm.
        """
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except TypeError:
            raise BadKey("the key is encrypted; give one without a passphrase") from None
        except (ValueError, UnsupportedAlgorithm):
            raise BadKey(
                "not a PEM private key; make one with tracefoundry bundle keygen"
            ) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise BadKey("not an Ed25519 private key; make one with tracefoundry bundle keygen")
        return cls(key)

    @property
    def public(self) -> PublicKey:
        """The key that others check with."""
        return PublicKey(self._key.public_key())

    def pem(self) -> bytes:
        """The key as PKCS8 in PEM, not encrypted."""
        return self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature."""
        return self._key.sign(message)
