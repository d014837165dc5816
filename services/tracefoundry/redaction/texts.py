"""Takes secrets out of one text, through the encodings that may hide them.

The order on each layer: values under denied keys first, because their extent is only clear where
their quotes are not escaped; then what decoded views show, mapped back, so that an escape is never
cut in two; then base64, the only encoding that is written anew; then the rules on the text as it
is. Edits of one pass do not overlap, and passes repeat until one finds nothing: so the result is
clean by the engine's own judgement, and redacting it again changes nothing.

Work is bounded: a few layers, a few passes, and a budget of bytes looked at that is a fixed
multiple of the text. Escapes inside percent-encoding inside escapes give the same text in whatever
order they are decoded, so each decoded text is looked at once: views are as many as the square of
the layers, not two to the power of them. What exceeds a bound is replaced whole, not passed on, by
a marker that names the bound.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator

import orjson

from tracefoundry.redaction.assignments import AssignedSecrets
from tracefoundry.redaction.base64_text import (
    LONG_RUN,
    base64_runs,
    decoded_run,
    is_credible,
    stretches,
)
from tracefoundry.redaction.decoded_views import percent_decoded, references_decoded, unescaped
from tracefoundry.redaction.denied_keys import DENIED_KEY, DeniedJsonValues, KeyNames
from tracefoundry.redaction.edits import Edit, applied, without_overlaps
from tracefoundry.redaction.personal_data import zero_fraction
from tracefoundry.redaction.policy import Policy
from tracefoundry.redaction.prefilter import Prefilter, Suspicion
from tracefoundry.redaction.re2_patterns import Match, Pattern, compiled
from tracefoundry.redaction.repeated_secrets import RepeatedSecrets
from tracefoundry.redaction.report import marker
from tracefoundry.redaction.rules import RuleMatcher
from tracefoundry.redaction.user_passwords import ASSIGNED_SECRET

NESTED_ENCODING = "nested_encoding"
"""Rule name of texts that were replaced whole because they are encoded more than
:data:`MAX_LAYERS` times."""
TOO_MUCH_WORK = "too_much_work"
"""Rule name of texts that were replaced whole because looking through them took too much."""

MAX_LAYERS = 8
MAX_PASSES = 16
_WORK_FACTOR = 128
_WORK_BYTES = 1 << 20
_USER_NS = 20_000_000
_USER_NS_PER_BYTE = 2_000
"""CPU time for the user's patterns: 20 ms, and 2 us for each byte of the text, some ten times what
patterns without a flaw take. One match of RE2 is linear in the text, but finding all matches is
not: each search of ``a.*b|a`` goes to the end of a text that has no ``b``."""

# Of two edits that overlap, the one of the lower priority number names what was taken out. Rules
# follow in their order, then the user's patterns.
_DENIED_KEY_PRIORITY, _VIEW_PRIORITY, _BASE64_PRIORITY, _FIRST_RULE_PRIORITY = range(4)

_INSIDE_STRING = re.compile(
    rb"[A-Za-z._%+@\x80-\xff-][^\"\\\x00-\x1f{},]*|\[redacted:[a-z0-9_.-]+\]"
)
"""What stands inside a string where it stands in JSON, and leaves a string where it is taken out.
No number begins so."""


class _BoundReached(Exception):
    """The text cannot be looked through within its bounds; ``rule`` names the bound."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class _Budget:
    """What may still be done: bytes to be looked at, and CPU time of the user's patterns."""

    __slots__ = ("_left_bytes", "_left_user_ns")

    def __init__(self, size: int) -> None:
        self._left_bytes = _WORK_FACTOR * size + _WORK_BYTES
        self._left_user_ns = _USER_NS_PER_BYTE * size + _USER_NS

    def take(self, size: int) -> None:
        self._left_bytes -= size
        if self._left_bytes < 0:
            raise _BoundReached(TOO_MUCH_WORK)

    def timed(self, matches: Iterator[Match]) -> Iterator[Match]:
        """The matches of a user's pattern, as long as there is time to find them."""
        before = time.thread_time_ns()
        for match in matches:
            now = time.thread_time_ns()
            self._left_user_ns -= now - before
            before = now
            if self._left_user_ns < 0:
                raise _BoundReached(TOO_MUCH_WORK)
            yield match


class TextRedactor:
    """The rules, keys and patterns of one policy, ready to be applied to texts."""

    def __init__(self, policy: Policy, names: KeyNames) -> None:
        self._rules = [RuleMatcher(rule) for rule in policy.rules]
        self._user: list[tuple[str, bytes, Pattern]] = [
            (
                pattern.name,
                (pattern.replacement or marker(pattern.name)).encode("utf-8"),
                compiled(pattern.regex, unicode=True),
            )
            for pattern in policy.patterns
        ]
        self._denied_values = DeniedJsonValues(names, policy.deny_keys)
        self._assigned = AssignedSecrets(names, policy.deny_keys)
        self._personal = sum(rule.group != "personal" for rule in policy.rules)
        self._secret_rules = {rule.name for rule in policy.rules if rule.group != "personal"}
        self._secret_rules |= {DENIED_KEY, ASSIGNED_SECRET}
        self.prefilter = Prefilter(
            policy.rules, [pattern.regex for pattern in policy.patterns], policy.deny_keys
        )

    def redact(
        self, text: bytes, counts: Counter[str], repeated: RepeatedSecrets | None = None
    ) -> bytes:
        """The text without secrets; adds to ``counts`` what was taken out, and to ``repeated`` the
        secrets that are to be looked for elsewhere. The same object when nothing was."""
        suspicion = self.prefilter.suspicion(text)
        if suspicion is None:
            return text
        found: Counter[str] = Counter()
        try:
            current, structural = self._until_clean(text, suspicion, found, repeated)
        except _BoundReached as bound:
            found = Counter({bound.rule: 1})
            current, structural = marker(bound.rule).encode(), True
        if current is text:
            return text
        if structural and _is_json(text) and not _is_json(current):
            current = marker(min(found)).encode()
        counts.update(found)
        return current

    def _until_clean(
        self,
        text: bytes,
        suspicion: Suspicion,
        found: Counter[str],
        repeated: RepeatedSecrets | None,
    ) -> tuple[bytes, bool]:
        """The clean text, and whether anything went that could be part of JSON's structure."""
        budget = _Budget(len(text))
        current = text
        structural = False
        for _ in range(MAX_PASSES):
            edits = self._edits(current, suspicion, 0, budget, set(), through_base64=True)
            if not edits:
                return current, structural
            structural = structural or any(
                _INSIDE_STRING.fullmatch(current, edit.start, edit.end) is None
                or _INSIDE_STRING.fullmatch(edit.new) is None
                for edit in edits
            )
            if repeated is not None:
                for edit in edits:
                    if not edit.rewrite and edit.rules[0] in self._secret_rules:
                        repeated.remember(current[edit.start : edit.end], edit.rules[0])
            current = applied(current, edits)
            for edit in edits:
                found.update(edit.rules)
            # Markers end with brackets, so they cannot make base64 of what was none.
            base64 = suspicion.base64 or suspicion.encoded or bool(self._user)
            after = self.prefilter.suspicion(current, base64=base64)
            if after is None:
                return current, structural
            suspicion = after
        raise _BoundReached(TOO_MUCH_WORK)

    def _edits(
        self,
        text: bytes,
        suspicion: Suspicion,
        layer: int,
        budget: _Budget,
        seen: set[bytes],
        *,
        through_base64: bool,
    ) -> list[Edit]:
        """What is to be taken out of the text. ``seen`` are the decoded views of the outermost text
        that were looked at already."""
        budget.take(len(text))
        edits: list[Edit] = []
        if suspicion.keys:
            edits.extend(self._denied_key_edits(text))
        # Where no letter or slash is escaped, base64 is as visible here as in a decoded view.
        base64 = through_base64 and (suspicion.encoded or suspicion.base64)
        edits.extend(self._view_edits(text, layer, budget, seen, base64))
        if suspicion.base64 and through_base64:
            edits.extend(self._base64_edits(text, layer, budget))
        edits.extend(self._rule_edits(text, suspicion))
        if suspicion.assignments:
            edits.extend(self._assigned_edits(text, suspicion))
        edits.extend(self._user_edits(text, suspicion, budget))
        return without_overlaps(edits) if len(edits) > 1 else edits

    def _denied_key_edits(self, text: bytes) -> Iterator[Edit]:
        new = marker(DENIED_KEY).encode()
        for start, end, quote in self._denied_values.ranges(text):
            replacement = b'"%s"' % new if quote else new
            yield Edit(start, end, replacement, (DENIED_KEY,), False, _DENIED_KEY_PRIORITY)

    def _view_edits(
        self, text: bytes, layer: int, budget: _Budget, seen: set[bytes], through_base64: bool
    ) -> Iterator[Edit]:
        """What decoded views show, mapped back to the text."""
        views = (
            unescaped(text) if b"\\" in text else None,
            percent_decoded(text) if b"%" in text else None,
            references_decoded(text) if b"&" in text and b";" in text else None,
        )
        for view in views:
            if view is None or view.text in seen:
                continue
            seen.add(view.text)
            deeper = self.prefilter.suspicion(view.text, base64=through_base64)
            if deeper is None:
                continue
            if layer == MAX_LAYERS:
                raise _BoundReached(NESTED_ENCODING)
            inner = self._edits(
                view.text, deeper, layer + 1, budget, seen, through_base64=through_base64
            )
            for edit in inner:
                start, end = view.origin(edit.start, edit.end)
                yield edit._replace(
                    start=start, end=end, new=view.encoded(edit.new), priority=_VIEW_PRIORITY
                )

    def _base64_edits(self, text: bytes, layer: int, budget: _Budget) -> Iterator[Edit]:
        """Runs of base64 that hide something, each written anew without it."""
        if layer == MAX_LAYERS:
            raise _BoundReached(NESTED_ENCODING)
        for start, end in base64_runs(text):
            letters = text[start:end].translate(None, b"\r\n=")
            long = len(letters) >= LONG_RUN
            if not long and not self.prefilter.may_be_base64(letters):
                continue
            for alignment in range(4):
                run = decoded_run(text, start, end, alignment)
                if run is None:
                    continue
                inner = list(self._edits_inside(run.decoded, long, layer, budget))
                if inner:
                    rules = tuple(rule for edit in inner for rule in edit.rules)
                    coded = run.encoded(applied(run.decoded, inner))
                    yield Edit(start, end, coded, rules, False, _BASE64_PRIORITY, rewrite=True)
                    break

    def _edits_inside(
        self, decoded: bytes, long: bool, layer: int, budget: _Budget
    ) -> Iterator[Edit]:
        """In decoded base64. Of what is long, only stretches of text are looked at."""
        for start, end in stretches(decoded) if long else [(0, len(decoded))]:
            part = decoded[start:end]
            suspicion = self.prefilter.suspicion(part, base64=False)
            if suspicion is None:
                continue
            for edit in self._edits(
                part, suspicion, layer + 1, budget, set(), through_base64=False
            ):
                if not edit.matches_random_bytes or is_credible(
                    part, edit.start, edit.end, only_text=long
                ):
                    yield edit._replace(start=start + edit.start, end=start + edit.end)

    def _rule_edits(self, text: bytes, suspicion: Suspicion) -> Iterator[Edit]:
        for number in suspicion.rules:
            # Assigned secrets come between the rules for secrets and those for personal data.
            priority = _FIRST_RULE_PRIORITY + number + (number >= self._personal)
            matcher = self._rules[number]
            rule = matcher.rule
            new = marker(rule.name).encode()
            for start, end in matcher.matches(text):
                replacement = new
                if rule.may_be_json_number:
                    end += zero_fraction(text, end)
                    if _is_json_number(text, start, end):
                        replacement = b'"%s"' % new
                yield Edit(
                    _behind_escape(text, start),
                    end,
                    replacement,
                    (rule.name,),
                    rule.matches_random_bytes,
                    priority,
                )

    def _assigned_edits(self, text: bytes, suspicion: Suspicion) -> Iterator[Edit]:
        priority = _FIRST_RULE_PRIORITY + self._personal
        for start, end, rule in self._assigned.found(text, suspicion.assignments):
            start = _behind_escape(text, start)
            if start < end:
                yield Edit(start, end, marker(rule).encode(), (rule,), False, priority)

    def _user_edits(self, text: bytes, suspicion: Suspicion, budget: _Budget) -> Iterator[Edit]:
        priority = _FIRST_RULE_PRIORITY + len(self._rules) + 1
        for number in suspicion.user:
            name, replacement, pattern = self._user[number]
            for match in budget.timed(pattern.finditer(text)):
                start, end = _behind_escape(text, match.start()), match.end()
                if end > start and text[start:end] != replacement:
                    yield Edit(start, end, replacement, (name,), False, priority)


def _behind_escape(text: bytes, start: int) -> int:
    r"""``start``, or behind it where it would cut an escape in two: the ``r`` of ``\rk_live_``."""
    backslashes = start - len(text[max(0, start - 64) : start].rstrip(b"\\")) - max(0, start - 64)
    return start + backslashes % 2


def _is_json_number(text: bytes, start: int, end: int) -> bool:
    """Whether the match stands as a number of its own in what may be JSON."""
    before = text[max(0, start - 64) : start].rstrip()[-1:]
    after = text[end : end + 64].lstrip()[:1]
    return before in (b":", b",", b"[") and after in (b",", b"]", b"}")


def _is_json(text: bytes) -> bool:
    """Whether the text is a JSON document; a bare number is not taken for one."""
    if text.lstrip()[:1] not in (b"{", b"[", b'"'):
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
