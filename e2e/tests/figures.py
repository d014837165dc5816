"""The tables at the end of a run: what ran, and what was measured.

A figure that misses its limit is marked, and fails nothing: the machine may have been busy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pytest


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measurement."""

    what: str
    value: float
    unit: str
    limit: float | None
    at_least: bool
    """The limit is the least that is wanted, instead of the most."""

    @property
    def met(self) -> bool:
        """Whether the value is within its limit."""
        if self.limit is None:
            return True
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def row(self) -> tuple[str, str, str, str]:
        """As shown in the table."""
        if self.limit is None:
            return self.what, f"{self.value:.2f} {self.unit}", "", ""
        bound = f"{'at least' if self.at_least else 'at most'} {self.limit:g}"
        return self.what, f"{self.value:.2f} {self.unit}", bound, "" if self.met else "MISSED"


@dataclass(slots=True)
class Figures:
    """All measurements of a run, in the order in which they were made."""

    found: list[Figure] = field(default_factory=list)

    def add(
        self, what: str, value: float, unit: str = "s", *, at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:  # fmt: skip
        """Keep a measurement, with the limit that it is held against."""
        limit = at_most if at_least is None else at_least
        self.found.append(
            Figure(what=what, value=value, unit=unit, limit=limit, at_least=at_least is not None)
        )


KEY = pytest.StashKey[Figures]()


def write_tables(reporter: pytest.TerminalReporter, figures: Figures) -> None:
    """Write what ran, by file, and what was measured."""
    reporter.section("what ran")
    for line in table(("tests", "passed", "failed", "seconds"), _files(reporter)):
        reporter.write_line(line)
    if figures.found:
        reporter.section("figures")
        rows = [figure.row() for figure in figures.found]
        for line in table(("what", "measured", "limit", ""), rows):
            reporter.write_line(line)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """The lines of a table, the first column to the left and the others to the right."""
    every = [head, *rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(head))]
    for first, *others in every:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells]).rstrip()


def _files(reporter: pytest.TerminalReporter) -> Iterator[tuple[str, str, str, str]]:
    passed: dict[str, int] = {}
    failed: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for outcome in ("passed", "failed", "error", ""):
        for report in reporter.stats.get(outcome, ()):
            if not isinstance(report, pytest.TestReport):
                continue
            name = report.nodeid.partition("::")[0].rpartition("/")[2]
            seconds[name] = seconds.get(name, 0.0) + report.duration
            if outcome == "passed":
                passed[name] = passed.get(name, 0) + 1
            elif outcome:
                failed[name] = failed.get(name, 0) + 1
    for name in sorted(seconds):
        yield name, str(passed.get(name, 0)), str(failed.get(name, 0)), f"{seconds[name]:.1f}"
    total = sum(seconds.values())
    yield "all", str(sum(passed.values())), str(sum(failed.values())), f"{total:.1f}"
