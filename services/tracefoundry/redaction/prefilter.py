"""The prefilter: RE2 sets that say whether a text needs a closer look, and why.

There are three kinds of patterns: those of provider keys, which begin with a literal; all others;
and those that see base64. One set of all would read a text once, but a state of its automaton is a
triple of their states, and so many triples leave the processor's caches. On prose the 300 prefixes
of keys alone are searched at 550 MB/s, the others at 600, both in one set at 200. Prefixes and
base64 go together well, so two sets say whether a text is clean.

What the prefilter passes is clean: it is a superset of every built-in rule, in plain text, in JSON
text nested to any depth, behind JSON, Python and percent escapes, and in one layer of base64, and
it needs no knowledge of where a value begins. So it may run over a whole protobuf body, where
strings lie as they are. It must not run over a JSON body in place of its values (there it would
see one layer more than it decodes).

What it does not promise:

- In base64, a text of fewer than :data:`.TEXT_BYTES` bytes is seen only where it holds a probe of
  a rule (``passcode=abc12`` has none), and a match of a user's pattern only from
  :data:`USER_BASE64_BYTES` printable ASCII characters on.
- A denied word in a key of JSON text may be followed by letters, digits, ``_``, ``.`` and ``-``
  only.
- In a run of :data:`.LONG_RUN` base64 letters and more, which is decoded instead, text of fewer
  than :data:`.STRETCH_BYTES` bytes between other bytes is not looked at, and a name of a secret
  must stand in the run's last :data:`.EDGE` letters for what follows the run to be its value.
- Native numbers are not text. Keys are text here: whether an attribute's key is denied is asked
  elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tracefoundry.redaction import assignment_hints, denied_keys
from tracefoundry.redaction.base64_text import (
    ALL_LETTERS,
    BASE64_OF_TEXT,
    EDGE,
    LONG_RUN,
    STANDARD_LETTERS,
    base64_of_text,
    base64_patterns,
    long_runs,
    readings,
    text_of,
    without_runs,
)
from tracefoundry.redaction.re2_patterns import (
    SetMatch,
    begins_with_literal,
    compiled_set,
    may_match_only,
    without_assertions,
)
from tracefoundry.redaction.rules import Rule

_USER_GROUPS = 2
USER_BASE64_BYTES = 3 * _USER_GROUPS + 2
"""From this length on a match of a user's pattern is found in base64, at any alignment."""

_SHORTEST_KEY_BYTES = len('"cvv":')
"""No key of the built-in list makes a shorter JSON text."""

_ESCAPES = (
    r"\\u00[0-7]", r"[!-~]\\/[!-~]", r"\\x[0-7]", r"%[0-7][0-9A-Fa-f]",
    r"&(?:quot|#34|#x22);\s{0,4}:", "&#(?:64|x40);",
)  # fmt: skip
"""Of references of HTML, those behind a key of JSON and the sign of e-mail addresses; others follow
the name of a secret."""
_ESCAPE_PROBES = (
    r"%[0-7][0-9A-Fa-f][!-~]{3}",
    r"\\u00[0-7]",
)
_REST_OF_KEY = r"[A-Za-z0-9_.-]*\\*"
"""What may follow a denied word in a key of JSON text. Were it any character, one word would keep
the automaton in another state until the next quote, and there would be twice as many states."""
_COLON = r"(?:\s|\\+[nrt])*:"


@dataclass(slots=True)
class Suspicion:
    """Why a text needs a closer look.

    Attributes:
        rules: numbers of the built-in rules that may match, in their order.
        encoded: it holds escapes or percent-encoding of ASCII, whose decoding may show anything.
        base64: it may hold base64 of something.
        keys: it may be JSON text with a denied key.
        assignments: hints that it may hold the name of a secret with a value, see
            :func:`.assignment_hints.hint_patterns`.
        user: numbers of the user's patterns that may match.
    """

    rules: list[int] = field(default_factory=list)
    encoded: bool = False
    base64: bool = False
    keys: bool = False
    assignments: list[str] = field(default_factory=list)
    user: list[int] = field(default_factory=list)


class Prefilter:
    """The prefilter for some rules, some user patterns and some denied keys."""

    def __init__(
        self, rules: Sequence[Rule], user_patterns: Sequence[str], deny_keys: Iterable[str]
    ) -> None:
        deny_keys = tuple(deny_keys)
        user_words = denied_keys.words_of_user(deny_keys)
        words = "|".join([denied_keys.WORDS, *user_words])
        entries: list[tuple[str, str, int]] = [("encoded", escape, 0) for escape in _ESCAPES]
        entries.append(("keys", f'(?i:{words}){_REST_OF_KEY}"{_COLON}', 0))
        entries.append(("keys", f'(?i:{denied_keys.WORDS_AT_END})[_.-]*\\\\*"{_COLON}', 0))
        hints = assignment_hints.hint_patterns(deny_keys)
        self._hints = tuple(hints)
        entries.extend(("assignments", hints[hint], i) for i, hint in enumerate(self._hints))
        for number, rule in enumerate(rules):
            entries.append(("rule", rule.prefilter_expression, number))
        lengths = [_SHORTEST_KEY_BYTES, *(rule.least_length for rule in rules)]
        self._shortest_match = 1 if user_words or user_patterns else min(lengths)
        others = [entry for entry in entries if not _is_prefix(entry, rules)]
        prefixes = [entry for entry in entries if _is_prefix(entry, rules)]
        self._entries = [(kind, number) for kind, _, number in (*others, *prefixes)]
        self._first_prefix = len(others)
        self._prefixes = len(prefixes)
        self._match_others = compiled_set(tuple(pattern for _, pattern, _ in others))
        prefix_patterns = tuple(pattern for _, pattern, _ in prefixes)
        self._match_prefixes = compiled_set(prefix_patterns)
        self._in_letters = [
            self._set_in_letters(rules, letters) for letters in (STANDARD_LETTERS, ALL_LETTERS)
        ]
        probes = [*_ESCAPE_PROBES, *assignment_hints.BASE64_PROBES]
        probes.extend(probe for rule in rules for probe in rule.base64_probes)
        hidden = [pattern for probe in probes for pattern in base64_patterns(probe)]
        base64_entries = tuple(dict.fromkeys([BASE64_OF_TEXT, *hidden]))
        self._base64_match = compiled_set(base64_entries)
        self._match_prefixes_or_base64 = compiled_set((*prefix_patterns, *base64_entries))
        self._user_match = self._user_base64_match = None
        if user_patterns:
            bare = tuple(without_assertions(pattern) for pattern in user_patterns)
            self._user_match = compiled_set(bare, unicode=True)
            self._user_base64_match = compiled_set((base64_of_text(_USER_GROUPS),))

    def _set_in_letters(
        self, rules: Sequence[Rule], letters: frozenset[int]
    ) -> tuple[list[int], SetMatch]:
        """The rules that may match inside a run of these letters: their entries, and their set.
        No key and no escape consists of letters alone."""
        fitting = [
            entry
            for entry, (kind, number) in enumerate(self._entries)
            if kind == "rule" and may_match_only(rules[number].prefilter_pattern, letters)
        ]
        expressions = (rules[self._entries[entry][1]].prefilter_expression for entry in fitting)
        return fitting, compiled_set(tuple(expressions))

    def is_clean(self, text: bytes) -> bool:
        """True when no rule, key or pattern can apply to the text, in any encoding."""
        if len(text) < self._shortest_match:
            return True
        if len(text) >= LONG_RUN and long_runs(text):
            return self.suspicion(text) is None
        return (
            self._match_others(text) is None
            and self._match_prefixes_or_base64(text) is None
            and (self._user_match is None or self._user_match(text) is None)
            and (self._user_base64_match is None or self._user_base64_match(text) is None)
        )

    def may_be_base64(self, text: bytes) -> bool:
        """Whether the text may hold base64 of something that a rule or pattern looks for."""
        return self._base64_match(text) is not None or (
            self._user_base64_match is not None and self._user_base64_match(text) is not None
        )

    def suspicion(self, text: bytes, *, base64: bool = True) -> Suspicion | None:
        """Where to look closer; None for a clean text.

        ``base64`` says whether to look into it: what was base64 itself is not decoded again.
        """
        if len(text) < self._shortest_match:
            return None
        user_hits = () if self._user_match is None else self._user_match(text) or ()
        runs = long_runs(text)
        if runs or not base64:
            hits, in_base64 = self._hits_around_runs(text, runs, base64)
        else:
            hits, in_base64 = self._hits_with_base64(text)
        if not hits and not user_hits and not in_base64:
            return None
        suspicion = Suspicion(base64=in_base64, user=sorted(user_hits))
        for hit in hits:
            kind, number = self._entries[hit]
            if kind == "rule":
                suspicion.rules.append(number)
            elif kind == "assignments":
                suspicion.assignments.append(self._hints[number])
            else:
                setattr(suspicion, kind, True)
        suspicion.rules.sort()
        return suspicion

    def _hits_with_base64(self, text: bytes) -> tuple[set[int], bool]:
        """The numbers of the entries that a text matches, and whether it may hold base64."""
        hits = set(self._match_others(text) or ())
        in_base64 = self._user_base64_match is not None and (
            self._user_base64_match(text) is not None
        )
        for hit in self._match_prefixes_or_base64(text) or ():
            if hit < self._prefixes:
                hits.add(hit + self._first_prefix)
            else:
                in_base64 = True
        return hits, in_base64

    def _hits_around_runs(
        self, text: bytes, runs: list[tuple[int, int]], base64: bool
    ) -> tuple[set[int], bool]:
        """The same, where long runs of base64 letters are decoded, or where base64 does not
        count."""
        opaque = [run for run in runs if not _may_begin_token(text, *run)]
        hits = set(self._hits(without_runs(text, opaque, EDGE) if opaque else text))
        for start, end in runs:
            run = text[start:end]
            entries, match = self._in_letters[b"-" in run or b"_" in run]
            hits.update(entries[hit] for hit in match(run) or ())
        in_base64 = base64 and (
            self.may_be_base64(without_runs(text, runs, 0) if runs else text)
            or any(not self._hides_nothing(text[start:end]) for start, end in runs)
        )
        return hits, in_base64

    def _hits(self, text: bytes) -> list[int]:
        """The numbers of the entries that a text matches."""
        prefixes = self._match_prefixes(text) or ()
        return [*(self._match_others(text) or ()), *(hit + self._first_prefix for hit in prefixes)]

    def _hides_nothing(self, run: bytes) -> bool:
        """Whether a long run is base64 of nothing that needs a closer look."""
        for decoded in readings(run):
            text = text_of(decoded)
            if text and self._hits(text):
                return False
            if text and self._user_match is not None and self._user_match(text) is not None:
                return False
        return True


def _is_prefix(entry: tuple[str, str, int], rules: Sequence[Rule]) -> bool:
    """Whether an entry looks for something that begins with a literal."""
    kind, pattern, number = entry
    if kind == "assignments":
        return pattern in assignment_hints.PREFIXED_HINTS
    is_provider = kind == "rule" and rules[number].group == "provider"
    return is_provider and begins_with_literal(pattern)


def _may_begin_token(text: bytes, start: int, end: int) -> bool:
    """Whether the first part of a JWT, which may be long, may begin inside a run of letters and
    end with it. All other matches that go on behind a run begin near its end."""
    begins = text.find(b"eyJ", start, end) >= 0 or text.find(b"eyK", start, end) >= 0
    return begins and text[end : end + 1] == b"."
