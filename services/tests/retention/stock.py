"""A database and a payload folder with days in them, and looks at what is left."""

from __future__ import annotations

import datetime
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa

from samples import NOW_NS as SAMPLES_NS
from samples import make_log, make_span
from store.conftest import new_writer
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.model.times import DAY_NS
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.payloads.objects import object_name
from tracefoundry.retention import RetentionReport, run_once
from tracefoundry.settings import Settings
from tracefoundry.store.api import open_store
from tracefoundry.store.postgres import partitions
from tracefoundry.store.sql import tables
from tracefoundry.store.sql.engine import make_engine

TODAY = 20_600
NOW_NS = TODAY * DAY_NS + DAY_NS // 2
"""Noon of the day on which all of these tests happen."""

SETTINGS = Settings()
"""Spans 7 days, payloads 3 days."""


def run(
    url: str,
    objects: FilesystemStore | None = None,
    settings: Settings = SETTINGS,
    now_ns: int = NOW_NS,
    **options: Any,
) -> RetentionReport:
    """One run at noon of TODAY."""
    with closing(open_store(url)) as store:
        return run_once(store, objects, settings, now_ns, **options)


@contextmanager
def run_at_work(url: str) -> Iterator[None]:
    """A run that has begun and goes on until the block ends."""
    with (
        closing(open_store(url)) as store,
        store.deletion.retention_run(dry_run=False, check=lambda: None),
    ):
        yield


def span_at(time_ns: int, trace: int = 1, span: int = 1, **fields: Any) -> Span:
    """A span that starts at a time."""
    return make_span(trace, span, start=time_ns - SAMPLES_NS, **fields)


def log_at(time_ns: int, trace: int = 1) -> LogRecord:
    """A log record of a time."""
    return make_log(trace, time_offset=time_ns - SAMPLES_NS)


def noon(day: int) -> int:
    """The middle of a day in ns."""
    return day * DAY_NS + DAY_NS // 2


def put_spans(url: str, spans: Iterable[Span], project: int = 1) -> None:
    """Store spans as the real writer does."""
    writer = new_writer(url)
    try:
        writer.commit([writer.prepare_span(project, span) for span in spans])
    finally:
        writer.close()


def put_logs(url: str, times_ns: Iterable[int], trace: int = 1, project: int = 1) -> None:
    """Store log records as the real writer does."""
    writer = new_writer(url)
    try:
        logs = [log_at(at, trace) for at in times_ns]
        writer.commit([], [writer.prepare_log(project, log) for log in logs])
    finally:
        writer.close()


def add_project(url: str, project_id: int, name: str, **retentions: int) -> None:
    """Another project."""
    execute(
        url,
        sa.insert(tables.projects).values(
            project_id=project_id, name=name, created_at_ns=0, **retentions
        ),
    )


def put_payload(
    url: str,
    objects: FilesystemStore,
    day: int,
    text: str = "content",
    *,
    project: int = 1,
    name: str = "default",
    trace: int = 1,
) -> str:
    """Store a payload with all of its rows; returns the object's name."""
    data = f"{name} {day} {text}".encode()
    digest = hashlib.sha256(data).digest()
    stored = object_name(name, date_of(day), digest.hex())
    objects.put(stored, data)
    ensure_days(url, [day])
    execute(
        url,
        sa.insert(tables.payload_blobs).values(
            project_id=project, day=day, ref=digest, object=digest, object_offset=0,
            stored_bytes=len(data), plain_bytes=len(data), depth=0, preview=text,
        ),
        sa.insert(tables.payload_list_parts).values(
            project_id=project, day=day, part=digest[:16], list=digest[16:]
        ),
        sa.insert(tables.span_payload_refs).values(
            project_id=project, day=day, trace_id=trace.to_bytes(16, "big"), ref=digest
        ),
    )  # fmt: skip
    return stored


def put_orphan(objects: FilesystemStore, day: int, text: str, age_ns: int) -> str:
    """An object without rows, put this long before noon of TODAY."""
    data = text.encode()
    name = object_name("default", date_of(day), hashlib.sha256(data).hexdigest())
    objects.put(name, data)
    set_age(objects, name, age_ns)
    return name


def set_age(objects: FilesystemStore, name: str, age_ns: int) -> None:
    """Let an object have been put this long before noon of TODAY."""
    os.utime(objects.root / name, ns=(NOW_NS - age_ns, NOW_NS - age_ns))


def date_of(day: int) -> datetime.date:
    """The date of a day since the epoch."""
    return datetime.date(1970, 1, 1) + datetime.timedelta(days=day)


def ensure_days(url: str, days: Iterable[int]) -> None:
    """Partitions for days, where there are partitions."""
    if url.startswith("postgresql"):
        with psycopg.connect(url, autocommit=True) as connection:
            partitions.ensure(connection, days)


def execute(url: str, *statements: sa.Executable) -> None:
    """Run statements in one transaction."""
    engine = make_engine(url)
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(statement)
    finally:
        engine.dispose()


def select(url: str, *columns: Any) -> list[Any]:
    """The rows of a query in order of its columns, or the values where it has one column."""
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            rows = connection.execute(sa.select(*columns)).all()
    finally:
        engine.dispose()
    found = [row[0] if len(columns) == 1 else tuple(row) for row in rows]
    return sorted(found, key=repr)


def names(objects: FilesystemStore) -> list[str]:
    """The names of all objects."""
    return [stored.name for stored in objects.list()]


def partition_names(url: str) -> list[str]:
    """All tables that look like a day of something, attached or not."""
    if not url.startswith("postgresql"):
        return []
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            r"SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '_\d{8}$'"
        ).fetchall()
    return sorted(row[0] for row in rows)


def everything(url: str, objects: FilesystemStore | None = None) -> dict[str, Any]:
    """All rows of all tables, all partitions, all objects."""
    engine = make_engine(url)
    found: dict[str, Any] = {}
    try:
        with engine.connect() as connection:
            for table in tables.metadata.sorted_tables:
                rows = connection.execute(sa.select(table)).all()
                found[table.name] = sorted(map(repr, rows))
    finally:
        engine.dispose()
    found["partitions"] = partition_names(url)
    found["objects"] = [] if objects is None else names(objects)
    return found
