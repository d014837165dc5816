"""Dry replay: whether everything that a replay of a trace needs is there and whole.

The tree of spans is rebuilt, every payload is read and compared with its hash, and what is not
there is told by its reason. Nothing is run. Where spans and payloads come from is the caller's
business: a store (:mod:`.stored`) or a bundle (:mod:`.bundled`).

Memory: about 250 bytes for each span of the largest trace, and 200 for each distinct payload.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tracefoundry.model.payload import PayloadEntry
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.model.tree import build_tree
from tracefoundry.schemas.replay import (
    CheckName,
    DryReplay,
    DryReplayCheck,
    DryReplayItem,
    DryReplayState,
)

ITEMS_LIMIT = 100
"""Most spans or payloads that one check names."""

_OBSTACLES: Final[dict[CheckName, str]] = {
    "hashes": "payloads whose bytes do not give their hash: {count}",
    "missing": "payloads that are not there, and nothing says why: {count}",
    "dangling": "references to content that is not stored here: {count}",
    "expired": "payloads that have expired: {count}",
    "deleted": "payloads that were deleted: {count}",
}
"""Checks that make the result not ok, with what they say."""

_TOLD: Final[dict[CheckName, str]] = {
    "redacted": "payloads that redaction took out: {count}",
    "withheld": "payloads that were withheld because redaction failed on them: {count}",
    "excluded": "payloads that the export left out: {count}",
}
"""Checks that are told and do not count against the result."""


class _Place(NamedTuple):
    """A span as the tree needs it (:class:`tracefoundry.model.parents.ParentFacts`)."""

    span_id: bytes
    parent_span_id: bytes | None
    start_time_ns: int
    end_time_ns: int


class PayloadKey(NamedTuple):
    """A payload that has to be read: a store keeps one copy a project and day."""

    project: str
    day: int
    ref: str


@dataclass(slots=True)
class _Uses:
    """How often a payload is used, where first, and its size in bytes if that is known."""

    count: int
    first: DryReplayItem
    bytes: int


@dataclass(slots=True)
class _Found:
    count: int = 0
    items: list[DryReplayItem] = field(default_factory=list)

    def add(self, item: DryReplayItem, count: int = 1) -> None:
        self.count += count
        if len(self.items) < ITEMS_LIMIT:
            self.items.append(item)


class DryRun:
    """Gathers the spans and payloads of one trace after the other, then tells the result."""

    def __init__(self) -> None:
        """Nothing is looked at yet."""
        self._traces = self._spans = self._logs = self._roots = 0
        self._places: list[_Place] = []
        self._states: Counter[DryReplayState] = Counter()
        self._found: dict[CheckName, _Found] = {
            name: _Found() for name in ("orphans", "cycles", *_OBSTACLES, *_TOLD)
        }
        self._unread: dict[PayloadKey, _Uses] = {}

    def add_span(
        self,
        span: Span,
        states: Iterable[tuple[PayloadEntry, DryReplayState]],
        *,
        project: str = "",
        day: int = 0,
    ) -> None:
        """A span with its payloads and what is known of them without reading them. They are stored
        under ``project`` and ``day``, where the source has such."""
        self._spans += 1
        self._places.append(
            _Place(span.span_id, span.parent_span_id or None, span.start_time_ns, span.end_time_ns)
        )
        self._add_payloads(span, states, project, day)

    def add_log(
        self,
        log: LogRecord,
        states: Iterable[tuple[PayloadEntry, DryReplayState]],
        *,
        project: str = "",
        day: int = 0,
    ) -> None:
        """A log record of the trace, as :meth:`add_span`."""
        self._logs += 1
        self._add_payloads(log, states, project, day)

    def end_trace(self, trace_id: bytes) -> None:
        """The trace is complete: rebuild its tree."""
        places, self._places = self._places, []
        self._traces += 1
        tree = build_tree(places, depth_limit=1, node_limit=0)
        self._roots += tree.more_roots
        for index in tree.orphans:
            self._found["orphans"].add(_item(trace_id, places[index].span_id))
        for cycle in tree.cycles:
            for index in cycle:
                self._found["cycles"].add(_item(trace_id, places[index].span_id))

    def unread(self) -> dict[PayloadKey, int]:
        """The payloads whose bytes have to be read and compared, by project, day and ref, with
        their sizes in bytes (0 where a size is unknown)."""
        return {key: self._unread[key].bytes for key in sorted(self._unread)}

    def tell(self, key: PayloadKey, state: DryReplayState) -> None:
        """What reading a payload showed. What is not told stays ``present``."""
        uses = self._unread.pop(key)
        self._count(state, uses.first, uses.count)

    def result(self) -> DryReplay:
        """The result of all that was added."""
        for uses in self._unread.values():
            self._states["present"] += uses.count
        self._unread.clear()
        checks = [
            self._check("orphans", "spans whose parent is not in the trace: {count}"),
            self._check("cycles", "spans that are their own ancestors: {count}"),
        ]
        checks += [self._check(name, text, obstacle=True) for name, text in _OBSTACLES.items()]
        checks += [self._check(name, text) for name, text in _TOLD.items()]
        return DryReplay(
            ok=all(check.ok for check in checks),
            traces=self._traces,
            spans=self._spans,
            logs=self._logs,
            roots=self._roots,
            checks=checks,
            payloads={state: count for state, count in sorted(self._states.items()) if count},
        )

    def _add_payloads(
        self,
        holder: Span | LogRecord,
        states: Iterable[tuple[PayloadEntry, DryReplayState]],
        project: str,
        day: int,
    ) -> None:
        for entry, state in states:
            item = _item(holder.trace_id, holder.span_id)
            item.place, item.key, item.ref = entry.place, entry.key, entry.ref
            if state != "present" or entry.ref is None:
                self._count(state, item)
                continue
            key = PayloadKey(project, day, entry.ref)
            uses = self._unread.get(key)
            if uses is None:
                self._unread[key] = _Uses(1, item, entry.bytes or 0)
            else:
                uses.count += 1

    def _count(self, state: DryReplayState, item: DryReplayItem, count: int = 1) -> None:
        self._states[state] += count
        if state == "corrupt":
            self._found["hashes"].add(item, count)
        elif state != "present":
            self._found[state].add(item, count)

    def _check(self, name: CheckName, text: str, *, obstacle: bool = False) -> DryReplayCheck:
        found = self._found[name]
        return DryReplayCheck(
            check=name,
            ok=not (obstacle and found.count),
            count=found.count,
            message=text.format(count=f"{found.count:,}"),
            items=found.items,
        )


def _item(trace_id: bytes, span_id: bytes) -> DryReplayItem:
    return DryReplayItem(trace_id=trace_id.hex(), span_id=span_id.hex())
