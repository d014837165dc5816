"""What a rule is, the built-in rules from the tables beside this file, and their matches in a text.

A rule is applied to bytes (UTF-8 as Latin-1), by RE2. Its pattern has no anchors and no word
boundaries, which makes it its own prefilter: a cheap set of all prefilters decides first whether a
text needs a closer look at all. What a pattern cannot tell (check digits, neighbours) is the
check's business.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal, get_args

import msgspec

from tracefoundry.redaction import personal_data, secret_checks
from tracefoundry.redaction.re2_patterns import Pattern, compiled
from tracefoundry.redaction.report import MARKER

RULE_TABLES = tuple(
    Path(__file__).with_name(name) for name in ("provider_rules.toml", "rules.toml")
)

LEFT_EDGE = r"(?:\A|[^0-9A-Za-z])"
"""What stands before a match that needs a left edge: no letter and no digit."""

LEFT_EDGE_PREFILTER = (
    r"(?:\A|[^0-9A-Za-z]|(?:\A|[^0-9A-Za-z])[0-9A-Za-z]|(?:\\u[0-9A-Fa-f]{2}|\\x|%)[0-9A-Fa-f]{2})"
)
"""The edge as a prefilter sees it. One letter or digit after something else is an edge too: in a
protobuf body the byte before a string is its length, and in escaped text it may end ``\\n``. So are
the escapes of letters that are not ASCII."""

PREFILTER_COUNT = 24
"""Characters of one class in a row that a prefilter asks for at the end of a pattern. What has more
has these too, and a smaller automaton is ready sooner."""

RETRIED_VALUE_BYTES = 256
"""Longer values are not searched again for another match, or the search would not be linear."""

_COUNT_AT_END = re.compile(r"\{(\d+),?\}$")

Group = Literal["provider", "context", "personal"]
"""Keys of known shape; secrets known by what stands before them; personal data."""

Check = Callable[[bytes, int, int], bool]
"""Says whether text[start:end] really is what the rule looks for."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of secret: a row of the rule table, whose head describes the fields."""

    name: str
    pattern: str
    group: Group = "context"
    least_length: int = 1
    prefilter: str | None = None
    base64_probes: tuple[str, ...] = ()
    left_edge: bool = False
    check: str | None = None
    retry_inside: bool = False
    retry_in_value: bool = False
    cut: str | None = None
    matches_random_bytes: bool = False
    may_be_json_number: bool = False
    match: tuple[str, ...] = ()
    no_match: tuple[str, ...] = ()

    @property
    def expression(self) -> str:
        """The pattern with its left edge; group 1 is what is taken out."""
        groups = compiled(self.pattern).groups
        grouped = self.pattern if groups else f"({self.pattern})"
        return f"{LEFT_EDGE}{grouped}" if self.left_edge else grouped

    @property
    def prefilter_pattern(self) -> str:
        """A superset of the pattern, with as much counting as the rule's own."""
        return self.prefilter or self.pattern

    @property
    def prefilter_expression(self) -> str:
        """A superset of the rule in any text, also in the middle of a protobuf body."""
        pattern = _COUNT_AT_END.sub(_fewer, self.prefilter_pattern)
        edge = self.left_edge and self.group != "provider"
        return f"{LEFT_EDGE_PREFILTER}(?:{pattern})" if edge else pattern


def _fewer(count: re.Match[str]) -> str:
    return f"{{{min(int(count[1]), PREFILTER_COUNT)}}}"


class RuleTable(msgspec.Struct, forbid_unknown_fields=True):
    """A rule table as it is written."""

    fragments: dict[str, str] = {}
    provider: tuple[Rule, ...] = ()
    context: tuple[Rule, ...] = ()
    personal: tuple[Rule, ...] = ()


_FRAGMENT = re.compile(r"\{\{(\w+)\}\}")


def load_rules(*paths: Path) -> tuple[Rule, ...]:
    """The rules of some tables by group, inside a group in the order of the tables, fragments put
    in. The tables share their fragments.

    Raises:
        ValueError: a table cannot be read, or names an unknown fragment.
    """
    tables = [
        msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), RuleTable)
        for path in paths or RULE_TABLES
    ]
    fragments = {"left_edge": LEFT_EDGE_PREFILTER}
    for table in tables:
        for name, fragment in table.fragments.items():
            fragments[name] = _filled(fragment, fragments)
    return tuple(
        msgspec.structs.replace(
            rule,
            group=group,
            pattern=_filled(rule.pattern, fragments),
            prefilter=rule.prefilter and _filled(rule.prefilter, fragments),
        )
        for group in get_args(Group)
        for table in tables
        for rule in getattr(table, group)
    )


def _filled(pattern: str, fragments: Mapping[str, str]) -> str:
    joined = "".join(line.lstrip() for line in pattern.split("\n"))
    unknown = set(_FRAGMENT.findall(joined)) - fragments.keys()
    if unknown:
        raise ValueError(f"{pattern!r} names the unknown fragments {sorted(unknown)}")
    return _FRAGMENT.sub(lambda name: fragments[name[1]], joined)


CHECKS: dict[str, Check] = {
    name: function
    for module in (secret_checks, personal_data)
    for name, function in vars(module).items()
    if name.startswith("is_") and callable(function)
}
"""The checks by name."""

CUTS: dict[str, Callable[[bytes, int, int], int]] = {"iban_end": personal_data.iban_end}
"""Functions by name that say where a match ends."""


class RuleMatcher:
    """A rule, ready to be applied to texts.

    Attributes:
        rule: the rule.
    """

    __slots__ = ("_check", "_cut", "_groups", "_pattern", "rule")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._pattern: Pattern = compiled(rule.expression)
        self._groups = range(1, self._pattern.groups + 1)
        self._check = None if rule.check is None else CHECKS[rule.check]
        self._cut = None if rule.cut is None else CUTS[rule.cut]

    def matches(self, text: bytes) -> Iterator[tuple[int, int]]:
        """The ranges that the rule takes out of the text as it stands."""
        rule, check = self.rule, self._check
        position = 0
        while (match := self._pattern.search(text, position)) is not None:
            group = next(number for number in self._groups if match.start(number) >= 0)
            start, end = match.start(group), match.end(group)
            position = max(end, match.start() + 1)
            if MARKER.fullmatch(text[start:end]):
                continue
            if self._cut is not None:
                end = self._cut(text, start, end)
            if check is None or check(text, start, end):
                yield start, end
                position = max(end, match.start() + 1)
            elif rule.retry_inside:
                position = match.start() + 1
            elif rule.retry_in_value and end - start <= RETRIED_VALUE_BYTES:
                position = max(start, match.start() + 1)
