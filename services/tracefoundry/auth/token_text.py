"""What a token looks like, how it is kept, and where a request carries it.

Only the SHA-256 of a token is stored. A fast hash is right here: our tokens hold 256 random bits,
which cannot be guessed, and those that people bring along must hold 128.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence

from tracefoundry.auth.errors import AccessError, Unauthenticated
from tracefoundry.auth.token_strength import LEAST_BITS, is_strong

PREFIX = "tf_"
"""Beginning of the tokens made here, so that scanners and people recognise a leaked one."""
SHORTEST = 16
"""Least characters of a token that somebody brings along."""
LONGEST = 512
REMEDY = "Make one with: openssl rand -hex 32"


def new_token() -> str:
    """A new token: ``tf_`` and 32 random bytes in the alphabet of URLs."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode("ascii")).digest()


def plausible(token: str) -> bool:
    """True for what could be a token at all: visible ASCII of a length that is taken."""
    return (
        SHORTEST <= len(token) <= LONGEST
        and token.isascii()
        and token.isprintable()
        and " " not in token
    )


def check_brought(token: str, origin: str) -> None:
    """Refuse a token of somebody's own making that is too weak or cannot be sent.

    Raises:
        AccessError: with ``origin`` instead of the token.
    """
    if not plausible(token):
        raise AccessError(
            "invalid",
            f"the token in {origin} is not {SHORTEST} to {LONGEST} visible ASCII characters",
            REMEDY,
        )
    if not is_strong(token):
        raise AccessError(
            "invalid",
            f"the token in {origin} can be guessed: it holds less than {LEAST_BITS} random bits, or"
            " repeats, sequences or words",
            REMEDY,
        )


def token_of(authorization: Sequence[str], *, basic: bool) -> str:
    """The token of a request's ``Authorization`` headers.

    Args:
        authorization: all of them, as they came.
        basic: take the password of ``Basic`` as a token too, which SDKs of others send that know
            a public and a secret key.

    Raises:
        Unauthenticated: there is none, or nothing that could be one.
    """
    if not authorization:
        raise Unauthenticated("a token is needed")
    if len(authorization) > 1:
        raise Unauthenticated("there is more than one Authorization header")
    scheme, _, value = authorization[0].strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "basic" and basic:
        value = _password(value)
    elif scheme.lower() != "bearer":
        raise Unauthenticated("the Authorization header is not of the form: Bearer TOKEN")
    if not plausible(value):
        raise Unauthenticated("the token is not known, or is not valid any more")
    return value


def _password(value: str) -> str:
    try:
        decoded = base64.b64decode(value, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise Unauthenticated("the Authorization header is not valid Basic") from None
    return decoded.partition(":")[2]
