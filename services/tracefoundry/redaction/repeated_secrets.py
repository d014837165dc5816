"""What was taken out of one place of a span is taken out of all its other places.

A password has a name in the arguments of a tool and none in the message of the exception that
quotes it. Once a rule has said that a value is a secret, the value itself is enough to find it
again, also where it is escaped for JSON or a URL.

Bounded: so many values a span, of so many bytes each, found by one linear search. Words and numbers
are not remembered, because they stand elsewhere with another meaning.
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from urllib.parse import quote

import orjson

from tracefoundry.redaction.re2_patterns import Pattern, compiled_literals
from tracefoundry.redaction.report import MARKER, marker

MOST_VALUES = 64
LEAST_BYTES = 8
MOST_BYTES = 1_024

_LEAST_BYTES_WITHOUT_DIGITS = 12
_DIGIT = re.compile(rb"[0-9]")
_LETTER = re.compile(rb"[A-Za-z\x80-\xff]")
_STRUCTURE_OR_PATH = re.compile(rb"[\[{/.~<$].*|https?:.*", re.DOTALL)
_NAME = re.compile(rb"[A-Za-z]+(?:[_.-][A-Za-z]+)*")


class RepeatedSecrets:
    """The values that were taken out of one span, log, resource or scope, to be found again."""

    __slots__ = ("_pattern", "_rules", "_values")

    def __init__(self) -> None:
        self._rules: dict[bytes, str] = {}
        self._values = 0
        self._pattern: Pattern | None = None

    def __bool__(self) -> bool:
        return bool(self._rules)

    def remember(self, value: bytes, rule: str) -> None:
        """Look for this value elsewhere, if it can be nothing but itself."""
        if self._values >= MOST_VALUES or value in self._rules or not is_distinctive(value):
            return
        self._values += 1
        for form in _forms(value):
            self._rules.setdefault(form, rule)
        self._pattern = None

    def redact(
        self, text: bytes, counts: Counter[str], repeated: RepeatedSecrets | None = None
    ) -> bytes:
        """The text without these values; adds to ``counts`` what was taken out. The same object
        when nothing was."""
        if self._pattern is None:
            # Of two values that begin alike, the longer one is tried first.
            self._pattern = compiled_literals(sorted(self._rules, key=len, reverse=True))
        pieces: list[bytes] = []
        position = 0
        for match in self._pattern.finditer(text):
            start, end = match.start(), match.end()
            rule = self._rules[text[start:end]]
            pieces += (text[position:start], marker(rule).encode())
            counts[rule] += 1
            position = end
        return b"".join([*pieces, text[position:]]) if pieces else text


def is_distinctive(value: bytes) -> bool:
    """Whether a value is no word, name, number or path that a text may hold for another reason."""
    if not LEAST_BYTES <= len(value) <= MOST_BYTES or MARKER.search(value) is not None:
        return False
    if _LETTER.search(value) is None or _STRUCTURE_OR_PATH.fullmatch(value) is not None:
        return False
    if _DIGIT.search(value) is None:
        return len(value) >= _LEAST_BYTES_WITHOUT_DIGITS and _NAME.fullmatch(value) is None
    return True


def _forms(value: bytes) -> list[bytes]:
    """The value as it stands in plain text, in JSON text and in a URL."""
    forms = [value]
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return forms
    if "\\" in text:
        with suppress(orjson.JSONDecodeError, UnicodeEncodeError):
            forms.append(str(orjson.loads(f'"{text}"')).encode("utf-8"))
    forms.append(orjson.dumps(text)[1:-1])
    forms.append(quote(text, safe="").encode("ascii"))
    return [form for form in dict.fromkeys(forms) if len(form) >= LEAST_BYTES]
