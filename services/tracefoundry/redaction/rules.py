"""What a rule is: the exact pattern of one kind of secret, and what tells where to look for it.

A rule is applied to bytes (UTF-8 as Latin-1), by RE2, so in linear time. Its ``pattern`` has no
anchors and no word boundaries, which makes it its own screen: a cheap set of all screens decides
first whether a text needs a closer look at all. What a pattern cannot tell (checksums, neighbours)
is the ``check``'s business, so checks only ever make a rule stricter than its screen.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tracefoundry.redaction.automata import compiled

LEFT_EDGE = r"(?:\A|[^0-9A-Za-z])"
"""What stands before a match of a bounded rule: no letter and no digit."""

LEFT_SCREEN = (
    r"(?:\A|[^0-9A-Za-z]|(?:\A|[^0-9A-Za-z])[0-9A-Za-z]|(?:\\u[0-9A-Fa-f]{2}|\\x|%)[0-9A-Fa-f]{2})"
)
"""The edge as a screen sees it. One letter or digit after something else is an edge too: in a
protobuf body the byte before a string is its length, and in escaped text it may end ``\\n``. So are
the escapes of letters that are not ASCII."""

MARKER = re.compile(rb"\[(?:redacted:[a-z0-9_.-]{1,64}|withheld)\]")
"""What redaction leaves in place of a secret."""

WITHHELD = "[withheld]"
"""What stands where the engine failed on a value."""

Check = Callable[[bytes, int, int], bool]
"""Says whether text[start:end] really is what the rule looks for."""


def marker(rule: str) -> str:
    """What stands where a rule took something out."""
    return f"[redacted:{rule}]"


SCREEN_COUNT = 24
"""Characters of one class in a row that a screen asks for at the end of a pattern. What has more
has these too, and a smaller automaton is ready sooner."""

_COUNT_AT_END = re.compile(r"\{(\d+),?\}$")


def _fewer(count: re.Match[str]) -> str:
    return f"{{{min(int(count[1]), SCREEN_COUNT)}}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of secret.

    Attributes:
        name: as in ``[redacted:<name>]`` and in the counts.
        pattern: RE2, in Latin-1. Group 1, where there is one, is what is taken out.
        cores: for matches of fewer than :data:`.base64_forms.TEXT_BYTES` bytes: what they contain,
            one of these at least, so that they are seen in base64. Longer ones are seen anyway.
        bounded: whether a letter or digit in front makes it no match.
        check: what the pattern cannot tell.
        retry: whether, after a failed check, the next match may begin inside this one. Only for
            patterns of bounded length, or the search is not linear.
        shorten: after a failed check, down to which length the match is cut to try again; 0 for
            not at all. Only for patterns of bounded length, too.
        screen: a superset of ``pattern`` that is cheaper; by default the pattern.
        faint: shapes that random bytes can take by accident. In decoded base64 such a match
            counts only where text surrounds it, so that an image is not damaged.
        bare_number: whether a match can be a JSON number; then the marker is quoted.
    """

    name: str
    pattern: str
    cores: tuple[str, ...] = ()
    bounded: bool = False
    check: Check | None = None
    retry: bool = False
    shorten: int = 0
    screen: str | None = None
    faint: bool = False
    bare_number: bool = False

    @property
    def expression(self) -> str:
        """The pattern with its left edge; group 1 is what is taken out."""
        groups = compiled(self.pattern).groups
        grouped = self.pattern if groups else f"({self.pattern})"
        return f"{LEFT_EDGE}{grouped}" if self.bounded else grouped

    @property
    def screen_expression(self) -> str:
        """A superset of the rule in any text, also in the middle of a protobuf body."""
        screen = _COUNT_AT_END.sub(_fewer, self.screen or self.pattern)
        return f"{LEFT_SCREEN}(?:{screen})" if self.bounded else screen
