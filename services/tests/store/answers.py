"""What a store answers, in short forms for assertions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from samples import trace_id
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.store.api import CommitResult, Snapshot, Store, Writer
from tracefoundry.store.records import (
    ANY_TIME_NS,
    Sort,
    StoredTrace,
    TracePage,
    TracePosition,
    TraceSelection,
)


def commit(
    writer: Writer, spans: Sequence[Span] = (), logs: Sequence[LogRecord] = (), project: int = 1
) -> CommitResult:
    """Commit spans and logs to a project."""
    return writer.commit(
        [writer.prepare_span(project, span) for span in spans],
        [writer.prepare_log(project, log) for log in logs],
    )


def add_projects(store: Store, *names: str) -> list[int]:
    """Make projects; returns their ids."""
    with store.administration.change() as change:
        return [change.add_project(name, created_at_ns=0).project_id for name in names]


def anything(**wanted: Any) -> TraceSelection:
    """A selection of any time."""
    return TraceSelection(**{"start_ns": 0, "end_ns": ANY_TIME_NS, **wanted})


def page(
    snapshot: Snapshot,
    *,
    projects: Sequence[int] = (1,),
    sort: Sort = "newest",
    after: TracePosition | None = None,
    limit: int = 1_000,
    **wanted: Any,
) -> TracePage:
    """A page of traces."""
    return snapshot.traces(projects, anything(**wanted), sort=sort, after=after, limit=limit)


def all_traces(store: Store, *projects: int) -> list[StoredTrace]:
    """All traces, newest first."""
    with store.reader.snapshot() as snapshot:
        return page(snapshot, projects=projects or (1,)).traces


def numbers(traces: Sequence[StoredTrace]) -> list[int]:
    """Their trace ids as small numbers."""
    return [int.from_bytes(trace.trace_id, "big") for trace in traces]


def only_trace(store: Store) -> StoredTrace:
    """The one trace of the default project."""
    (trace,) = all_traces(store)
    return trace


def span_count(store: Store, *projects: int) -> int:
    """How many spans are stored, which is not read from summaries."""
    with store.reader.snapshot() as snapshot:
        return sum(
            len(snapshot.skeletons(trace, limit=1_000_000).spans)
            for trace in page(snapshot, projects=projects or (1,)).traces
        )


def logs_of(store: Store, trace: int = 1, project: int = 1) -> list[LogRecord]:
    """All log records of a trace."""
    with store.reader.snapshot() as snapshot:
        chunks = snapshot.model_logs(project, trace_id(trace))
        return [log for chunk in chunks for log in chunk]


def spans_of(store: Store, trace: int = 1, project: int = 1) -> list[Span]:
    """All spans of a trace as the model has them."""
    with store.reader.snapshot() as snapshot:
        (found,) = snapshot.find_traces([project], trace_id(trace))
        return [span for chunk in snapshot.model_spans(found) for span in chunk]
