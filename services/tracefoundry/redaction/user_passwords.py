"""Passwords that stand behind the name of a user and not behind a name of their own: of
``curl -u user:password``, of lines of ``.pgpass``, of ``IDENTIFIED BY 'password'``."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import NamedTuple

from tracefoundry.redaction.re2_patterns import Pattern, compiled

ASSIGNED_SECRET = "assigned_secret"  # noqa: S105 - the name of a rule
"""Rule name of values that were taken out because of the name they are assigned to."""
CURL_PASSWORD = "basic_auth"  # noqa: S105 - the name of a rule
"""Rule name of the password of ``curl -u user:password``."""


class Found(NamedTuple):
    """A value to take out, and the rule that names it."""

    start: int
    end: int
    rule: str


_CURL: Pattern = compiled(
    r"(?:-u|--user|--proxy-user|--auth|-a)(?:[ \t]+|=)[\"']?[^\s:\"'\\$<{]{1,64}:"
    r"([^\s\"'\\]{3,})"
)
_CURL_BYTES = 400
_IDENTIFIED: Pattern = compiled(
    r"(?:IDENTIFIED|identified) (?:(?:WITH|with) \S{1,40} )?(?:BY|by) (?:(?:PASSWORD|password) )?"
    r"['\"]([^'\"\r\n\\$<{*\[%:][^'\"\r\n\\]{2,})"
)
_PGPASS: Pattern = compiled(
    r"(?:\A|[^\w.*-])[\w.*-]{1,100}:(?:5432|5433|6432):[^:\s]{1,64}:[^:\s]{1,64}:"
    r"([^\s\"'\\<]{3,})"
)
_PLACEHOLDER_SIGNS = b"$<{*["

CURL, IDENTIFIED, PGPASS = (
    r"-(?:u|-user|-proxy-user|-auth|a)(?:\s|\\+t|=)[^\s:]{1,64}:[^\s]{3}",
    "IDENTIFIED |identified ",
    r":(?:5432|5433|6432):[^:\s]+:",
)
"""RE2 patterns of which one occurs in a text with such a password."""


def passwords_of_users(text: bytes, hints: Container[str]) -> Iterator[Found]:
    """The passwords of the forms whose patterns, of the three above, are among the hints."""
    if CURL in hints and (b"curl" in text or b"http" in text or b"wget" in text):
        for match in _CURL.finditer(text):
            line = text[max(0, match.start() - _CURL_BYTES) : match.start()].lower()
            if text[match.start(1)] not in _PLACEHOLDER_SIGNS and (
                b"curl" in line or b"http" in line or b"wget" in line
            ):
                yield Found(match.start(1), match.end(1), CURL_PASSWORD)
    if IDENTIFIED in hints:
        for match in _IDENTIFIED.finditer(text):
            yield Found(match.start(1), match.end(1), ASSIGNED_SECRET)
    if PGPASS in hints:
        for match in _PGPASS.finditer(text):
            if text[match.start(1)] not in _PLACEHOLDER_SIGNS:
                yield Found(match.start(1), match.end(1), ASSIGNED_SECRET)
