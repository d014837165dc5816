"""Passwords that stand behind the name of a user and not behind a name of their own: of
``curl -u user:password``, of lines of ``.pgpass``, of ``IDENTIFIED BY 'password'``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

ASSIGNED_SECRET = "assigned_secret"  # noqa: S105 - the name of a rule
"""Rule name of values that were taken out because of the name they are assigned to."""
CURL_PASSWORD = "basic_auth"  # noqa: S105 - the name of a rule
"""Rule name of the password of ``curl -u user:password``."""


class Found(NamedTuple):
    """A value to take out, and the rule that names it."""

    start: int
    end: int
    rule: str


_CURL = re.compile(
    rb"(?:-u|--user|--proxy-user|--auth|-a)(?:[ \t]+|=)[\"']?[^\s:\"'\\$<{]{1,64}:"
    rb"(?P<value>[^\s\"'\\]{3,})"
)
_CURL_BYTES = 400
_IDENTIFIED = re.compile(
    rb"(?:IDENTIFIED|identified) (?:(?:WITH|with) \S{1,40} )?(?:BY|by) (?:(?:PASSWORD|password) )?"
    rb"['\"](?P<value>[^'\"\r\n\\$<{*\[%:][^'\"\r\n\\]{2,})"
)
_PGPASS_PORTS = (b":5432:", b":5433:", b":6432:")
_PGPASS = re.compile(
    rb"(?<![\w.*-])[\w.*-]{1,100}:(?:5432|5433|6432):[^:\s]{1,64}:[^:\s]{1,64}:(?P<value>[^\s\"\'\\<]{3,})"
)


def passwords_of_users(text: bytes) -> Iterator[Found]:
    """Of ``curl -u user:password`` and of lines of ``.pgpass``."""
    if b"curl" in text or b"http " in text or b"wget" in text:
        for match in _CURL.finditer(text):
            line = text[max(0, match.start() - _CURL_BYTES) : match.start()].lower()
            value = match["value"]
            placeholder = value[:1] in b"$<{*["
            if not placeholder and (b"curl" in line or b"http" in line or b"wget" in line):
                yield Found(*match.span("value"), CURL_PASSWORD)
    for match in _IDENTIFIED.finditer(text) if b"BY" in text or b"by" in text else ():
        yield Found(*match.span("value"), ASSIGNED_SECRET)
    if not any(port in text for port in _PGPASS_PORTS):
        return
    for match in _PGPASS.finditer(text):
        if match["value"][:1] not in b"$<{*[":
            yield Found(*match.span("value"), ASSIGNED_SECRET)
