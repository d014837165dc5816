"""Hints: RE2 patterns that say whether a text may hold an assigned secret, for the prefilter.

They stand in one set with all other patterns, so each is a superset of what :mod:`.assignments`
finds that keeps few states: what repeats is not counted where it need not be. They see a text
before its escapes are decoded.
"""

from __future__ import annotations

from collections.abc import Iterable

from tracefoundry.redaction.denied_keys import words_of_user
from tracefoundry.redaction.secret_names import RANDOM_WORDS
from tracefoundry.redaction.user_passwords import CURL, IDENTIFIED, PGPASS

WORDS = (
    r"passwo?r?d|passphrase|passcode|secret|(?:api|access|private|signing|encryption|decryption|ssh"
    r"|pgp|gpg|account|master|auth|session|service|storage)[ _.-]?key|(?:[ _.-]?)token|credential"
    r"|requirepass|masterauth|securestring|jwt|bearer|csrf|xsrf|key-data"
)
_ESCAPE = r"\\+[\"'`/nrtux]"
_STRING = rf"(?:\s|\\+[nrt])*(?:<<)?[A-Za-z@$]{{0,2}}(?:[\"'`&]|{_ESCAPE})"
_COMMA = rf",(?:{_STRING}|\s*[\"']?\w*(?i:value|val|default|content|data))"
_SIGN = rf"(?:[\x1b\"#$%&'*+/:<=>@\[^_`{{|}}~\xef-]|{_ESCAPE}|\({_STRING}|{_COMMA})"
"""What may join a name and its value: no other control character, or every token count in a
protobuf body would be suspicious. Behind a comma and a bracket that opens stands a string."""
_CLOSING_SIGN = (
    rf"[)\]][\"'`*_~)\]]*(?:[ \t]*(?:[\x1b=|?+<>\xef&-]|:[*_~]*[ \t]*(?:[^\s,;)}}\]\\]|{_ESCAPE}))"
    rf"|[ \t]*{_COMMA}|;s:|{_ESCAPE})"
)
"""Behind a bracket that closes, an operator and a value in the same line."""
_WORDS_BEHIND = "is|was|to|for|value|Value|VALUE|val|default|content|data"
_COMMANDS = r"(?:setenv|setx|[sS]et(?:\s+-\w+)*|SetEnv|ENV|ARG|env|export|def|let|define)\s+"
_NO_DIGIT, _ANY = r"[A-Za-z+/_=.~!@#$%^-]", r"[A-Za-z0-9+/_=.~!@#$%^-]"
_RANDOM_VALUE = rf"(?:{_NO_DIGIT}{{0,7}}[0-9]{_ANY}{{8}}|{_NO_DIGIT}{{8,32}}[0-9])"
"""What 16 characters and more with a digit among the first 33 hold."""
_FEW_STATES_OF_RANDOM = rf"(?:{_NO_DIGIT}{{0,7}}[0-9]{_ANY}{{8}}|{_NO_DIGIT}{{8}}{_NO_DIGIT}*[0-9])"
"""The same without the end of the count, for a set: one state in place of 24."""
_JOINT = r"[\s\"'`*\]\\)]*[:=,>|][^A-Za-z0-9\r\n]*"

BASE64_PROBES = (
    "(?i)passw", "(?i)secret", '(?i)token["=: >]', "(?i)api[ _.-]key", "(?i)apikey",
    '(?i)pwd["=: ]', "(?i)passcode is",
)  # fmt: skip
"""What short assignments hold, see :class:`.rules.Rule`."""


NAMED, RANDOM, SHORT, COMMAND_NAMES, _LOGINS, _REDIS = (
    "named",
    "random",
    "short",
    "command",
    "login",
    "redis",
)
_LOGIN_PATTERN = r"(?:login|user|username|account)(?:\s|\\+[nrt])+[!-~]+(?:\s|\\+[nrt])+password"
_REDIS_PATTERN = r"requirepass\s|masterauth\s"
PREFIXED_HINTS = frozenset([_LOGIN_PATTERN, _REDIS_PATTERN, CURL, IDENTIFIED, PGPASS])
"""Those that begin with given characters."""
HINTS_OF_NAMES = frozenset([NAMED, COMMAND_NAMES, _LOGINS, _REDIS])


def random_pattern() -> str:
    """A name that may be that of a secret, and what may be a random value."""
    between = rf"(?:\s?(?:[A-Za-z|\[\]]{{1,20}}\s?)?{_JOINT}|\s)"
    return rf"((?i:{RANDOM_WORDS})[A-Za-z0-9_-]*){between}{_RANDOM_VALUE}"


_RANDOM_HINT = (
    rf"(?i:{RANDOM_WORDS})[A-Za-z0-9_-]*(?:(?:[\s|\[\]][A-Za-z|\[\]]*\s?)?{_JOINT}|\s)"
    rf"{_FEW_STATES_OF_RANDOM}"
)
"""A superset of the pattern above, as a set can look for it with few states: letters right behind a
name are part of it, and what stands between it and its value has any length."""


def hint_patterns(deny_keys: Iterable[str]) -> dict[str, str]:
    """RE2 patterns of which one occurs in any text with an assigned secret, however its quotes are
    escaped, also in the middle of a protobuf body. Their names are the hints for
    :meth:`.AssignedSecrets.found`."""
    words = "|".join([WORDS, *words_of_user(deny_keys)])
    name = rf"(?i:{words})[A-Za-z0-9_-]*"
    return {
        NAMED: rf"{name}(?:{_SIGN}|{_CLOSING_SIGN}|[ \t]?\?=|\s{{1,4}}{_SIGN}"
        rf"|\s+(?:{_WORDS_BEHIND})|[ \t][A-Za-z][A-Za-z0-9_.]*[ \t]*:?=)",
        RANDOM: _RANDOM_HINT,
        SHORT: r"(?i:pass|pwd)\\*[\"'\])]*\s{0,4}[:=>,]",
        COMMAND_NAMES: rf"(?:-[A-Za-z0-9_-]*|{_COMMANDS}[A-Za-z0-9_.-]*)"
        rf"(?:{name}|(?i:pass|pwd))(?:\s|\\+t)",
        _LOGINS: _LOGIN_PATTERN,
        _REDIS: _REDIS_PATTERN,
        **{pattern: pattern for pattern in (CURL, IDENTIFIED, PGPASS)},
    }
