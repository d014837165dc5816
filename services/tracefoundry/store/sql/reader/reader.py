"""The reading side of a store: snapshots to ask.

Synchronous; one instance serves any number of threads, each with a connection of the engine's
bounded pool. Everything raises :class:`~tracefoundry.store.contract.StoreUnavailable` when the
database cannot answer now, and nothing else of the driver's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

from tracefoundry.store.contract import StoreUnavailable
from tracefoundry.store.records import BlobPlace
from tracefoundry.store.sql.engine import reading
from tracefoundry.store.sql.reader import (
    context,
    lists,
    payload_rows,
    search,
    spans,
    statistics,
)
from tracefoundry.store.sql.reader.row import Row
from tracefoundry.store.sql.reader.selection import (
    Sort,
    SpanPosition,
    TracePosition,
    TraceSelection,
)
from tracefoundry.store.sql.reader.text_query import TextQuery
from tracefoundry.store.sql.tables import projects, span_logs, span_payload_refs, tombstones, traces


class Snapshot:
    """One consistent view of the database; good until its ``with`` block ends."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def projects(self) -> dict[str, int]:
        """Project ids by name."""
        statement = sa.select(projects.c.name, projects.c.project_id).order_by(projects.c.name)
        return {name: project for name, project in self._connection.execute(statement)}  # noqa: C416

    def traces(
        self,
        project_ids: Sequence[int],
        selection: TraceSelection,
        *,
        sort: Sort,
        after: TracePosition | None,
        limit: int,
    ) -> tuple[list[Row], TracePosition | None]:
        """A page of traces and where the next one begins (None at the end)."""
        rows = lists.list_traces(self._connection, project_ids, selection, sort, after, limit + 1)
        if len(rows) <= limit:
            return rows, None
        del rows[limit:]
        return rows, lists.position_of(rows[-1])

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
    ) -> search.SearchResult:
        """Like :meth:`traces`, of traces in which a span's name or a string attribute holds
        ``text``, whatever the case; stops when the budget is used up.

        ``content`` is for those who may read it: it looks into the previews of payloads too, and
        into the content that stands in the attributes of spans stored before redaction existed.
        """
        query = TextQuery(text, content=content)
        return search.search_traces(
            self._connection, project_ids, selection, sort, after, limit, query, budget_seconds
        )

    def find_traces(self, project_ids: Sequence[int], trace_id: bytes) -> list[Row]:
        """The ``traces`` rows with this id, one for each project that has it."""
        statement = (
            sa.select(*lists.TRACE_COLUMNS)
            .where(traces.c.project_id.in_(project_ids), traces.c.trace_id == trace_id)
            .order_by(traces.c.project_id)
        )
        return list(self._connection.execute(statement))

    def projects_with_logs(self, project_ids: Sequence[int], trace_id: bytes) -> list[int]:
        """Those of the projects that hold logs of this trace, whether or not its spans came."""
        logs = sa.exists().where(
            span_logs.c.project_id == projects.c.project_id, span_logs.c.trace_id == trace_id
        )
        statement = (
            sa.select(projects.c.project_id)
            .where(projects.c.project_id.in_(project_ids), logs)
            .order_by(projects.c.project_id)
        )
        return list(self._connection.execute(statement).scalars())

    def projects_with_payloads(self, project_ids: Sequence[int], trace_id: bytes) -> list[int]:
        """Those of the projects in which this trace refers to payloads; for a deleted trace they
        are what is still to be removed."""
        refs = sa.exists().where(
            span_payload_refs.c.project_id == projects.c.project_id,
            span_payload_refs.c.trace_id == trace_id,
        )
        statement = (
            sa.select(projects.c.project_id)
            .where(projects.c.project_id.in_(project_ids), refs)
            .order_by(projects.c.project_id)
        )
        return list(self._connection.execute(statement).scalars())

    def payload_states(
        self, project_id: int, wanted: Collection[tuple[bytes, int]], pointed: Collection[bytes]
    ) -> payload_rows.PayloadStates:
        """What is true now of payloads by (ref, day), and of refs that senders wrote."""
        return payload_rows.states_of(self._connection, project_id, wanted, pointed)

    def payload_copies(self, project_ids: Sequence[int], ref: bytes) -> list[payload_rows.BlobCopy]:
        """The stored copies of a payload, newest day first."""
        return payload_rows.copies_of(self._connection, project_ids, ref)

    def expired_days(self, project_id: int, days: Collection[int]) -> set[int]:
        """Those of these days whose payloads have expired in this project."""
        return set(payload_rows.expired_days(self._connection, project_id, set(days)))

    def payload_places(
        self, project_id: int, day: int, refs: Iterable[bytes]
    ) -> dict[bytes, BlobPlace]:
        """Where those of these refs are that the project has stored on a day."""
        return payload_rows.places_of(self._connection, project_id, day, refs)

    def payload_fate(
        self, project_ids: Sequence[int], ref: bytes, now_ns: int
    ) -> payload_rows.Fate | None:
        """What became of a payload without a copy; None where nobody knew it."""
        return payload_rows.fate_of(self._connection, project_ids, ref, now_ns)

    def was_deleted(self, project_ids: Sequence[int], trace_id: bytes, now_ns: int) -> bool:
        """True when one of the projects has a tombstone for this trace that is not over."""
        statement = sa.select(tombstones.c.trace_id).where(
            tombstones.c.project_id.in_(project_ids),
            tombstones.c.trace_id == trace_id,
            tombstones.c.keep_until_ns > now_ns,
        )
        return self._connection.execute(statement.limit(1)).first() is not None

    def skeletons(
        self,
        trace: Row,
        *,
        after: SpanPosition | None = None,
        parent_id: bytes | None = None,
        limit: int,
    ) -> spans.SpanPage:
        """A page of skeleton rows of a trace, or of one parent's children."""
        return spans.skeletons(self._connection, trace, after, parent_id, limit)

    def full_spans(
        self,
        trace: Row,
        *,
        after: SpanPosition | None = None,
        parent_id: bytes | None = None,
        limit: int,
    ) -> spans.SpanPage:
        """A page of full rows of a trace, or of one parent's children."""
        return spans.full_rows(self._connection, trace, after, parent_id, limit)

    def single_span(self, trace: Row, span_id: bytes) -> spans.SpanPage:
        """The full rows with this span id, by start; usually one. ``following`` is set where not
        all of them are here."""
        return spans.single_span(self._connection, trace, span_id)

    def context_of(self, trace: Row, page: spans.SpanPage) -> context.SpanContext:
        """Resources, scopes and logs that the full rows of a page refer to."""
        return context.context_of(self._connection, trace, page)

    def counting_spans(self, trace: Row) -> set[tuple[int, bytes]] | None:
        """(start, span id) of spans whose usage counts; None where the trace is too large."""
        return spans.counting_spans(self._connection, trace)

    def links_of(self, trace: Row, limit: int) -> list[Row]:
        """(span id, policy version, JSON text of its links) of at most ``limit`` spans with links,
        by start."""
        return spans.links_of(self._connection, trace, limit)

    def statistics(
        self, project_ids: Sequence[int], start_ns: int, end_ns: int, by: statistics.GroupBy
    ) -> statistics.Statistics:
        """Figures over the spans that start in ``[start_ns, end_ns)``."""
        return statistics.statistics(self._connection, project_ids, start_ns, end_ns, by)


class TraceReader:
    """Reads traces through one engine of :func:`.engine.make_engine`.

    The reader owns the engine: :meth:`close` closes its connections.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @property
    def engine(self) -> sa.Engine:
        """The engine that this reads through."""
        return self._engine

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """A consistent view; holds one connection until the block ends."""
        with reading(self._engine) as connection:
            yield Snapshot(connection)

    def check(self) -> None:
        """Ask the database something small that needs our tables.

        Raises:
            StoreUnavailable: it cannot answer, or the tables are not there.
        """
        with reading(self._engine) as connection:
            connection.execute(sa.select(projects.c.project_id).limit(1)).all()

    def check_schema(self, expected: str, *, older: Collection[str] | None = None) -> None:
        """Make sure that the database's schema is not behind this program.

        ``older`` names the revisions before ``expected``. With it a revision that is in neither is
        one of a newer program, which may be rolling out beside this one, and is accepted; without
        it every difference counts as behind.

        Raises:
            StoreUnavailable: the schema is behind or absent; the message says what to run.
        """
        version = sa.table("alembic_version", sa.column("version_num", sa.Text))
        with reading(self._engine) as connection:
            found = connection.execute(sa.select(version.c.version_num)).scalars().first()
        if found == expected or (older is not None and found is not None and found not in older):
            return
        raise StoreUnavailable(
            f"the database schema is at revision {found or 'none'} and this program needs "
            f"{expected}; run tracefoundry migrate"
        )

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
