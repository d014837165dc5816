"""Parsing of TRACEFOUNDRY_ENCRYPTION_KEYS."""

from __future__ import annotations

import base64
import secrets

import pytest

from tracefoundry.payloads.errors import InvalidKeys
from tracefoundry.payloads.keys import parse_keys


def encoded(length: int = 32) -> str:
    """Base64 of a random key."""
    return base64.b64encode(secrets.token_bytes(length)).decode()


@pytest.mark.parametrize("text", [None, "", "  "])
def test_without_the_variable_nothing_is_encrypted(text: str | None) -> None:
    """An empty ring has no current key."""
    assert None is parse_keys(text).current_id


def test_the_first_key_encrypts_and_all_decrypt() -> None:
    """Order decides which key is current; the others stay usable."""
    ring = parse_keys(f"new:{encoded()}, old:{encoded()}")
    assert ("new", True, True, False) == (
        ring.current_id,
        "new" in ring,
        "old" in ring,
        "other" in ring,
    )


def test_the_url_safe_alphabet_and_missing_padding_are_read() -> None:
    """Python's token and openssl's output both work, and give the same key."""
    secret = b"\xfb\xff" * 16
    urlsafe = base64.urlsafe_b64encode(secret).decode().rstrip("=")
    standard = base64.b64encode(secret).decode()
    first, second = parse_keys(f"k:{urlsafe}"), parse_keys(f"k:{standard}")
    digest = bytes(32)
    sealed = first.cipher("k", "default", digest).encrypt(bytes(12), b"content", b"")
    assert b"content" == second.cipher("k", "default", digest).decrypt(bytes(12), sealed, b"")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{key}", "entry 1 is not of the form"),
        ("ok:{other},{key}", "entry 2 is not of the form"),
        (":{key}", "entry 1 is not of the form"),
        ("{key}:id", "entry 1 is not of the form"),
        ("k:{key},", "entry 2 is not of the form"),
        ("k:{key}!", "the key of entry 1 is not base64"),
        ("k:{key}é", "the key of entry 1 is not base64"),
        ("k:{short}", "the key of entry 1 has 16 bytes, not 32"),
        ("k:", "the key of entry 1 has 0 bytes, not 32"),
        ("k:{key},k:{other}", "entry 2 has the id of an earlier entry"),
        ("k:{key},j:{key}", "entry 2 has the key of an earlier entry"),
    ],
)
def test_a_bad_entry_is_named_by_position_without_key_material(template: str, message: str) -> None:
    """Neither the message nor its causes show any part of a key."""
    keys = {"key": encoded(), "other": encoded(), "short": encoded(16)}
    with pytest.raises(InvalidKeys, match=message) as caught:
        parse_keys(template.format(**keys))
    shown = f"{caught.value}{caught.value.__cause__}"
    assert [] == [text for text in keys.values() if text in shown or text[:12] in shown]


def test_too_many_keys_are_refused() -> None:
    """The number of keys is bounded."""
    with pytest.raises(InvalidKeys, match="at most 32"):
        parse_keys(",".join(f"k{i}:{encoded()}" for i in range(33)))


def test_a_printed_ring_shows_ids_only() -> None:
    """A traceback with a ring in it leaks nothing."""
    assert "KeyRing(a, b)" == repr(parse_keys(f"a:{encoded()},b:{encoded()}"))
