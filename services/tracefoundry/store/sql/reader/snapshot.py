"""The snapshot of a SQL database: one read-only transaction, and the questions it answers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import sqlalchemy as sa

from tracefoundry.model.run_starts import RunStart
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.store.api import ContentSource
from tracefoundry.store.json_slices import JsonSlice
from tracefoundry.store.records import (
    BlobCopy,
    BlobPlace,
    GroupBy,
    LinkPage,
    PayloadFate,
    PayloadStates,
    SkeletonPage,
    Sort,
    SpanPage,
    SpanPart,
    SpanPosition,
    Statistics,
    StoredTrace,
    TracePage,
    TracePosition,
    TraceSelection,
)
from tracefoundry.store.sql.reader import (
    lists,
    model_chunks,
    payload_rows,
    search,
    span_pages,
    spans,
    statistics,
)
from tracefoundry.store.sql.reader.rows import fetch, pairs
from tracefoundry.store.sql.reader.text_query import TextQuery
from tracefoundry.store.sql.tables import projects, span_logs, span_payload_refs, tombstones, traces


class SqlSnapshot:
    """See :class:`tracefoundry.store.api.Snapshot`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def projects(self) -> dict[str, int]:
        statement = sa.select(projects.c.name, projects.c.project_id).order_by(projects.c.name)
        return dict(pairs(self._connection, statement))

    def traces(
        self,
        project_ids: Sequence[int],
        selection: TraceSelection,
        *,
        sort: Sort,
        after: TracePosition | None,
        limit: int,
    ) -> TracePage:
        found, cut = lists.list_traces(
            self._connection, project_ids, selection, sort, after, limit + 1
        )
        if len(found) <= limit and not cut:
            return TracePage(found, None)
        del found[limit:]
        return TracePage(found, found[-1].position(sort))

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
        query = TextQuery(text, content=content)
        return search.search_traces(
            self._connection, project_ids, selection, sort, after, limit, query, budget_seconds
        )

    def find_traces(self, project_ids: Sequence[int], trace_id: bytes) -> list[StoredTrace]:
        return lists.find_traces(self._connection, project_ids, trace_id)

    def owners(self, project_ids: Sequence[int], trace_id: bytes) -> set[int]:
        return self._projects_with((traces, span_logs, span_payload_refs), project_ids, trace_id)

    def has_payload_references(self, project_ids: Sequence[int], trace_id: bytes) -> bool:
        return bool(self._projects_with((span_payload_refs,), project_ids, trace_id))

    def _projects_with(
        self, tables: Sequence[sa.Table], project_ids: Sequence[int], trace_id: bytes
    ) -> set[int]:
        """Those of the projects that have rows of a trace in one of these tables."""
        found: set[int] = set()
        for table in tables:
            held = sa.exists().where(
                table.c.project_id == projects.c.project_id, table.c.trace_id == trace_id
            )
            statement = sa.select(projects.c.project_id).where(
                projects.c.project_id.in_(project_ids), held
            )
            found.update(project_id for (project_id,) in fetch(self._connection, statement))
        return found

    def was_deleted(self, project_ids: Sequence[int], trace_id: bytes, now_ns: int) -> bool:
        statement = sa.select(tombstones.c.trace_id).where(
            tombstones.c.project_id.in_(project_ids),
            tombstones.c.trace_id == trace_id,
            tombstones.c.keep_until_ns > now_ns,
        )
        return self._connection.execute(statement.limit(1)).first() is not None

    def skeletons(
        self,
        trace: StoredTrace,
        *,
        after: SpanPosition | None = None,
        parent_id: bytes | None = None,
        limit: int,
    ) -> SkeletonPage:
        return spans.skeletons(self._connection, trace, after, parent_id, limit)

    def spans(
        self,
        trace: StoredTrace,
        *,
        after: SpanPosition | None = None,
        parent_id: bytes | None = None,
        limit: int,
    ) -> SpanPage:
        return span_pages.span_page(self._connection, trace, after, parent_id, limit)

    def span(self, trace: StoredTrace, span_id: bytes) -> SpanPage:
        return span_pages.spans_with_id(self._connection, trace, span_id)

    def counting_spans(self, trace: StoredTrace) -> dict[tuple[int, bytes], int] | None:
        return spans.counting_spans(self._connection, trace)

    def run_starts(self, trace: StoredTrace) -> list[RunStart]:
        return spans.run_starts(self._connection, trace)

    def span_part(
        self, trace: StoredTrace, span: SpanPosition, part: SpanPart, place: int, *, checked: bool
    ) -> JsonSlice | None:
        return span_pages.span_part(self._connection, trace, span, part, place, checked=checked)

    def links(self, trace: StoredTrace, limit: int) -> LinkPage:
        return spans.links_of(self._connection, trace, limit)

    def model_spans(
        self,
        trace: StoredTrace,
        *,
        contents: ContentSource | None = None,
        chunk_spans: int = 1_000,
        chunk_bytes: int = 8 * 1024 * 1024,
    ) -> Iterator[list[Span]]:
        limits = model_chunks.ChunkLimits(chunk_spans, chunk_bytes)
        return model_chunks.span_chunks(self._connection, trace, contents, limits)

    def model_logs(
        self,
        project_id: int,
        trace_id: bytes,
        *,
        contents: ContentSource | None = None,
        chunk_logs: int = 1_000,
        chunk_bytes: int = 8 * 1024 * 1024,
    ) -> Iterator[list[LogRecord]]:
        limits = model_chunks.ChunkLimits(chunk_logs, chunk_bytes)
        days = [trace.import_day for trace in self.find_traces([project_id], trace_id)]
        import_day = days[0] if days else None
        return model_chunks.log_chunks(
            self._connection, project_id, trace_id, import_day, contents, limits
        )

    def payload_states(
        self, project_id: int, wanted: Collection[tuple[bytes, int]], pointed: Collection[bytes]
    ) -> PayloadStates:
        return payload_rows.states_of(self._connection, project_id, wanted, pointed)

    def payload_copies(self, project_ids: Sequence[int], ref: bytes) -> list[BlobCopy]:
        return payload_rows.copies_of(self._connection, project_ids, ref)

    def payload_places(
        self, project_id: int, day: int, refs: Collection[bytes]
    ) -> dict[bytes, BlobPlace]:
        return payload_rows.places_of(self._connection, project_id, day, refs)

    def payload_fate(
        self, project_ids: Sequence[int], ref: bytes, now_ns: int
    ) -> PayloadFate | None:
        return payload_rows.fate_of(self._connection, project_ids, ref, now_ns)

    def expired_days(self, project_id: int, days: Collection[int]) -> set[int]:
        return set(payload_rows.expired_days(self._connection, project_id, set(days)))

    def statistics(
        self, project_ids: Sequence[int], start_ns: int, end_ns: int, by: GroupBy
    ) -> Statistics:
        return statistics.statistics(self._connection, project_ids, start_ns, end_ns, by)
