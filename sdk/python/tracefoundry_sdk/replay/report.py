"""The report of a replay, as JSON.

``matched`` calls were answered. ``missed`` calls were not; ``diverged`` counts those of them that
the recording has with other arguments. ``unused`` recorded calls were never asked for. ``allowed``
calls went out by ``--allow``. ``through_redaction_marks`` counts matched calls in whose arguments a
redaction mark stood for something. ``calls`` tells each of them, unused ones last.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from tracefoundry_sdk.replay.matching import Call, Match, Miss
from tracefoundry_sdk.replay.recording import RecordedCall

MAX_CALLS = 100_000
"""Calls that are told one by one; more are only counted."""


class Report:
    """Collects what happens. Not safe for threads: the server locks."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._guards: dict[str, None] = {}  # in the order in which they were told
        self._calls: list[dict[str, Any]] = []

    def guards(self, names: list[str]) -> None:
        """These guards are active in a process."""
        self._guards |= dict.fromkeys(names)

    def matched(self, call: Call, match: Match) -> None:
        """A call was answered."""
        self._counts["matched"] += 1
        self._counts["through_redaction_marks"] += match.through_marks
        self._add(
            call,
            outcome="matched",
            span_id=match.record.span_id,
            trace_id=match.record.trace_id,
            how="matched through a redaction mark" if match.through_marks else match.how,
        )

    def missed(self, call: Call, miss: Miss) -> None:
        """A call was not answered."""
        self._counts["missed"] += 1
        self._counts["diverged"] += miss.diverged
        nearest = miss.nearest
        self._add(
            call,
            outcome="diverged" if miss.diverged else "missed",
            span_id=nearest.span_id if nearest is not None and miss.diverged else None,
            message=miss.message,
            nearest=None if nearest is None else summary(nearest),
            diff=miss.diff,
        )

    def allowed(self, call: Call) -> None:
        """A call went out because its name is allowed."""
        self._counts["allowed"] += 1
        self._add(call, outcome="allowed")

    def blocked(self, call: Call, message: str) -> None:
        """A guard stopped what no recorded call stands for: a socket, a request."""
        self._counts["missed"] += 1
        self._add(call, outcome="blocked", message=message)

    def as_json(self, unused: list[RecordedCall]) -> dict[str, Any]:
        """The report so far."""
        told = [
            {
                "kind": call.kind, "name": call.name, "agent_path": call.agent_path,
                "outcome": "unused", "span_id": call.span_id, "trace_id": call.trace_id,
            }
            for call in unused[:MAX_CALLS]
        ]  # fmt: skip
        counts = {
            name: self._counts[name]
            for name in ("matched", "missed", "diverged", "allowed", "through_redaction_marks")
        }
        return {
            **counts,
            "unused": len(unused),
            "guards": list(self._guards),
            "calls": [*self._calls, *told],
        }

    def _add(self, call: Call, **told: Any) -> None:
        if len(self._calls) < MAX_CALLS:
            place = {"kind": call.kind, "name": call.name, "agent_path": call.agent_path}
            self._calls.append({**place, "call_id": call.call_id, **told})


def summary(record: RecordedCall) -> dict[str, Any]:
    """The nearest recorded call, as the report and a miss name it."""
    return {
        "kind": record.kind, "name": record.name, "agent_path": record.agent_path,
        "span_id": record.span_id, "trace_id": record.trace_id, "arguments": record.arguments,
    }  # fmt: skip
