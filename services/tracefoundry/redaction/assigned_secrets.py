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
_ASSIGNS = "(?:=>|:=|[:=]|\\xef\\xbc\\x9a)"
"""Also of Ruby, PHP, Go, and the wide colon of East Asian text."""

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


def is_url_password(text: bytes, start: int, end: int) -> bool:
    """No placeholder, as in documentation."""
    return _PLACEHOLDER.fullmatch(text[start:end]) is None


_PLACEHOLDER = re.compile(rb"PASSWORD|PASS|PWD|\*+|x{3,}|\.{3,}|<.*>|\$?\{.*\}|\$[A-Z_]+|%s|\[.*\]")


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
        if name == "token" and key_names.LOGPROB.match(text, end):
            return False
        return value.strip(b" *.:_<>-") != b""
    if value.decode("latin-1").lower() in name.lower():
        return False
    if _ENVIRONMENT.search(text[max(0, start - 80) : start]):
        return _CODE.fullmatch(value) is None or value.isalnum()
    return len(value) >= 6 and _CODE.fullmatch(value) is None and not _is_call(text, start, end)


_NAMES_KEPT = key_names.KeyNames((), ())
_NAME = re.compile(
    rb"([A-Za-z0-9_.-]{1,80})[\"']?\]?\s{0,8}(?:=>|:=|[:=]|\xef\xbc\x9a)\s{0,8}[\"']?$"
)


def _name_before(text: bytes, start: int) -> str:
    found = _NAME.search(text[max(0, start - 120) : start])
    return found[1].decode("latin-1") if found else ""


def _is_call(text: bytes, start: int, end: int) -> bool:
    return text[end : end + 1] in (b"(", b"[") and not text[start : start + 1].isdigit()


def is_option(text: bytes, start: int, end: int) -> bool:
    """The value of ``--password`` or of ``<password>``, not a name or a placeholder."""
    before = re.search(rb"([A-Za-z0-9_.-]{1,80})[>\s\"']{1,6}$", text[max(0, start - 100) : start])
    if before is None or not _NAMES_KEPT.denied(before[1].decode("latin-1")):
        return False
    if before[1].endswith((b"-file", b"-path", b"-env")):
        return False
    value = text[start:end]
    return len(value) >= 6 and _CODE.fullmatch(value) is None and not value.startswith(b"-")


def is_told(text: bytes, start: int, end: int) -> bool:
    """What a sentence calls a password: more than a word, more than a number."""
    value = text[start:end]
    return len(value) >= 6 and not value.isalpha() and not value.isdigit() and _mixed(value)


def _mixed(value: bytes) -> bool:
    return any(48 <= byte <= 57 for byte in value) and any(not 48 <= byte <= 57 for byte in value)


def is_pwd(text: bytes, start: int, end: int) -> bool:
    """A password under ``pwd``, not the working directory."""
    value = text[start:end]
    path = value.startswith((b"/", b"~", b".", b"$", b"%", b"`")) or value[1:2] == b":"
    return not path and len(value) >= 6 and _CODE.fullmatch(value) is None


def is_curl_user(text: bytes, start: int, end: int) -> bool:
    """Behind ``-u`` of curl; other programs take other things there."""
    return b"curl" in text[max(0, start - 400) : start].lower()


def is_cookie(text: bytes, start: int, end: int) -> bool:
    """``name=value``, as cookies are."""
    return re.match(rb"\s*[^\s=;,]+=\S", text[start:end]) is not None


def is_authorization(text: bytes, start: int, end: int) -> bool:
    """A credential, not the next word of a sentence."""
    return end - start >= 8 and not text[start:end].isalpha()


_GAP = "(?:\\s|\\\\+[nrt])+"
"""White space, escaped or not, for screens."""

_UNQUOTED = "\\s\"'\\\\,;&<>(){}\\[\\]|`"
_VALUE = (
    # A text may be cut off before the closing quote.
    "(?:\"([^\"\\r\\n\\\\]+)(?:\"|\\z)|'([^'\\r\\n\\\\]+)(?:'|\\z)"
    # What ends a sentence is no part of the value.
    f"|([^{_UNQUOTED}]{{3,}}[^{_UNQUOTED}.:]))"
)

_PARAMETER = '[A-Za-z][A-Za-z-]{2,20}=(?:"[^"\\r\\n\\\\]+"|[^\\s"\',\\\\{}\\[\\]]+)'
"""Of an ``Authorization`` header, as Digest and AWS have them."""

ASSIGNED_SECRETS: tuple[Rule, ...] = (
    Rule(
        name="url_password",
        pattern="://[^\\s/\"'<>@:\\\\]*:([^\\s/\"'<>\\\\]+)@",
        cores=("://[!-~]{3}",),
        check=is_url_password,
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
        f"(?:[A-Za-z][A-Za-z0-9-]{{1,20}}\\s{{1,4}})?({_PARAMETER}(?:,\\s{{0,2}}{_PARAMETER})*"
        "|[^\\s\"'\\\\{}\\[\\],]{8,})",
        screen="(?i:authorization)[\"']?\\s{0,4}[:=]",
        check=is_authorization,
    ),
    Rule(
        name="cookie",
        pattern="(?i:cookie)[\"']?\\s{0,4}[:=]\\s{0,4}[\"']?([^\\r\\n\"'\\\\{}\\[\\]]{4,})",
        check=is_cookie,
    ),
    Rule(
        name="assigned_secret",
        pattern=f"(?i:{_NAMES})[A-Za-z0-9_-]*[\"']?\\]?\\s{{0,4}}{_ASSIGNS}\\s{{0,4}}{_VALUE}",
        screen=f"(?i:{_NAMES})[A-Za-z0-9_-]*\\\\*[\"']?\\]?\\s{{0,4}}{_ASSIGNS}",
        cores=(
            "(?i)passw",
            "(?i)secret",
            '(?i)token["=: >]',
            "(?i)api[ _.-]key",
            "(?i)apikey",
        ),
        check=is_assigned,
    ),
    Rule(
        name="assigned_secret",
        pattern=f"(?:--(?:[A-Za-z0-9]+-)?(?i:{_NAMES})[A-Za-z0-9-]{{0,20}}\\s{{1,4}}[\"']?"
        f"|<[A-Za-z0-9_.:-]*(?i:{_NAMES})>)([^\\s\"'<>\\\\]{{4,}})",
        screen=f"--(?:[A-Za-z0-9]+-)?(?i:{_NAMES})[A-Za-z0-9-]{{0,20}}{_GAP}"
        f"|<[A-Za-z0-9_.:-]*(?i:{_NAMES})>",
        check=is_option,
    ),
    Rule(
        name="assigned_secret",
        pattern="(?i:password|passphrase|passcode|(?:api|access|secret)[ -]key|token) (?:is|was):?"
        f" [\"']?([^{_UNQUOTED}]{{5,}}[^{_UNQUOTED}.:])",
        screen="(?i:password|passphrase|passcode|(?:api|access|secret)[ -]key|token) (?:is|was)",
        cores=("(?i)passcode is",),
        check=is_told,
    ),
    Rule(
        name="assigned_secret",
        pattern=f"(?i:pwd)[\"']?\\s{{0,4}}[:=]\\s{{0,4}}[\"']?([^{_UNQUOTED}]{{5,}}[^{_UNQUOTED}.:])",
        screen="(?i:pwd)\\\\*[\"']?\\s{0,4}[:=]",
        cores=('(?i)pwd["=: ]',),
        check=is_pwd,
    ),
    Rule(
        name="basic_auth",
        pattern="-u\\s{1,4}[\"']?[^\\s:\"'\\\\]{1,64}:([^\\s\"'\\\\]{3,})",
        screen=f"-u{_GAP}\\\\*[\"']?[^\\s:\"'\\\\]{{1,64}}:",
        check=is_curl_user,
    ),
    Rule(
        name="signed_url",
        pattern="(?i:[?&](?:x-amz-signature|x-goog-signature|signature|key)=)([A-Za-z0-9%+/=_.~-]{20,})",
        screen="(?i:[?&](?:x-amz-signature|x-goog-signature|signature|key)=)[A-Za-z0-9%+/=_.~-]{20}",
    ),
)
