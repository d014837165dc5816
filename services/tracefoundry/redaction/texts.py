"""Takes secrets out of one text, through the encodings that may hide them.

The order on each layer: values under denied keys first, because their extent is only clear where
their quotes are not escaped; then what decoded views show, mapped back, so that an escape is never
cut in two; then base64, the only encoding that is written anew; then the rules on the text as it
is. Finds of one pass do not overlap, and passes repeat until one finds nothing: so the result is
clean by the engine's own judgement, and redacting it again changes nothing.

Work is bounded: a few layers, a few passes, and a budget of bytes looked at that is a fixed
multiple of the text. What exceeds it is replaced whole, not passed on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import orjson

from tracefoundry.redaction.automata import Pattern, compiled
from tracefoundry.redaction.edits import Edit, apart, applied
from tracefoundry.redaction.key_names import DENIED_KEY, KeyNames
from tracefoundry.redaction.keyed_values import KeyedValues
from tracefoundry.redaction.layers import (
    base64_runs,
    decoded_run,
    percent_decoded,
    unescaped,
)
from tracefoundry.redaction.long_base64 import LONG_RUN, stretches
from tracefoundry.redaction.personal_data import zero_fraction
from tracefoundry.redaction.policy import Policy
from tracefoundry.redaction.rules import MARKER, Rule, marker
from tracefoundry.redaction.screening import Screen, Suspicion

NESTED_ENCODING = "nested_encoding"
"""Rule name of texts that were replaced whole, because looking through them took too much."""

MAX_LAYERS = 8
MAX_PASSES = 16
_WORK_FACTOR = 64
_WORK_BYTES = 1 << 20

_INSIDE_STRING = re.compile(
    rb"[A-Za-z._%+@\x80-\xff-][^\"\\\x00-\x1f{},]*|\[redacted:[a-z0-9_.-]+\]"
)
"""What stands inside a string where it stands in JSON, and leaves a string where it is taken out.
No number begins so."""


class TooMuchWork(Exception):
    """The text would take more work than its budget allows."""


class _Work:
    """What may still be looked at, in bytes."""

    __slots__ = ("_left",)

    def __init__(self, size: int) -> None:
        self._left = _WORK_FACTOR * size + _WORK_BYTES

    def take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise TooMuchWork


class TextRedactor:
    """The rules, keys and patterns of one policy, ready to be applied to texts."""

    def __init__(self, policy: Policy, names: KeyNames) -> None:
        self._rules: list[tuple[Rule, Pattern]] = [
            (rule, compiled(rule.expression)) for rule in policy.rules
        ]
        self._user: list[tuple[str, bytes, Pattern]] = [
            (
                pattern.name,
                (pattern.replacement or marker(pattern.name)).encode("utf-8"),
                compiled(pattern.regex, unicode=True),
            )
            for pattern in policy.patterns
        ]
        self._keyed = KeyedValues(names, policy.deny_keys)
        self.screen = Screen(
            policy.rules, [pattern.regex for pattern in policy.patterns], policy.deny_keys
        )

    def redact(self, text: bytes, counts: Counter[str]) -> bytes:
        """The text without secrets; adds to ``counts`` what was taken out. The same object when
        nothing was."""
        suspicion = self.screen.suspicion(text)
        if suspicion is None:
            return text
        found: Counter[str] = Counter()
        try:
            current, structural = self._until_clean(text, suspicion, found)
        except TooMuchWork:
            found[NESTED_ENCODING] += 1
            current, structural = marker(NESTED_ENCODING).encode(), True
        if current is text:
            return text
        if structural and _is_json(text) and not _is_json(current):
            current = marker(min(found)).encode()
        counts.update(found)
        return current

    def _until_clean(
        self, text: bytes, suspicion: Suspicion, found: Counter[str]
    ) -> tuple[bytes, bool]:
        """The clean text, and whether anything went that could be part of JSON's structure."""
        work = _Work(len(text))
        current = text
        structural = False
        for _ in range(MAX_PASSES):
            edits = self._edits(current, suspicion, 0, work, through_base64=True)
            if not edits:
                return current, structural
            structural = structural or any(
                _INSIDE_STRING.fullmatch(current, edit.start, edit.end) is None
                or _INSIDE_STRING.fullmatch(edit.new) is None
                for edit in edits
            )
            current = applied(current, edits)
            for edit in edits:
                found.update(edit.rules)
            # Markers end with brackets, so they cannot make base64 of what was none.
            base64 = suspicion.base64 or suspicion.encoded or bool(self._user)
            after = self.screen.suspicion(current, base64=base64)
            if after is None:
                return current, structural
            suspicion = after
        raise TooMuchWork

    def _edits(
        self, text: bytes, suspicion: Suspicion, layer: int, work: _Work, *, through_base64: bool
    ) -> list[Edit]:
        work.take(len(text))
        edits: list[Edit] = []
        if suspicion.keys:
            edits.extend(self._keyed_edits(text))
        # Where no letter or slash is escaped, base64 is as visible here as in a decoded view.
        base64 = through_base64 and (suspicion.encoded or suspicion.base64)
        edits.extend(self._decoded_edits(text, layer, work, base64))
        if suspicion.base64 and through_base64:
            edits.extend(self._base64_edits(text, layer, work))
        edits.extend(self._rule_edits(text, suspicion))
        return apart(edits) if len(edits) > 1 else edits

    def _keyed_edits(self, text: bytes) -> Iterator[Edit]:
        new = marker(DENIED_KEY).encode()
        for start, end, quote in self._keyed.ranges(text):
            yield Edit(start, end, b'"%s"' % new if quote else new, (DENIED_KEY,), False, 0)

    def _decoded_edits(
        self, text: bytes, layer: int, work: _Work, through_base64: bool
    ) -> Iterator[Edit]:
        views = (
            unescaped(text) if b"\\" in text else None,
            percent_decoded(text) if b"%" in text else None,
        )
        for view in views:
            if view is None:
                continue
            deeper = self.screen.suspicion(view.text, base64=through_base64)
            if deeper is None:
                continue
            if layer == MAX_LAYERS:
                raise TooMuchWork
            inner = self._edits(view.text, deeper, layer + 1, work, through_base64=through_base64)
            for edit in inner:
                start, end = view.origin(edit.start, edit.end)
                yield Edit(start, end, view.encoded(edit.new), edit.rules, edit.faint, 1)

    def _base64_edits(self, text: bytes, layer: int, work: _Work) -> Iterator[Edit]:
        if layer == MAX_LAYERS:
            raise TooMuchWork
        for start, end in base64_runs(text):
            letters = text[start:end].translate(None, b"\r\n=")
            long = len(letters) >= LONG_RUN
            if not long and not self.screen.may_be_base64(letters):
                continue
            for alignment in range(4):
                run = decoded_run(text, start, end, alignment)
                if run is None:
                    continue
                inner = list(self._edits_inside(run.decoded, long, layer, work))
                if inner:
                    rules = tuple(rule for edit in inner for rule in edit.rules)
                    yield Edit(
                        start, end, run.encoded(applied(run.decoded, inner)), rules, False, 2
                    )
                    break

    def _edits_inside(self, decoded: bytes, long: bool, layer: int, work: _Work) -> Iterator[Edit]:
        """In decoded base64. Of what is long, only stretches of text are looked at."""
        for start, end in stretches(decoded) if long else [(0, len(decoded))]:
            part = decoded[start:end]
            suspicion = self.screen.suspicion(part, base64=False)
            if suspicion is None:
                continue
            for edit in self._edits(part, suspicion, layer + 1, work, through_base64=False):
                if _credible(edit, part, stretch=long):
                    yield edit._replace(start=start + edit.start, end=start + edit.end)

    def _rule_edits(self, text: bytes, suspicion: Suspicion) -> Iterator[Edit]:
        priority = 3
        for priority, number in enumerate(suspicion.rules, start=3):
            rule, pattern = self._rules[number]
            new = marker(rule.name).encode()
            for start, end in _matches(rule, pattern, text):
                if rule.bare_number:
                    end += zero_fraction(text, end)
                quoted = rule.bare_number and _is_bare(text, start, end)
                yield Edit(
                    _behind_escape(text, start),
                    end,
                    b'"%s"' % new if quoted else new,
                    (rule.name,),
                    rule.faint,
                    priority,
                )
        for number in suspicion.user:
            name, replacement, pattern = self._user[number]
            for found in pattern.finditer(text):
                start, end = _behind_escape(text, found.start()), found.end()
                if end > start and text[start:end] != replacement:
                    yield Edit(start, end, replacement, (name,), False, priority + 1)


def _matches(rule: Rule, pattern: Pattern, text: bytes) -> Iterator[tuple[int, int]]:
    """What the rule takes out of the text as it stands."""
    position = 0
    groups = range(1, pattern.groups + 1)
    while (found := pattern.search(text, position)) is not None:
        group = next(n for n in groups if found.start(n) >= 0)
        start, end = found.start(group), found.end(group)
        position = max(end, found.start() + 1)
        if MARKER.fullmatch(text[start:end]):
            continue
        if rule.check is None or rule.check(text, start, end):
            yield start, end
            continue
        if rule.retry:
            position = found.start() + 1
        if rule.shorten:
            for shorter in range(end - 1, start + rule.shorten - 1, -1):
                if rule.check(text, start, shorter):
                    yield start, shorter
                    position = shorter
                    break


def _behind_escape(text: bytes, start: int) -> int:
    r"""``start``, or behind it where it would cut an escape in two: the ``r`` of ``\rk_live_``."""
    backslashes = start - len(text[max(0, start - 64) : start].rstrip(b"\\")) - max(0, start - 64)
    return start + backslashes % 2


def _is_bare(text: bytes, start: int, end: int) -> bool:
    """Whether the match stands as a number of its own in what may be JSON."""
    before = text[max(0, start - 64) : start].rstrip()[-1:]
    after = text[end : end + 64].lstrip()[:1]
    return before in (b":", b",", b"[") and after in (b",", b"]", b"}")


def _credible(edit: Edit, decoded: bytes, *, stretch: bool) -> bool:
    """In decoded base64, whether a match is no accident of random bytes: one that is easily met
    must be long, or stand in text. ``stretch``: all of ``decoded`` is text, between other bytes."""
    if not edit.faint:
        return True
    match = decoded[edit.start : edit.end]
    if len(match) >= _LONG_MATCH and match.isascii():
        return True
    if stretch:
        return max(edit.start, len(decoded) - edit.end) >= _SIDE_BYTES
    before = decoded[max(0, edit.start - 32) : edit.start]
    after = decoded[edit.end : edit.end + 32]
    if any(len(side) >= _SIDE_BYTES and _is_text(side) for side in (before, after)):
        return True
    return _is_text(before) and _is_text(after)


_LONG_MATCH = 12
_SIDE_BYTES = 8


def _is_text(part: bytes) -> bool:
    # A character may be cut in two at either end of the part.
    for cut in range(4):
        try:
            text = part[cut:].decode("utf-8")
        except UnicodeDecodeError as error:
            if error.reason != "unexpected end of data" or cut + error.start < len(part) - 3:
                continue
            text = part[cut : cut + error.start].decode("utf-8")
        return all(character.isprintable() or character in "\t\r\n" for character in text)
    return False


def _is_json(text: bytes) -> bool:
    """Whether the text is a JSON document; a bare number is not taken for one."""
    if text.lstrip()[:1] not in (b"{", b"[", b'"'):
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
