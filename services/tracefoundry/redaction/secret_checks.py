"""Checks of the rules for secrets: whether a match is a value, or a word, name or placeholder.

A check gets the text and the range that would be taken out, and says what the pattern cannot tell.
The rows of the rule table name the functions of this module and of :mod:`.personal_data`.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error

from tracefoundry.redaction.base64_text import ALL_LETTERS
from tracefoundry.redaction.random_values import is_made_of_words

# Secrets that are known by what stands before them.

_URL_PLACEHOLDER = re.compile(
    rb"PASSWORD|PASS|PWD|\*+|x{3,}|\.{3,}|<.*>|\$?\{.*\}|\$[A-Z_]+|%s|\[.*\]"
)
_VARIABLE = re.compile(rb"\$[A-Za-z_][A-Za-z0-9_]*")
_COOKIE = re.compile(rb"\s*[^\s=;,]+=\S")


def is_bearer_token(text: bytes, start: int, end: int) -> bool:
    """A token, not the next word of a sentence about bearers."""
    value = text[start:end]
    if b"authorization" in text[max(0, start - 40) : start].lower():
        return True
    return any(48 <= byte <= 57 for byte in value) or len(value) >= 32


def is_url_password(text: bytes, start: int, end: int) -> bool:
    """Not a placeholder, as in documentation."""
    return _URL_PLACEHOLDER.fullmatch(text[start:end]) is None


def is_user_and_password(text: bytes, start: int, end: int) -> bool:
    """Base64 of ``user:password``; other characters may follow it without a gap."""
    value = text[start:end].rstrip(b"=")
    lengths = {len(value), len(value) // 4 * 4}
    return any(_decodes_to_user_and_password(value[:length]) for length in lengths)


def _decodes_to_user_and_password(value: bytes) -> bool:
    try:
        decoded = b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except Base64Error:
        return False
    return b":" in decoded and all(32 <= byte < 127 or byte >= 128 for byte in decoded)


def is_cookie(text: bytes, start: int, end: int) -> bool:
    """``name=value``, as cookies are."""
    return _COOKIE.match(text[start:end]) is not None


def is_credential(text: bytes, start: int, end: int) -> bool:
    """A credential, not the next word of a sentence or a variable."""
    value = text[start:end]
    return len(value) >= 8 and not value.isalpha() and _VARIABLE.fullmatch(value) is None


# Keys whose beginning is short.

_RANDOM_LETTERS = 64
_PREFIX = 3
"""Characters at the start of a key that are not random."""
_BASE64_LETTERS = 16
"""So many letters of base64 of all kinds before a key are base64, and not words or a path."""
_KINDS = tuple(re.compile(letters) for letters in (rb"[0-9]", rb"[A-Z]", rb"[a-z]"))


def is_outside_random_letters(text: bytes, start: int, end: int) -> bool:
    """False in the middle of many random letters, where any four of them stand now and then.

    The signs of base64 are edges too, so what stands before one must look random: a path does not.
    """
    before = text[max(0, start - _RANDOM_LETTERS) : start]
    if len(before) < _RANDOM_LETTERS or not ALL_LETTERS.issuperset(before):
        return True
    return not before[-1:].isalnum() and (not _has_all_kinds(before, 0) or is_made_of_words(before))


def is_separate_word(text: bytes, start: int, end: int) -> bool:
    """Whether no letter and no digit touches it."""
    return not text[start - 1 : start].isalnum() and not text[end : end + 1].isalnum()


def is_mixed(text: bytes, start: int, end: int) -> bool:
    """A random value: behind its prefix it has digits and letters of both cases, as a name in code
    rarely has. Not in the middle of base64, whose lines may be short."""
    before = text[max(0, start - _BASE64_LETTERS - 2) : start].translate(None, b"\r\n")
    in_base64 = (
        len(before) >= _BASE64_LETTERS
        and ALL_LETTERS.issuperset(before)
        and _has_all_kinds(before, 0)
    )
    return (
        _has_all_kinds(text[start:end], _PREFIX)
        and not in_base64
        and is_outside_random_letters(text, start, end)
    )


def _has_all_kinds(value: bytes, position: int) -> bool:
    return all(kind.search(value, position) for kind in _KINDS)


def is_mixed_word(text: bytes, start: int, end: int) -> bool:
    """A random value that no letter and no digit touches."""
    return is_separate_word(text, start, end) and is_mixed(text, start, end)
