"""The seam to storage: what a store promises, in words. All code above ``store/`` knows only this.

A store is opened by :func:`open_store` and has six parts:

:class:`Writer`
    stores spans, logs and the rows of payloads, durably and once;
:class:`Reader`
    opens snapshots, which answer questions with typed records (:mod:`tracefoundry.store.records`);
:class:`Deletion`
    removes traces and payloads, by request and by retention (:mod:`tracefoundry.store.deletion_api`
    has its methods and records);
:class:`Imports`
    stores traces from files, whole or not at all (:mod:`tracefoundry.store.import_api`);
:class:`Administration`
    keeps projects, tokens and the audit log;
:class:`Capabilities`
    says in what this store differs from others.

One suite of tests runs over every store. PostgreSQL and SQLite share ``store/sql``; the store in
``store/memory`` keeps everything in one process, for tests and as proof that this seam is one.

Ownership
    Records that a store returns belong to the caller. What is passed in is not kept, except the
    ``row`` of prepared spans until their commit has returned.

Errors
    :class:`StoreUnavailable` stands for everything that may pass (the database is down, a lock
    timed out, the schema is not there yet): nothing was changed and trying again may help.
    :class:`StoreMisconfigured` can never work. A row that the database can never take is no error:
    it is refused in the result of the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from tracefoundry.model.payload import PayloadRows
from tracefoundry.model.run_starts import RunStart
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.store.deletion_api import Deletion as Deletion
from tracefoundry.store.deletion_api import RetentionRun as RetentionRun
from tracefoundry.store.export_api import Exports as Exports
from tracefoundry.store.import_api import Imports as Imports
from tracefoundry.store.json_slices import JsonSlice
from tracefoundry.store.records import (
    AuditEntry,
    AuditOutcome,
    AuditPosition,
    BlobCopy,
    BlobPlace,
    GroupBy,
    LinkPage,
    PayloadFate,
    PayloadStates,
    ProjectRecord,
    ProjectUsage,
    SkeletonPage,
    Sort,
    SpanPage,
    SpanPart,
    SpanPosition,
    Statistics,
    StoredTrace,
    TokenRecord,
    TracePage,
    TracePosition,
    TraceSelection,
)

RefusalReason = Literal["trace_deleted", "trace_imported", "data_error"]

DISK_FULL = (
    "the disk of the database is full: nothing is stored until there is room; delete traces,"
    " shorten the retention, or make it larger"
)

ContentSource = Callable[[int, int, Collection[str]], Mapping[str, bytes]]
"""Reads payloads: (project id, day, refs) to the values of those refs that are there."""


class StoreError(Exception):
    """Base of the store's errors; the message says what to do."""


class StoreUnavailable(StoreError):
    """The store cannot answer now; nothing was changed and trying again may help.

    The message is for the log and the terminal of whoever runs the platform: it may name the
    database's host, port, user or file.

    Attributes:
        public: what callers, senders and probes are told. It names none of these.
    """

    def __init__(self, message: str, *, public: str = "the database cannot be reached") -> None:
        super().__init__(message)
        self.public = public


class SchemaNotReady(StoreUnavailable):
    """The database does not have the schema of this version: `tracefoundry migrate` is to run."""

    def __init__(self, message: str) -> None:
        super().__init__(
            message,
            public="the database does not have the schema of this version: run"
            " `tracefoundry migrate`",
        )


class DiskFull(StoreUnavailable):
    """The disk of the database is full. Deletion and retention still work, from a reserve."""

    def __init__(self, message: str) -> None:
        super().__init__(message, public=DISK_FULL)


class UnsuitableDatabase(StoreUnavailable):
    """The database can be reached and cannot serve as it is: its encoding, its version, or because
    it takes no writes. Trying again helps once an administrator has changed that."""

    def __init__(self, message: str) -> None:
        super().__init__(message, public=message)


class StoreMisconfigured(StoreError):
    """The settings can never work: a malformed URL, an unknown driver, a missing folder."""


class PayloadsGone(StoreError):
    """Payloads that a commit relied on were deleted since they were looked up; nothing was changed.
    Looking them up and storing what is missing makes the commit possible again."""


class ImportConflict(StoreError):
    """A trace of this id is in the project already and is not the one of the file; nothing was
    changed.

    Attributes:
        live: it came over OTLP; else it was imported with other content.
    """

    def __init__(self, project_id: int, trace_id: bytes, *, live: bool) -> None:
        super().__init__(f"trace {trace_id.hex()} is there already")
        self.project_id = project_id
        self.trace_id = trace_id
        self.live = live


class ImportRefused(StoreError):
    """This store can never take this import; the message says why. Nothing became visible."""


class NameTaken(StoreError):
    """A project or token of this name, or a token of this hash, is there already; nothing was
    changed."""


class AnotherProcess(StoreUnavailable):
    """Another process holds what only one may hold: the writing of a SQLite file, or a run of
    retention."""

    def __init__(self, message: str) -> None:
        super().__init__(message, public="another process holds the database")


# Writing


class PreparedSpan(msgspec.Struct, gc=False):
    """A span ready to insert: its model, its project and the row in the backend's own encoding."""

    project_id: int
    span: Span
    resource_id: bytes
    scope_id: bytes
    digest: bytes
    row: Any
    refs: tuple[bytes, ...] = ()
    """The payloads it refers to, as 32-byte SHA-256."""


class PreparedLog(msgspec.Struct, gc=False):
    """A log record ready to insert."""

    project_id: int
    log: LogRecord
    resource_id: bytes
    scope_id: bytes
    content_hash: bytes
    row: Any
    refs: tuple[bytes, ...] = ()


class Refusal(msgspec.Struct, gc=False):
    """One span or log that this store will never take, by its index in the commit."""

    index: int
    reason: RefusalReason
    detail: str


class CommitResult(msgspec.Struct, gc=False):
    """What became of a commit: indices into the sequences that were passed.

    Spans in none of the lists were inserted. ``duplicates`` were there before with the same
    content (or stand twice in the commit), ``conflicts`` with other content: the first one stays.
    """

    duplicates: list[int] = []
    conflicts: list[int] = []
    refused_spans: list[Refusal] = []
    duplicate_logs: list[int] = []
    refused_logs: list[Refusal] = []


class Writer(Protocol):
    """Stores spans and logs. One instance serves one thread at a time.

    Durability: :meth:`commit` returns only after everything it stored is durable (fsynced).
    Idempotence: the key of a span is (project, trace id, span id, start time); the first one in
    stays, and sending it again changes nothing, counters of the trace included.
    Order: any. Late, orphaned, doubled and out-of-order spans are stored as they come.
    Concurrency: several writers may commit spans of one trace at once; the trace's summary is right
    after the last of them.
    """

    def prepare_span(self, project_id: int, span: Span) -> PreparedSpan:
        """Encode a span for insertion. Pure; may run in another thread than ``commit``."""
        ...

    def prepare_log(self, project_id: int, log: LogRecord) -> PreparedLog:
        """Encode a log record for insertion. Pure; may run in another thread than ``commit``."""
        ...

    def commit(
        self,
        spans: Sequence[PreparedSpan],
        logs: Sequence[PreparedLog] = (),
        payloads: PayloadRows | None = None,
        *,
        metered: Collection[int] = (),
    ) -> CommitResult:
        """Store spans and logs, all or nothing except for single rows that the database can never
        take: these are reported one by one and fail none of their neighbours.

        ``payloads`` records what their contents became in the object store, where they are already.
        What is really inserted for the projects of ``metered`` (ids) is added to their usage of the
        day, in the same transaction.

        Raises:
            StoreUnavailable: nothing was stored; the same commit may succeed later.
            PayloadsGone: nothing was stored; payloads must be looked up and stored again.
        """
        ...

    def stored_payloads(self, project_id: int, day: int, refs: Sequence[bytes]) -> dict[bytes, int]:
        """Depths of those of these refs that have a blob of this project and day.

        Raises:
            DiskFull: nothing can be committed now, so no content should be put.
            StoreUnavailable: the store cannot be asked.
        """
        ...

    def projects(self) -> dict[str, ProjectRecord]:
        """Projects by name.

        Raises:
            StoreUnavailable: the store cannot be asked.
        """
        ...

    def usage(self, day: int) -> dict[int, ProjectUsage]:
        """What metered projects stored on a day, by project id.

        Raises:
            StoreUnavailable: the store cannot be asked.
        """
        ...

    def maintain(self, now_ns: int) -> None:
        """Make what future commits need (partitions for every day of the window), and remove
        tombstones that are over.

        Called at start and about once an hour; bounded work, safe beside other writers.

        Raises:
            StoreUnavailable: could not finish; calling again later goes on.
        """
        ...

    def recompute_deferred_summaries(self, now_ns: int) -> int:
        """Recompute summaries of very large traces that are due (``totals_pending``); returns how
        many.

        Raises:
            StoreUnavailable: could not finish; calling again later goes on.
        """
        ...

    def close(self) -> None:
        """Give up the connection. The writer may be used again; it then reconnects."""
        ...


# Reading


class Snapshot(Protocol):
    """One consistent view of the store; good until its ``with`` block ends.

    Project ids select whose data is looked at; the caller has checked who may read them. Everything
    raises :class:`StoreUnavailable` when the store cannot answer now.
    """

    def projects(self) -> dict[str, int]:
        """Project ids by name, in the order of names."""
        ...

    def traces(
        self,
        project_ids: Sequence[int],
        selection: TraceSelection,
        *,
        sort: Sort,
        after: TracePosition | None,
        limit: int,
    ) -> TracePage:
        """A page of traces. The order is total: the sorted value, then start, trace id and
        project, all descending."""
        ...

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
        """Like :meth:`traces`, of traces in which a span's name or a string attribute holds
        ``text``, whatever the case; stops when the budget is used up (``complete`` is False).

        ``content`` is for those who may read content: it looks into previews of payloads too.
        """
        ...

    def find_traces(self, project_ids: Sequence[int], trace_id: bytes) -> list[StoredTrace]:
        """The traces with this id, at most one a project, by project id."""
        ...

    def owners(self, project_ids: Sequence[int], trace_id: bytes) -> set[int]:
        """Those of the projects that hold anything of a trace: spans, logs that came without spans,
        or references to payloads, which a deletion that was interrupted leaves."""
        ...

    def has_payload_references(self, project_ids: Sequence[int], trace_id: bytes) -> bool:
        """Whether this trace refers to payloads in any of the projects."""
        ...

    def was_deleted(self, project_ids: Sequence[int], trace_id: bytes, now_ns: int) -> bool:
        """True when one of the projects has a tombstone for this trace that is not over."""
        ...

    def skeletons(
        self,
        trace: StoredTrace,
        *,
        after: SpanPosition | None = None,
        parent_id: bytes | None = None,
        limit: int,
    ) -> SkeletonPage:
        """A page of skeletons of a trace, or of one parent's children. It ends early where its
        names would be larger than 32 MiB; a name is cut to its first 2,048 characters."""
        ...

    def spans(
        self,
        trace: StoredTrace,
        *,
        after: SpanPosition | None = None,
        parent_id: bytes | None = None,
        limit: int,
    ) -> SpanPage:
        """A page of whole spans of a trace, or of one parent's children. It ends early where its
        answer would be larger than 32 MiB.

        Of attributes, events, links and payloads that are larger than a slice
        (:mod:`tracefoundry.store.json_slices`) only the first slice is here, and ``rests`` has the
        place where :meth:`span_part` goes on. Names and messages are cut to 64 Ki characters.
        """
        ...

    def span(self, trace: StoredTrace, span_id: bytes) -> SpanPage:
        """The spans with this id, by start; usually one. ``following`` is set where not all of them
        are here."""
        ...

    def span_part(
        self, trace: StoredTrace, span: SpanPosition, part: SpanPart, place: int, *, checked: bool
    ) -> JsonSlice | None:
        """The slice of one part of a span that begins at a place; None where there is no such span.

        ``checked`` makes sure that a member begins there, which takes reading what is before it.

        Raises:
            MisplacedSlice: no member begins at this place.
        """
        ...

    def counting_spans(self, trace: StoredTrace) -> dict[tuple[int, bytes], int] | None:
        """Which usage fields of which spans count in the trace: by (start, span id), as bits (see
        :mod:`tracefoundry.model.usage`). None where the trace is too large to tell."""
        ...

    def run_starts(self, trace: StoredTrace) -> list[RunStart]:
        """The starts of agent runs that logs of a trace tell of, finished or not, in any order; at
        most 10,000, the latest ones."""
        ...

    def links(self, trace: StoredTrace, limit: int) -> LinkPage:
        """Links of at most ``limit`` spans that have some, by start; at most 8 MiB, and one slice
        of each span's."""
        ...

    def model_spans(
        self,
        trace: StoredTrace,
        *,
        contents: ContentSource | None = None,
        chunk_spans: int = 1_000,
        chunk_bytes: int = 8 * 1024 * 1024,
    ) -> Iterator[list[Span]]:
        """All spans of a trace as the model has them, by start, then span id.

        They come in chunks of at most ``chunk_spans`` spans and ``chunk_bytes`` bytes, none empty;
        one span that is larger is a chunk of its own. What counts is the stored text, with the
        resources and scopes that the chunk before did not have, and payloads that are put back.
        Only one chunk is read at a time. Spans that follow each other share their ``Resource``
        and ``Scope`` objects where these are equal.

        With ``contents`` the values of payloads stand again where they stood; those that are not
        there any more stay out and keep their entry in ``payloads``. It is asked once for each day
        of a chunk, and what it raises passes through. Without it nothing is put back, and
        ``payloads`` says what stood where, by ref.
        """
        ...

    def model_logs(
        self,
        project_id: int,
        trace_id: bytes,
        *,
        contents: ContentSource | None = None,
        chunk_logs: int = 1_000,
        chunk_bytes: int = 8 * 1024 * 1024,
    ) -> Iterator[list[LogRecord]]:
        """All log records of a trace by time, span id and content hash, in chunks; contents as in
        :meth:`model_spans`."""
        ...

    def payload_states(
        self, project_id: int, wanted: Collection[tuple[bytes, int]], pointed: Collection[bytes]
    ) -> PayloadStates:
        """What is true now of payloads by (ref, day), and of refs that senders wrote themselves."""
        ...

    def payload_copies(self, project_ids: Sequence[int], ref: bytes) -> list[BlobCopy]:
        """The stored copies of a payload, newest day first; at most a thousand."""
        ...

    def payload_places(
        self, project_id: int, day: int, refs: Collection[bytes]
    ) -> dict[bytes, BlobPlace]:
        """Where those of these refs are that the project has stored on a day."""
        ...

    def payload_fate(
        self, project_ids: Sequence[int], ref: bytes, now_ns: int
    ) -> PayloadFate | None:
        """What became of a payload without a copy; None where no span ever referred to it."""
        ...

    def expired_days(self, project_id: int, days: Collection[int]) -> set[int]:
        """Those of these days whose payloads have expired in this project."""
        ...

    def statistics(
        self, project_ids: Sequence[int], start_ns: int, end_ns: int, by: GroupBy
    ) -> Statistics:
        """Figures over the spans that start in ``[start_ns, end_ns)``."""
        ...


class Reader(Protocol):
    """Opens snapshots. Serves any number of threads; connections are bounded."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """A consistent view; holds one connection until the block ends.

        Raises:
            StoreUnavailable: no connection came free in time, or the store cannot answer.
        """
        ...


# Administration


class AdministrationChange(Protocol):
    """One transaction over projects, tokens and the audit log: all of it happens, or nothing.

    After :class:`NameTaken` the transaction cannot go on; let the error end it.
    """

    def find_project(self, name: str) -> ProjectRecord | None:
        """The project of a name."""
        ...

    def lock_project(self, name: str) -> ProjectRecord | None:
        """The project of a name. No other transaction changes it until this one ends."""
        ...

    def add_project(self, name: str, *, created_at_ns: int) -> ProjectRecord:
        """A new project without settings of its own.

        Raises:
            NameTaken: there is one of this name.
        """
        ...

    def save_project(self, project: ProjectRecord) -> None:
        """Store what a project sets for itself."""
        ...

    def find_token(
        self,
        *,
        token_hash: bytes | None = None,
        name: str | None = None,
        project_id: int | None = None,
        token_id: int | None = None,
    ) -> TokenRecord | None:
        """The token with this hash, name or id (exactly one is given), in whatever state.

        A name is looked for among the tokens of the project ``project_id``; None stands for the
        tokens that hold for all projects.
        """
        ...

    def tokens_named(self, name: str) -> list[TokenRecord]:
        """The tokens of a name in all projects, by id, in whatever state."""
        ...

    def add_token(
        self,
        *,
        token_hash: bytes,
        name: str,
        role: str,
        project_id: int | None,
        created_at_ns: int,
        expires_at_ns: int | None,
    ) -> TokenRecord:
        """Store a new token.

        Raises:
            NameTaken: the hash is there already, or the name in the same project.
        """
        ...

    def change_token(
        self, token_id: int, *, name: str, expires_at_ns: int | None, revoked_at_ns: int | None
    ) -> TokenRecord:
        """Set what may change of a token.

        Raises:
            NameTaken: the name is another token's of the same project.
            StoreError: there is no token of this id.
        """
        ...

    def lock_token_registration(self) -> None:
        """Keep other registrations of tokens out until the transaction ends."""
        ...

    def record(self, entry: AuditEntry) -> None:
        """Add an entry to the audit log that is not counted."""
        ...


class Administration(Protocol):
    """Projects, tokens and the audit log.

    Safe between threads. It has connections of its own, so that a login never waits behind a slow
    search. Everything raises :class:`StoreUnavailable` when the store cannot answer now; any other
    error of the database comes as :class:`StoreError` too, so that recording a refusal can rely on
    catching that alone.
    """

    def projects(self) -> list[ProjectRecord]:
        """Every project, by name."""
        ...

    def usage(self, day: int) -> dict[int, ProjectUsage]:
        """What metered projects stored on a day, by project id."""
        ...

    def export_key(self, project_id: int) -> bytes:
        """The 32-byte key under which exports without payloads hide a project's refs; made when it
        is first asked for, and the same ever after.

        Raises:
            StoreError: there is no project of this id.
        """
        ...

    def tokens(self) -> list[TokenRecord]:
        """Every token by name, expired and revoked ones too."""
        ...

    def tokens_of(self, token_hashes: Sequence[bytes]) -> list[TokenRecord]:
        """The tokens with these hashes, in whatever state and order, in one round trip."""
        ...

    def has_live_token(self, now_ns: int) -> bool:
        """Whether there is a token that is neither expired nor revoked."""
        ...

    def change(self) -> AbstractContextManager[AdministrationChange]:
        """A transaction, committed when the block ends without an error."""
        ...

    def count_refusals(self, entries: Sequence[AuditEntry]) -> None:
        """Add counted entries, each to the row of its ``counted_key`` where there is one."""
        ...

    def audit_page(
        self,
        *,
        start_ns: int,
        end_ns: int,
        limit: int,
        action: str | None = None,
        outcome: AuditOutcome | None = None,
        project: str | None = None,
        after: AuditPosition | None = None,
    ) -> tuple[list[AuditEntry], AuditPosition | None]:
        """Entries of ``[start_ns, end_ns)``, newest first, and where the next page begins."""
        ...


# The store


class Capabilities(msgspec.Struct, frozen=True):
    """In what a store differs from others.

    Attributes:
        single_writer: only one process may write spans (:meth:`Store.only_writer`).
        shared: other machines reach the same data.
        drops_days: whole days go at once, by dropping a partition; else row by row in batches.
        durable: what is committed outlives the process.
    """

    single_writer: bool
    shared: bool
    drops_days: bool
    durable: bool


class Store(Protocol):
    """One database, opened. Nothing connects before it is used."""

    @property
    def capabilities(self) -> Capabilities:
        """In what this store differs from others."""
        ...

    @property
    def reader(self) -> Reader:
        """Reads."""
        ...

    @property
    def deletion(self) -> Deletion:
        """Removes."""
        ...

    @property
    def imports(self) -> Imports:
        """Imports traces from files."""
        ...

    @property
    def administration(self) -> Administration:
        """Projects, tokens and the audit log."""
        ...

    @property
    def exports(self) -> Exports:
        """Records of bundles in object stores."""
        ...

    @property
    def file(self) -> Path | None:
        """The file that holds everything; None where the store is no file."""
        ...

    def writer(self, *, retention_ns: int, ahead_ns: int) -> Writer:
        """A new writer, for one thread. ``retention_ns`` and ``ahead_ns`` are the window of
        accepted start times before and after now, for which partitions are kept ready."""
        ...

    def only_writer(self) -> AbstractContextManager[None]:
        """Be the only process that writes spans, where the store has a single writer; else nothing.

        Raises:
            AnotherProcess: another process is.
        """
        ...

    def migrate(self, *, only_new: bool = False) -> str:
        """Bring the database to the schema of this version; returns its revision. Safe to repeat,
        and beside other processes that do the same. With ``only_new`` a database that has a schema
        already stays as it is.

        Raises:
            StoreUnavailable: the database cannot be reached.
        """
        ...

    def check(self, *, writes: bool = False) -> None:
        """Ask for something small that needs our tables.

        Args:
            writes: whether the database must take writes.

        Raises:
            StoreUnavailable: it cannot answer, or the tables are not there.
            UnsuitableDatabase: it cannot serve as it is.
            DiskFull: it takes no spans because its disk is full.
        """
        ...

    def check_schema(self) -> None:
        """Make sure that the schema is not behind this program. A revision that this program does
        not know is one of a newer program, which may be rolling out beside this one: accepted.

        Raises:
            StoreUnavailable: the schema is behind or absent; the message says what to run.
        """
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


DatabaseRole = Literal["ingest", "query", "retention"]
"""Processes that may have a role of their own in the database."""


def grant_roles(url: str, roles: Mapping[DatabaseRole, str]) -> None:
    """Give roles of a database (names by process) what their processes need. After migrating.

    Raises:
        StoreMisconfigured: the database has no roles, or not these.
        StoreUnavailable: it cannot be reached, or the URL's role may not grant them.
    """
    from tracefoundry.store.sql.store import grant_roles

    grant_roles(url, roles)


def open_store(url: str) -> Store:
    """The store at a database URL: ``postgresql://USER:PASSWORD@HOST:PORT/NAME`` or
    ``sqlite:///PATH``. It connects when it is first used; only the modules of the parts that are
    used are imported.

    Raises:
        StoreMisconfigured: the URL can never work. The message does not show its password.
    """
    from tracefoundry.store.sql.store import SqlStore

    return SqlStore(url)
