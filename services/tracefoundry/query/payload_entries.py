"""The ``payloads`` of spans: which values are stored apart, and their state at the time of reading.

A row has the state at which the span was stored. Whether a payload is still there, has expired or
was deleted is looked up for all spans of a page at once. Those who may not read content see that
there is something, its size and its state, and neither ref nor preview: a short text could be
guessed from its hash. For the same reason a sender's own reference is ``dangling`` to them, also
where it points at a payload: whoever may send as well could make sure of a guess.

A preview is the first 256 characters of a payload, so of a short one it is the whole. It follows
the rules of payloads: permission, expiry, deletion and the audit log.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from tracefoundry.model.payload import LOG
from tracefoundry.model.times import rfc3339_microseconds
from tracefoundry.schemas.spans import PayloadEntry
from tracefoundry.store.api import Snapshot
from tracefoundry.store.payload_states import payload_now, stored_digest
from tracefoundry.store.records import PayloadStates, SpanPage, StoredLog, StoredSpan, StoredTrace

Json = dict[str, Any]

_POINTER = "reference"


class PayloadEntries:
    """The entries of the spans of one page, and of their logs."""

    def __init__(
        self, snapshot: Snapshot, trace: StoredTrace, page: SpanPage, *, content: bool
    ) -> None:
        """Look up the states of all of them. ``content`` is for those who may read content."""
        self._content = content
        self._trace = trace
        self._parsed: dict[int, list[Json]] = {}
        wanted: set[tuple[bytes, int]] = set()
        pointed: set[bytes] = set()
        holders: list[tuple[StoredSpan | StoredLog, int]] = [
            (span, span.start_time_ns) for span in page.spans
        ]
        holders += [(log, log.time_ns) for logs in page.logs.values() for log in logs]
        for holder, time_ns in holders:
            if holder.payloads is None:
                continue
            entries: list[Json] = msgspec.json.decode(holder.payloads)
            self._parsed[id(holder)] = entries
            for entry in entries:
                digest = stored_digest(entry.get("ref"))
                if digest is None:
                    continue
                if entry["state"] == _POINTER:
                    pointed.add(digest)
                else:
                    wanted.add((digest, trace.payload_day(time_ns)))
        self._states = (
            snapshot.payload_states(trace.project_id, wanted, pointed)
            if wanted or pointed
            else PayloadStates()
        )

    def of(self, span: StoredSpan, logs: Iterable[StoredLog] = ()) -> list[PayloadEntry]:
        """The entries of a span, then those of its logs in their order."""
        day = self._trace.payload_day(span.start_time_ns)
        found = [self._shown(entry, entry["place"], day) for entry in self._of(span)]
        for index, log in enumerate(logs):
            for entry in self._of(log):
                place = f"logs/{index}"
                if entry["place"] != LOG:
                    # What its resource and scope had is listed with the span, if they are the same.
                    if (log.resource_id, log.scope_id) == (span.resource_id, span.scope_id):
                        continue
                    place = f"{place}/{entry['place']}"
                log_day = self._trace.payload_day(log.time_ns)
                found.append(self._shown(entry, place, log_day))
        return found

    def pointers(self, holder: StoredSpan | StoredLog) -> set[tuple[str, str]]:
        """(place, key) of the attributes of a span or log by which a sender pointed at content."""
        return {
            (entry["place"], entry["key"])
            for entry in self._of(holder)
            if entry["state"] == _POINTER
        }

    def _of(self, holder: StoredSpan | StoredLog) -> Sequence[Json]:
        return self._parsed.get(id(holder), ())

    def _shown(self, entry: Json, place: str, day: int) -> PayloadEntry:
        now = payload_now(entry["state"], entry["ref"], day, self._states, content=self._content)
        expired_ns = now.expired_at_ns
        return PayloadEntry(
            slot=entry["slot"],
            place=place,
            key=entry["key"],
            type=entry["type"],
            ref=entry["ref"] if self._content else None,
            bytes=entry["bytes"],
            media_type=entry["media_type"],
            state=now.state,
            preview=now.preview if self._content else None,
            expired_at=None if expired_ns is None else rfc3339_microseconds(expired_ns),
        )
