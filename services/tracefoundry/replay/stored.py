"""The dry replay of a stored trace: spans from a snapshot, payloads from the object store."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TypeVar

from tracefoundry.bundle.export_contents import ContentReader, ReadAgain
from tracefoundry.model.payload import PayloadEntry, PayloadState
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.payloads.errors import ObjectMissing, PayloadCorrupt, PayloadMissing
from tracefoundry.replay.dry import DryRun, PayloadKey
from tracefoundry.schemas.replay import DryReplay, DryReplayState
from tracefoundry.store.api import Snapshot
from tracefoundry.store.payload_states import payload_now, states_of
from tracefoundry.store.records import StoredTrace

_Record = TypeVar("_Record", Span, LogRecord)
_Looked = tuple[_Record, int, list[tuple[PayloadEntry, PayloadState]]]


def dry_replay_of_stored(
    snapshot: Snapshot,
    contents: ContentReader,
    read_again: ReadAgain,
    trace: StoredTrace,
    project: str,
) -> DryReplay:
    """Look through one trace.

    Raises:
        ObjectStoreUnavailable, StoreUnavailable: it cannot be told now; try again.
        UnknownKey: a payload needs a key that is not configured.
    """
    run = DryRun()
    for spans in snapshot.model_spans(trace):
        span_days = [trace.payload_day(span.start_time_ns) for span in spans]
        for span, day, states in _with_states(snapshot, trace.project_id, spans, span_days):
            run.add_span(span, states, project=project, day=day)
    run.end_trace(trace.trace_id)
    for logs in snapshot.model_logs(trace.project_id, trace.trace_id):
        log_days = [trace.payload_day(log.time_ns) for log in logs]
        for log, day, states in _with_states(snapshot, trace.project_id, logs, log_days):
            run.add_log(log, states, project=project, day=day)
    _read(run, contents, read_again, trace.project_id)
    return run.result()


def _with_states(
    snapshot: Snapshot, project_id: int, records: Sequence[_Record], days: Sequence[int]
) -> Iterator[_Looked[_Record]]:
    found = states_of(snapshot, project_id, records, days)
    for record, day in zip(records, days, strict=True):
        yield (
            record,
            day,
            [
                (entry, payload_now(entry.state, entry.ref, day, found).state)
                for entry in record.payloads
            ],
        )


def _read(run: DryRun, contents: ContentReader, read_again: ReadAgain, project_id: int) -> None:
    """Read what is said to be there, a day at a time."""
    unread = run.unread()
    for (project, day), keys in itertools.groupby(unread, lambda key: (key.project, key.day)):
        sizes = {key.ref: unread[key] for key in keys}
        for ref, content in contents.read(project_id, project, day, sizes):
            if content is None:
                state = _why(contents, read_again, project_id, project, day, ref)
                run.tell(PayloadKey(project, day, ref), state)


def _why(
    contents: ContentReader,
    read_again: ReadAgain,
    project_id: int,
    project: str,
    day: int,
    ref: str,
) -> DryReplayState:
    """Whether a payload that could not be read is damaged or not there.

    What a sender pointed at may be stored on any day, and any copy serves.
    """
    try:
        read_again(project_id, project, day, ref)
    except PayloadCorrupt:
        return "corrupt"
    except (ObjectMissing, PayloadMissing):
        if contents.read_any_copy(project_id, project, ref) is None:
            return "missing"
    return "present"
