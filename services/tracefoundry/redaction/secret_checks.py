"""Checks of the rules for secrets: whether a match is a value, or a word, name or placeholder.

A check gets the text and the range that would be taken out, and says what the pattern cannot tell.
The rows of the rule table name the functions of this module and of :mod:`.personal_data`.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error

from tracefoundry.redaction.base64_text import ALL_LETTERS
from tracefoundry.redaction.denied_keys import LOG_PROBABILITY, KeyNames, is_compared

# Secrets that are known by what stands before them.

_WORD_OR_PLACEHOLDER = re.compile(
    rb"[A-Za-z_][a-z_]*|[A-Z_]+|[A-Za-z_.]+|<.*|\$.*|%.*|\*+|x{3,}|\.{3,}"
    rb"|(?:self|this|cls|os|process|env|config|settings|args|request|req|response|ctx|user)\..*",
    re.ASCII,
)
_URL_PLACEHOLDER = re.compile(
    rb"PASSWORD|PASS|PWD|\*+|x{3,}|\.{3,}|<.*>|\$?\{.*\}|\$[A-Z_]+|%s|\[.*\]"
)
_ENVIRONMENT = re.compile(
    rb"(?:^|[\n?&;])(?:export )?[A-Za-z0-9_.-]*=$|(?:^|[^A-Za-z0-9_])[A-Z0-9_]+=$"
)
"""What stands before a value that is taken out even if it is a plain word: an environment file,
a query string, a connection string."""
_NAME_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
_NAME_BYTES = 80
_CODE_BEHIND_STRING = re.compile(rb"\s*(?:[+,.;)\]}]|%[\s(]|$)")
"""What follows the closing quote of a string in code."""
_VARIABLE = re.compile(rb"\$[A-Za-z_][A-Za-z0-9_]*")
_COOKIE = re.compile(rb"\s*[^\s=;,]+=\S")

_BUILTIN_NAMES = KeyNames((), ())


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


def is_assigned_secret(text: bytes, start: int, end: int) -> bool:
    """A value under a denied name; not a name in code, a placeholder, or the next word of a
    sentence."""
    before = text[max(0, start - 120) : start]
    name, key = _name_at_end(before.rstrip(b"\"'").rstrip(b" \t\r\n:=>\xef\xbc\x9a"), b"\"']")
    if not _BUILTIN_NAMES.denied(name) or is_compared(
        key[:-1] if key.endswith((b'"', b"'")) else key
    ):
        return False
    value = text[start:end]
    if text[start - 1 : start] in (b'"', b"'"):
        if name == "token" and LOG_PROBABILITY.match(text, end):
            return False
        return value.strip(b" *.:_<>-") != b"" and not _is_behind_string(text, start)
    if value.startswith(b"=") or value.decode("latin-1").lower() in name.lower():
        return False
    if _ENVIRONMENT.search(text[max(0, start - 80) : start]):
        return not _is_word(value) or value.isalnum()
    is_call = text[end : end + 1] in (b"(", b"[") and not text[start : start + 1].isdigit()
    return len(value) >= 6 and not _is_word(value) and not is_call


def _name_at_end(before: bytes, closing: bytes) -> tuple[str, bytes]:
    """The name that a text ends with, ``closing`` characters behind it left out, and the text
    before the name."""
    trimmed = before.rstrip(closing)
    name = trimmed[len(trimmed.rstrip(_NAME_CHARACTERS)) :][-_NAME_BYTES:]
    return name.decode("latin-1"), trimmed[: len(trimmed) - len(name)]


def _is_behind_string(text: bytes, start: int) -> bool:
    """Whether the quote before ``start`` closes a string, as in ``"password: " + name``: code
    follows it, and the quote before it in its line opens a string, because text follows that."""
    if _CODE_BEHIND_STRING.match(text[start : start + 40]) is None:
        return False
    line = text[max(0, start - 400) : start - 1].rpartition(b"\n")[2]
    _, opening, content = line.rpartition(text[start - 1 : start])
    return bool(opening) and content[:1] not in b" \t,;:)]}+.="


def _is_word(value: bytes) -> bool:
    """A word, a name or a placeholder."""
    return _WORD_OR_PLACEHOLDER.fullmatch(value) is not None


def is_option_value(text: bytes, start: int, end: int) -> bool:
    """The value of ``--password`` or of ``<password>``, not a name or a placeholder."""
    name, _ = _name_at_end(text[max(0, start - 100) : start], b">\"' \t\r\n")
    if not _BUILTIN_NAMES.denied(name) or name.endswith(("-file", "-path", "-env")):
        return False
    value = text[start:end]
    return len(value) >= 6 and not _is_word(value) and not value.startswith(b"-")


def is_stated_password(text: bytes, start: int, end: int) -> bool:
    """What a sentence calls a password: digits and other characters, so not its next word."""
    value = text[start:end]
    digits = sum(48 <= byte <= 57 for byte in value)
    return len(value) >= 6 and 0 < digits < len(value)


def is_password_not_directory(text: bytes, start: int, end: int) -> bool:
    """What stands under ``pwd``, unless it is the working directory."""
    value = text[start:end]
    path = value.startswith((b"/", b"~", b".", b"$", b"%", b"`")) or value[1:2] == b":"
    return not path and len(value) >= 6 and not _is_word(value)


def is_curl_option(text: bytes, start: int, end: int) -> bool:
    """Behind ``-u`` of curl; other programs take other things there."""
    return b"curl" in text[max(0, start - 400) : start].lower()


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
    """False in the middle of many random letters, where any four of them stand now and then."""
    before = text[max(0, start - _RANDOM_LETTERS) : start]
    inside = len(before) == _RANDOM_LETTERS and before[-1:].isalnum()
    return not (inside and ALL_LETTERS.issuperset(before))


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
    return _has_all_kinds(text[start:end], _PREFIX) and not in_base64


def _has_all_kinds(value: bytes, position: int) -> bool:
    return all(kind.search(value, position) for kind in _KINDS)


def is_mixed_word(text: bytes, start: int, end: int) -> bool:
    """A random value that no letter and no digit touches."""
    return is_separate_word(text, start, end) and is_mixed(text, start, end)
