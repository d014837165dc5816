"""What redaction leaves behind: markers in the text, and a report of what was taken out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Literal

import msgspec

from tracefoundry.model.attributes import TypeName

MARKER = re.compile(rb"\[(?:redacted:[a-z0-9_.-]{1,64}|withheld)\]")
"""What redaction leaves in place of a secret."""

WITHHELD = "[withheld]"
"""What stands where the engine failed on a value."""


def marker(rule: str) -> str:
    """What stands where a rule took something out."""
    return f"[redacted:{rule}]"


ENGINE_ERROR = "engine_error"
"""Rule name of values that were withheld because the engine failed on them."""
NOT_ALLOWED = "not_allowed"
"""Rule name of attributes that strict mode left out."""


class RuleCount(msgspec.Struct, frozen=True, gc=False):
    """How often one rule applied; an element of a span's ``redactions``."""

    rule: str
    count: int


class Withheld(msgspec.Struct, frozen=True, gc=False):
    """A value of which nothing is left.

    ``place`` is as in a span's ``payloads``: ``span``, ``resource``, ``scope``, ``events/<i>``,
    ``links/<i>``, or ``log`` for the log record itself. ``key`` is the attribute's key after
    redaction; ``body`` of place ``log`` is the record's body. ``state`` is ``redacted`` for what
    strict mode left out, ``withheld`` where the engine failed.
    """

    place: str
    key: str
    type: TypeName
    state: Literal["redacted", "withheld"]


class Report(msgspec.Struct, frozen=True):
    """What was done to one span or log, its resource and scope included; ordered by rule name."""

    counts: tuple[RuleCount, ...] = ()
    withheld: tuple[Withheld, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.counts)


NOTHING = Report()


def report_of(counts: Mapping[str, int], withheld: list[Withheld]) -> Report:
    """A report from what was counted."""
    if not counts:
        return NOTHING
    return Report(tuple(RuleCount(rule, counts[rule]) for rule in sorted(counts)), tuple(withheld))


def merged(*reports: Report) -> Report:
    """One report of several parts."""
    present = [report for report in reports if report]
    if len(present) <= 1:
        return present[0] if present else NOTHING
    counts: Counter[str] = Counter()
    withheld: list[Withheld] = []
    for report in present:
        for entry in report.counts:
            counts[entry.rule] += entry.count
        withheld.extend(report.withheld)
    return report_of(counts, withheld)
