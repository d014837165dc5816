"""Times for the spans of a trajectory: ATIF has at most one timestamp a step, and no durations.

A span starts at the timestamp of its step, and each span at least a nanosecond after the one
before, because traces are ordered by start. A step without a timestamp follows the step before it;
before the first timestamp, that one is taken. If there is none at all, the trajectory starts at
1970.
"""

from __future__ import annotations

from tracefoundry.interchange.fields import Fields
from tracefoundry.interchange.report import LossReport


class StepClock:
    """Gives each span of a trajectory its start."""

    def __init__(
        self, steps: list[Fields], start_ns: int | None, report: LossReport, place: str
    ) -> None:
        times = [step.time_ns("timestamp") for step in steps]
        known = next((time for time in times if time is not None), start_ns)
        missing = times.count(None)
        if missing:
            report.add("ATIF steps without a timestamp: theirs is that of the step before",
                       place, missing)  # fmt: skip
        self.now_ns = known or 0

    def move_to(self, step: Fields) -> None:
        """Go on to the timestamp of a step, if it has one that is not in the past."""
        self.now_ns = max(self.now_ns, step.time_ns("timestamp") or 0)

    def tick(self) -> int:
        """The time now; the next one is a nanosecond later."""
        now = self.now_ns
        self.now_ns += 1
        return now
