"""The reader: a snapshot is the tables of a moment."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING

from tracefoundry.model.event_facts import complete_facts
from tracefoundry.model.run_starts import RunStart
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.model.usage import counted_fields
from tracefoundry.store.api import ContentSource, Reader, Snapshot
from tracefoundry.store.event_views import views_by_span
from tracefoundry.store.json_slices import (
    SLICE_CHARACTERS,
    JsonSlice,
    check_place,
    first_slice,
    read_slice,
)
from tracefoundry.store.memory import models, payloads, spans, traces
from tracefoundry.store.memory.statistics import statistics
from tracefoundry.store.memory.tables import Memory, SpanRow, Tables
from tracefoundry.store.narrowing import opening_of
from tracefoundry.store.records import (
    COUNTS_LIMIT,
    LINK_BYTES,
    SAME_ID_LIMIT,
    BlobCopy,
    BlobPlace,
    GroupBy,
    LinkPage,
    PayloadFate,
    PayloadStates,
    SkeletonPage,
    Sort,
    SpanLinks,
    SpanPage,
    SpanPart,
    SpanPosition,
    Statistics,
    StoredTrace,
    TracePage,
    TracePosition,
    TraceSelection,
)
from tracefoundry.store.text_query import TextQuery


class MemoryReader:
    """See :class:`tracefoundry.store.api.Reader`."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        yield MemorySnapshot(self._memory.tables)


class MemorySnapshot:
    """See :class:`tracefoundry.store.api.Snapshot`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def projects(self) -> dict[str, int]:
        found = self._tables.projects.values()
        return dict(sorted((project.name, project.project_id) for project in found))

    def traces(
        self,
        project_ids: Sequence[int],
        selection: TraceSelection,
        *,
        sort: Sort,
        after: TracePosition | None,
        limit: int,
    ) -> TracePage:
        found = traces.list_traces(self._tables, project_ids, selection, sort, after)
        return deepcopy(traces.page_of(found, sort, limit))

    def search(
        self,
        project_ids: Sequence[int],
        selection: TraceSelection,
        *,
        sort: Sort,
        after: TracePosition | None,
        limit: int,
        text: str,
        content: bool,
        budget_seconds: float,
    ) -> TracePage:
        candidates = traces.list_traces(self._tables, project_ids, selection, sort, after)
        query = TextQuery(text, content=content)
        return deepcopy(
            traces.search_traces(self._tables, candidates, sort, limit, query, budget_seconds)
        )

    def find_traces(self, project_ids: Sequence[int], trace_id: bytes) -> list[StoredTrace]:
        return [
            deepcopy(row.stored)
            for project_id in sorted(set(project_ids))
            if (row := self._tables.traces.get((project_id, trace_id))) is not None
        ]

    def owners(self, project_ids: Sequence[int], trace_id: bytes) -> set[int]:
        held = {key[:2] for key in (*self._tables.traces, *self._tables.logs, *self._tables.refs)}
        return {project_id for project_id in project_ids if (project_id, trace_id) in held}

    def has_payload_references(self, project_ids: Sequence[int], trace_id: bytes) -> bool:
        referring = {row[:2] for row in self._tables.refs}
        return any((project_id, trace_id) in referring for project_id in project_ids)

    def was_deleted(self, project_ids: Sequence[int], trace_id: bytes, now_ns: int) -> bool:
        stones = [self._tables.tombstones.get((project, trace_id)) for project in project_ids]
        return any(stone is not None and stone.keep_until_ns > now_ns for stone in stones)

    def skeletons(
        self,
        trace: StoredTrace,
        *,
        after: SpanPosition | None = None,
        parent_id: bytes | None = None,
        limit: int,
    ) -> SkeletonPage:
        rows = spans.rows_of(self._tables, trace, after, parent_id)
        return spans.skeleton_page(self._tables, trace, rows, limit)

    def spans(
        self,
        trace: StoredTrace,
        *,
        after: SpanPosition | None = None,
        parent_id: bytes | None = None,
        limit: int,
    ) -> SpanPage:
        rows = spans.rows_of(self._tables, trace, after, parent_id)
        return spans.span_page(self._tables, trace, rows, limit)

    def span(self, trace: StoredTrace, span_id: bytes) -> SpanPage:
        rows = [row for row in self._rows(trace) if row.shown.span_id == span_id]
        return spans.span_page(self._tables, trace, rows, SAME_ID_LIMIT)

    def counting_spans(self, trace: StoredTrace) -> dict[tuple[int, bytes], int] | None:
        if trace.summary.span_count > COUNTS_LIMIT:
            return None
        key = (trace.project_id, trace.trace_id)
        facts = self._tables.facts_of(key)
        complete_facts(facts, views_by_span(self._tables.logs_of(key)))
        return {
            (facts[index].start_time_ns, facts[index].span_id): fields
            for index, fields in counted_fields(facts).items()
        }

    def run_starts(self, trace: StoredTrace) -> list[RunStart]:
        return self._tables.run_starts_of((trace.project_id, trace.trace_id))

    def span_part(
        self, trace: StoredTrace, span: SpanPosition, part: SpanPart, place: int, *, checked: bool
    ) -> JsonSlice | None:
        key = (span.start_time_ns, span.span_id)
        for row in self._rows(trace):
            if (row.shown.start_time_ns, row.shown.span_id) == key and getattr(row.shown, part):
                read = spans.reading(row.shown, part)
                if checked:
                    check_place(read, place)
                return read_slice(read, place, opening_of(part))
        return None

    def links(self, trace: StoredTrace, limit: int) -> LinkPage:
        found: list[SpanLinks] = []
        size = 0
        for span in [row.shown for row in self._rows(trace) if row.shown.links]:
            text = span.links or ""
            if len(found) == limit or size > LINK_BYTES:
                return LinkPage(found, more=True)
            size += len(text)
            cut = len(text) >= SLICE_CHARACTERS
            shown = first_slice(text[:SLICE_CHARACTERS], spans.reading(span, "links")).text
            found.append(SpanLinks(span.span_id, shown if cut else text))
            if cut:
                return LinkPage(found, more=True)
        return LinkPage(found, more=False)

    def model_spans(
        self,
        trace: StoredTrace,
        *,
        contents: ContentSource | None = None,
        chunk_spans: int = 1_000,
        chunk_bytes: int = 8 * 1024 * 1024,
    ) -> Iterator[list[Span]]:
        key = (trace.project_id, trace.trace_id)
        return models.model_spans(self._tables, key, contents, chunk_spans, chunk_bytes)

    def model_logs(
        self,
        project_id: int,
        trace_id: bytes,
        *,
        contents: ContentSource | None = None,
        chunk_logs: int = 1_000,
        chunk_bytes: int = 8 * 1024 * 1024,
    ) -> Iterator[list[LogRecord]]:
        key = (project_id, trace_id)
        return models.model_logs(self._tables, key, contents, chunk_logs, chunk_bytes)

    def payload_states(
        self, project_id: int, wanted: Collection[tuple[bytes, int]], pointed: Collection[bytes]
    ) -> PayloadStates:
        return payloads.payload_states(self._tables, project_id, wanted, pointed)

    def payload_copies(self, project_ids: Sequence[int], ref: bytes) -> list[BlobCopy]:
        return payloads.payload_copies(self._tables, project_ids, ref)

    def payload_places(
        self, project_id: int, day: int, refs: Collection[bytes]
    ) -> dict[bytes, BlobPlace]:
        return payloads.payload_places(self._tables, project_id, day, refs)

    def payload_fate(
        self, project_ids: Sequence[int], ref: bytes, now_ns: int
    ) -> PayloadFate | None:
        return payloads.payload_fate(self._tables, project_ids, ref, now_ns)

    def expired_days(self, project_id: int, days: Collection[int]) -> set[int]:
        return {day for day in days if (project_id, day) in self._tables.expired_days}

    def statistics(
        self, project_ids: Sequence[int], start_ns: int, end_ns: int, by: GroupBy
    ) -> Statistics:
        return statistics(self._tables, project_ids, start_ns, end_ns, by)

    def _rows(self, trace: StoredTrace) -> list[SpanRow]:
        return self._tables.spans_of((trace.project_id, trace.trace_id))


if TYPE_CHECKING:
    _reader: type[Reader] = MemoryReader
    _snapshot: type[Snapshot] = MemorySnapshot
