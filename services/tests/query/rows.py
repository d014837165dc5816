"""Model spans as database rows, for tests of the read path that need no writer."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec
import orjson
import sqlalchemy as sa

from tracefoundry.model.span import LogRecord, Resource, Scope, Span
from tracefoundry.model.summary import facts_of, summarise
from tracefoundry.store.postgres.partitions import PARTITIONED
from tracefoundry.store.sql import columns, tables


def create_tables(engine: sa.Engine) -> None:
    """All tables, one partition each, and the project ``default`` with id 1."""
    with engine.begin() as connection:
        tables.metadata.create_all(connection)
        if engine.dialect.name == "postgresql":
            for table in PARTITIONED:
                connection.exec_driver_sql(
                    f"CREATE TABLE {table}_all PARTITION OF {table}"
                    " FOR VALUES FROM (MINVALUE) TO (MAXVALUE)"
                )
        connection.execute(
            sa.insert(tables.projects), {"project_id": 1, "name": "default", "created_at_ns": 0}
        )


def add_project(engine: sa.Engine, project_id: int, name: str) -> None:
    """Another project."""
    with engine.begin() as connection:
        connection.execute(
            sa.insert(tables.projects),
            {"project_id": project_id, "name": name, "created_at_ns": 0},
        )


def insert(
    engine: sa.Engine, spans: Sequence[Span], logs: Sequence[LogRecord] = (), project: int = 1
) -> None:
    """Insert spans of whole traces, with their summaries and dictionaries."""
    with engine.begin() as connection:
        insert_into(connection, spans, logs, project)


def insert_into(
    connection: sa.Connection,
    spans: Sequence[Span],
    logs: Sequence[LogRecord] = (),
    project: int = 1,
) -> None:
    """Like :func:`insert`, in a transaction of the caller's."""
    envelopes = [(span.resource, span.scope) for span in spans]
    envelopes += [(log.resource, log.scope) for log in logs]
    _dictionaries(connection, envelopes, project)
    if spans:
        _put(connection, tables.spans, [_span(span, project) for span in spans])
    if logs:
        _put(connection, tables.span_logs, [_log(log, project) for log in logs])
    by_trace: dict[bytes, list[Span]] = {}
    for span in spans:
        by_trace.setdefault(span.trace_id, []).append(span)
    for trace, members in by_trace.items():
        summary = msgspec.structs.asdict(summarise([facts_of(span) for span in members]))
        for name in ("services", "models", "tools"):
            summary[name] = _text(summary[name])
        row = {"project_id": project, "trace_id": trace, "recomputed_at_ns": 0, **summary}
        _put(connection, tables.traces, [row])


def _put(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows whose JSON values are text already; rows that are there stay."""
    places = [
        f"CAST(:{column.name} AS JSONB)"
        if isinstance(column.type, sa.JSON) and connection.dialect.name == "postgresql"
        else f":{column.name}"
        for column in table.c
        if column.name in rows[0]
    ]
    names = ", ".join(column.name for column in table.c if column.name in rows[0])
    connection.execute(
        sa.text(
            f"INSERT INTO {table.name} ({names}) VALUES ({', '.join(places)})"
            " ON CONFLICT DO NOTHING"
        ),
        list(rows),
    )


def _text(value: Any) -> str | None:
    """JSON text of a value, or of bytes that are JSON already."""
    if value is None:
        return None
    return (value if isinstance(value, bytes) else orjson.dumps(value)).decode()


def _dictionaries(
    connection: sa.Connection, envelopes: Sequence[tuple[Resource, Scope]], project: int
) -> None:
    resources, scopes = [], []
    for resource, scope in envelopes:
        resources.append(
            {
                "project_id": project,
                "resource_id": columns.resource_id(resource),
                "service": resource.service,
                "environment": resource.environment,
                "attributes": _text(resource.attributes),
                "extra": _text(columns.envelope_extra(resource)),
                "last_used_day": 0,
            }
        )
        scopes.append(
            {
                "project_id": project,
                "scope_id": columns.scope_id(scope),
                "name": scope.name,
                "version": scope.version,
                "attributes": _text(scope.attributes),
                "extra": _text(columns.envelope_extra(scope)),
                "last_used_day": 0,
            }
        )
    _put(connection, tables.resources, resources)
    _put(connection, tables.scopes, scopes)


_VIEW_COLUMNS = (
    "request_model",
    "response_model",
    "response_id",
    "agent",
    "tool",
    "conversation_id",
    "user_id",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_usd",
    "cost_source",
)


def _span(span: Span, project: int) -> dict[str, Any]:
    genai = span.genai
    return {
        "project_id": project,
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "start_time_ns": span.start_time_ns,
        "end_time_ns": span.end_time_ns,
        "parent_span_id": span.parent_span_id or None,
        "kind": span.kind,
        "status_code": span.status_code,
        "flags": span.flags,
        "policy_version": span.policy_version,
        "resource_id": columns.resource_id(span.resource),
        "scope_id": columns.scope_id(span.scope),
        "digest": bytes(16),
        "name": span.name,
        "status_message": span.status_message or None,
        "attributes": _text(span.attributes),
        "events": _text(columns.events_json(span)),
        "links": _text(columns.links_json(span)),
        "extra": _text(columns.span_extra(span)),
        "payloads": _text(columns.payloads_json(span.payloads)),
        "redactions": _text(columns.redactions_json(span.redactions)),
        "genai_kind": None if genai is None else genai.kind,
        "genai": None if genai is None else _text(columns.genai_json(genai)),
        **{name: getattr(genai, name, None) for name in _VIEW_COLUMNS},
    }


def _log(log: LogRecord, project: int) -> dict[str, Any]:
    return {
        "project_id": project,
        "trace_id": log.trace_id,
        "span_id": log.span_id,
        "time_ns": log.time_ns,
        "content_hash": sha256(log.name.encode()).digest()[:16],
        "policy_version": log.policy_version,
        "resource_id": columns.resource_id(log.resource),
        "scope_id": columns.scope_id(log.scope),
        "severity_number": log.severity_number,
        "name": log.name,
        "severity_text": log.severity_text or None,
        "attributes": _text(log.attributes),
        "body": _text(log.body),
        "extra": _text(columns.log_extra(log)),
        "payloads": _text(columns.payloads_json(log.payloads)),
        "redactions": _text(columns.redactions_json(log.redactions)),
    }
