"""The built-in rules for secrets that are known by what stands before them.

``Bearer`` and ``Basic`` credentials, passwords in URLs, and ``password=...`` or ``api_key: ...`` in
plain text, logs, environment files and Python's ``repr`` of a dict. JSON is not handled here: there
the key decides, see :mod:`.keyed_values`.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error

from tracefoundry.redaction import key_names
from tracefoundry.redaction.rules import Rule

_NAMES = (
    "passwo?r?d|passphrase|passcode|secret|(?:api|access|private|signing|encryption|account|master"
    "|auth)[ _.-]?key|(?:access|auth|refresh|bearer|session|security|id|api|bot|user|github|hf)?"
    "[ _.-]?token"
)

_CODE = re.compile(rb"[A-Za-z_][a-z_]*|[A-Z_]+|[A-Za-z_.]+|<.*|\$.*|%.*|\*+|x{3,}|\.{3,}", re.ASCII)
"""Values that are words, names or placeholders and no secrets."""

_ENVIRONMENT = re.compile(
    rb"(?:^|[\n?&;])(?:export )?[A-Za-z0-9_.-]*=$|(?:^|[^A-Za-z0-9_])[A-Z0-9_]+=$"
)
"""What stands before a value that is taken out even if it is a plain word: an environment file,
a query string, a connection string."""


def is_bearer(text: bytes, start: int, end: int) -> bool:
    """A token, not the next word of a sentence about bearers."""
    value = text[start:end]
    if b"authorization" in text[max(0, start - 40) : start].lower():
        return True
    return any(48 <= byte <= 57 for byte in value) or len(value) >= 32


def is_basic(text: bytes, start: int, end: int) -> bool:
    """Base64 of ``user:password``, whatever follows it without a gap."""
    value = text[start:end].rstrip(b"=")
    lengths = {len(value), len(value) // 4 * 4}
    return any(_is_user_and_password(value[:length]) for length in lengths)


def _is_user_and_password(value: bytes) -> bool:
    try:
        decoded = b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except Base64Error:
        return False
    return b":" in decoded and all(32 <= byte < 127 or byte >= 128 for byte in decoded)


def is_assigned(text: bytes, start: int, end: int) -> bool:
    """A value, not a name in code, a placeholder, or the next word of a sentence."""
    name = _name_before(text, start)
    if not _NAMES_KEPT.denied(name):
        return False
    value = text[start:end]
    if text[start - 1 : start] in (b'"', b"'"):
        return value.strip() != b""
    if value.decode("latin-1").lower() in name.lower():
        return False
    if _ENVIRONMENT.search(text[max(0, start - 80) : start]):
        return _CODE.fullmatch(value) is None or value.isalnum()
    return len(value) >= 6 and _CODE.fullmatch(value) is None and not _is_call(text, start, end)


_NAMES_KEPT = key_names.KeyNames((), ())
_NAME = re.compile(rb"([A-Za-z0-9_.-]{1,80})[\"']?\s{0,8}[:=]\s{0,8}[\"']?$")


def _name_before(text: bytes, start: int) -> str:
    found = _NAME.search(text[max(0, start - 120) : start])
    return found[1].decode("latin-1") if found else ""


def _is_call(text: bytes, start: int, end: int) -> bool:
    return text[end : end + 1] in (b"(", b"[") and not text[start : start + 1].isdigit()


def is_cookie(text: bytes, start: int, end: int) -> bool:
    """``name=value``, as cookies are."""
    return re.match(rb"\s*[^\s=;,]+=\S", text[start:end]) is not None


def is_authorization(text: bytes, start: int, end: int) -> bool:
    """A credential, not the next word of a sentence."""
    return not text[start:end].isalpha()


_GAP = "(?:\\s|\\\\+[nrt])+"
"""White space, escaped or not, for screens."""

_UNQUOTED = "\\s\"'\\\\,;&<>(){}\\[\\]|`"
_VALUE = (
    "(?:\"([^\"\\r\\n\\\\]+)\"|'([^'\\r\\n\\\\]+)'"
    # What ends a sentence is no part of the value.
    f"|([^{_UNQUOTED}]{{3,}}[^{_UNQUOTED}.:]))"
)

ASSIGNED_SECRETS: tuple[Rule, ...] = (
    Rule(
        name="url_password",
        pattern="://[^\\s/\"'<>@:\\\\]*:([^\\s/\"'<>\\\\]+)@",
        cores=("://[!-~]{3}",),
    ),
    Rule(
        name="basic_auth",
        pattern="(?i:basic)\\s{1,4}([A-Za-z0-9+/]{4,}={0,2})",
        screen=f"(?i:basic){_GAP}[A-Za-z0-9+/]{{4}}",
        cores=("(?i)basic[ \\t][A-Za-z0-9+/]{3}",),
        bounded=True,
        check=is_basic,
    ),
    Rule(
        name="bearer_token",
        pattern="(?i:bearer)\\s{1,4}([A-Za-z0-9._~+/-]{11,}[A-Za-z0-9_~+/-]=*)",
        screen=f"(?i:bearer){_GAP}[A-Za-z0-9._~+/-]{{12}}",
        bounded=True,
        check=is_bearer,
    ),
    Rule(
        name="auth_header",
        pattern="(?i:authorization)[\"']?\\s{0,4}[:=]\\s{0,4}[\"']?"
        "(?:[A-Za-z][A-Za-z0-9-]{1,20}\\s{1,4})?([^\\s\"'\\\\{}\\[\\],]{8,})",
        check=is_authorization,
    ),
    Rule(
        name="cookie",
        pattern="(?i:cookie)[\"']?\\s{0,4}[:=]\\s{0,4}[\"']?([^\\r\\n\"'\\\\{}\\[\\]]{4,})",
        check=is_cookie,
    ),
    Rule(
        name="assigned_secret",
        pattern=f"(?i:{_NAMES})[A-Za-z0-9_-]*[\"']?\\s{{0,4}}[:=]\\s{{0,4}}{_VALUE}",
        screen=f"(?i:{_NAMES})[A-Za-z0-9_-]*\\\\*[\"']?\\s{{0,4}}[:=]",
        cores=(
            "(?i)passw",
            "(?i)secret",
            '(?i)token["=: ]',
            "(?i)api[ _.-]key",
            "(?i)apikey",
        ),
        check=is_assigned,
    ),
)
