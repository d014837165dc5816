"""The one list of tables and columns. Everything that names columns is made from it.

From :data:`TABLES` come the SQLAlchemy tables and the first migration (``sql.tables``), the
encoders of rows (``sql.encoding``, ``sql.rows``, ``postgres.rows``), the statements of both
writers (``postgres.statements``, ``sqlite.statements``) and what is read back (``sql.decoding``).

To add a column, add one :class:`Column` here with ``since`` set to a new revision, and a migration
of that revision that calls ``sql.tables.add_columns``. An entry that has been released is not
edited: the first migration is made from it.

How a value is had
    ``Column.value`` is a Python expression. It may use the arguments of its table's encoder
    (:attr:`Table.arguments`), ``genai`` (the GenAI view of ``span``) and the functions of
    ``store.values``. JSON columns take bytes. A column without a value is not written when a row is
    inserted: it is filled by the database's default, or by other code. A value of the form
    ``span.name`` or ``span.name or None`` is also the way back, see :attr:`Column.field`.

Types
    Identifiers are raw bytes (``bytea`` or ``BLOB``), times are integers in nanoseconds, days are
    counted since the epoch in UTC, JSON columns hold tagged JSON (``jsonb`` on PostgreSQL, text on
    SQLite).
"""

from __future__ import annotations

import dataclasses

from tracefoundry.store.sql.schema import FIRST_REVISION, Column, Growth, Index, Part, Table, Type
from tracefoundry.store.values import ID_BYTES

SPAN_KEY = ("project_id", "trace_id", "span_id", "start_time_ns")
"""Columns of ``transaction.SpanKey``, in its order. The primary key has the order in which a trace
is read: by start, then span id."""


def _id(name: str, value: str | None = None, *, part: Part = Part.SENT) -> Column:
    return Column(name, Type.BYTES, value, size=ID_BYTES, part=part)


def _view(name: str, kind: Type, value: str) -> Column:
    return Column(name, kind, value, null=True, part=Part.VIEW)


def _usage(name: str) -> Column:
    return _view(name, Type.BIGINT, f"genai.{name}")


def _viewed(name: str) -> Column:
    return _view(name, Type.TEXT, f"genai.{name}")


def _optional_json(name: str, value: str, *, part: Part = Part.SENT) -> Column:
    return Column(name, Type.JSON, value, null=True, part=part)


SPANS = Table(
    "spans",
    (
        Column("project_id", Type.INT, "project_id"),
        _id("trace_id", "span.trace_id"),
        Column("span_id", Type.BYTES, "span.span_id", size=8),
        Column("start_time_ns", Type.BIGINT, "span.start_time_ns"),
        Column("end_time_ns", Type.BIGINT, "span.end_time_ns"),
        # NULL for a root.
        Column("parent_span_id", Type.BYTES, "span.parent_span_id or None", size=8, null=True),
        Column("kind", Type.SMALLINT, "span.kind"),
        Column("status_code", Type.SMALLINT, "span.status_code"),
        Column("flags", Type.BIGINT, "span.flags"),
        Column("policy_version", Type.INT, "span.policy_version"),
        _id("resource_id", "resource_id"),
        _id("scope_id", "scope_id"),
        _id("digest", "digest", part=Part.DIGEST),
        Column("name", Type.TEXT, "span.name"),
        Column("status_message", Type.TEXT, "span.status_message or None", null=True),
        Column("attributes", Type.JSON, "span.encoded_attributes or dumps(span.attributes)"),
        _optional_json("events", "events_json(span) if span.events else None"),
        _optional_json("links", "links_json(span) if span.links else None"),
        _optional_json("extra", "span_extra(span)"),
        _optional_json("payloads", "payloads_json(span.payloads)", part=Part.ASIDE),
        _optional_json("redactions", "redactions_json(span.redactions)", part=Part.ASIDE),
        _view("genai_kind", Type.TEXT, "genai.kind"),
        _viewed("request_model"),
        _viewed("response_model"),
        _viewed("response_id"),
        _viewed("agent"),
        _viewed("tool"),
        _viewed("conversation_id"),
        _viewed("user_id"),
        _usage("input_tokens"),
        _usage("output_tokens"),
        _usage("cached_tokens"),
        _usage("cache_write_tokens"),
        _usage("reasoning_tokens"),
        _view("cost_usd", Type.DOUBLE, "genai.cost_usd"),
        _viewed("cost_source"),
        _view("genai", Type.JSON, "genai_json(genai)"),
    ),
    key=("project_id", "trace_id", "start_time_ns", "span_id"),
    arguments=("project_id", "span", "resource_id", "scope_id"),
    partition_by="start_time_ns",
    identity="payload_identity(span.payloads) if span.payloads else b''",
    present={Part.ASIDE: "span.payloads or span.redactions", Part.VIEW: "genai is not None"},
)
"""One row a span. ``events`` and ``links`` hold the API's lists, NULL when empty; ``extra`` holds
``trace_state``, the three ``dropped_*_count`` and ``mended_strings`` where they are not empty;
``payloads`` lists what left the row, ``redactions`` what was taken out; ``genai`` holds the fields
of the GenAI view that have no column of their own. ``policy_version`` is that of the redaction
policy that was applied; digests of two policies are not compared."""

SPAN_LOGS = Table(
    "span_logs",
    (
        Column("project_id", Type.INT, "project_id", part=Part.KEPT),
        _id("trace_id", "log.trace_id", part=Part.KEPT),
        Column("span_id", Type.BYTES, "log.span_id", size=8, part=Part.KEPT),
        Column("time_ns", Type.BIGINT, "log.time_ns", part=Part.KEPT),
        _id("content_hash", "digest", part=Part.DIGEST),
        Column("policy_version", Type.INT, "log.policy_version", part=Part.KEPT),
        _id("resource_id", "resource_id"),
        _id("scope_id", "scope_id", part=Part.KEPT),
        Column("severity_number", Type.SMALLINT, "log.severity_number"),
        Column("name", Type.TEXT, "log.name"),
        Column("severity_text", Type.TEXT, "log.severity_text or None", null=True),
        Column("attributes", Type.JSON, "dumps(log.attributes)"),
        _optional_json("body", "dumps(log.body) if log.body is not None else None"),
        _optional_json("extra", "log_extra(log)"),
        Column("genai", Type.JSON, "event_view_json(log)", null=True, part=Part.KEPT, since="0002"),
        _optional_json("payloads", "payloads_json(log.payloads)", part=Part.ASIDE),
        _optional_json("redactions", "redactions_json(log.redactions)", part=Part.ASIDE),
    ),
    key=("project_id", "trace_id", "span_id", "time_ns", "content_hash"),
    arguments=("project_id", "log", "resource_id", "scope_id"),
    partition_by="time_ns",
    indexes=(
        Index(
            "span_logs_views", ("project_id", "trace_id"), where="genai IS NOT NULL", since="0002"
        ),
    ),
    identity="payload_identity(log.payloads) if log.payloads else b''",
    present={Part.ASIDE: "log.payloads or log.redactions"},
)
"""GenAI events that came as OTLP log records, joined to their span at read. The digest is part of
the key: two records of one span and time are two, a resend is none. ``extra`` holds
``observed_time_ns``, ``flags``, ``dropped_attributes_count`` and ``mended_strings``; ``genai`` what
the event says about its span, NULL if nothing."""


def _imported(table: Table) -> Table:
    """The table that holds the same rows of imported traces, partitioned by the day of import."""
    return dataclasses.replace(
        table,
        name=f"imported_{table.name}",
        columns=(Column("import_day", Type.INT, "import_day", part=Part.KEPT), *table.columns),
        key=(*table.key, "import_day"),
        arguments=("import_day", *table.arguments),
        partition_by="import_day",
        indexes=tuple(
            dataclasses.replace(index, name=f"imported_{index.name}") for index in table.indexes
        ),
        since="0006",
    )


IMPORTED_SPANS = _imported(SPANS)
IMPORTED_SPAN_LOGS = _imported(SPAN_LOGS)
"""Spans and logs of traces that were imported from a file, in tables of their own: an old trace
lives as long after its import as a new one after its arrival. Rows are written before the row of
their trace in ``traces``, and nothing reads them without that row."""

STAGED_IMPORTS = Table(
    "staged_imports",
    (
        Column("project_id", Type.INT),
        _id("trace_id"),
        Column("import_day", Type.INT),
        Column("started_at_ns", Type.BIGINT),
    ),
    key=("project_id", "trace_id"),
    since="0006",
)
"""Traces of which an import may have written rows already. An import writes these rows first and
removes them in the transaction that makes its traces visible; rows that are left when no import
runs name what an interrupted import has left behind."""

EXPORTS = Table(
    "exports",
    (
        Column("object_key", Type.TEXT),
        Column("project_id", Type.INT, null=True),
        Column("bytes", Type.BIGINT),
        Column("sha256", Type.BYTES, size=32),
        Column("created_at_ns", Type.BIGINT),
        Column("expires_at_ns", Type.BIGINT, null=True),
    ),
    key=("object_key",),
    indexes=(Index("exports_expiry", ("expires_at_ns",)),),
    since="0006",
)
"""Bundles that export Jobs put into the object store. ``project_id`` is NULL for a bundle of
several projects; retention removes the object at ``expires_at_ns``, and never where it is NULL."""

RESOURCES = Table(
    "resources",
    (
        Column("project_id", Type.INT, "project_id"),
        _id("resource_id", "resource_id"),
        Column("service", Type.TEXT, "resource.service", null=True),
        Column("environment", Type.TEXT, "resource.environment", null=True),
        Column("attributes", Type.JSON, "dumps(resource.attributes)"),
        _optional_json("extra", "envelope_extra(resource)"),
        Column("last_used_day", Type.INT, "day"),
    ),
    key=("project_id", "resource_id"),
    arguments=("project_id", "resource_id", "resource", "day"),
)
"""Dictionary of resources. ``resource_id`` is 16 bytes of SHA-256 of the content; ``extra`` holds
``schema_url``, ``dropped_attributes_count`` and ``mended_strings`` where they are not empty;
``last_used_day`` is touched once a day by each writer."""

SCOPES = Table(
    "scopes",
    (
        Column("project_id", Type.INT, "project_id"),
        _id("scope_id", "scope_id"),
        Column("name", Type.TEXT, "scope.name"),
        Column("version", Type.TEXT, "scope.version"),
        Column("attributes", Type.JSON, "dumps(scope.attributes)"),
        _optional_json("extra", "envelope_extra(scope)"),
        Column("last_used_day", Type.INT, "day"),
    ),
    key=("project_id", "scope_id"),
    arguments=("project_id", "scope_id", "scope", "day"),
)
"""Dictionary of instrumentation scopes, as of resources."""


def _summary(
    name: str,
    kind: Type,
    *,
    null: bool = False,
    grows: Growth | None = None,
    since: str = FIRST_REVISION,
) -> Column:
    value = f"dumps(summary.{name})" if kind is Type.JSON else f"summary.{name}"
    return Column(name, kind, value, null=null, grows=grows, since=since)


TRACES = Table(
    "traces",
    (
        Column("project_id", Type.INT, "project_id"),
        _id("trace_id", "trace_id"),
        Column("source", Type.TEXT, default="otlp"),
        Column("import_day", Type.INT, null=True),
        _summary("span_count", Type.BIGINT, grows="sum"),
        _summary("error_count", Type.BIGINT, grows="sum"),
        _summary("start_time_ns", Type.BIGINT, grows="least"),
        _summary("last_start_ns", Type.BIGINT, grows="greatest"),
        _summary("end_time_ns", Type.BIGINT, grows="greatest"),
        _summary("root_span_id", Type.BYTES),
        _summary("root_name", Type.TEXT),
        _summary("service", Type.TEXT, null=True),
        _summary("environment", Type.TEXT, null=True),
        _summary("status", Type.SMALLINT),
        _summary("services", Type.JSON),
        _summary("models", Type.JSON),
        _summary("tools", Type.JSON),
        _summary("agent", Type.TEXT, null=True),
        _summary("conversation_id", Type.TEXT, null=True),
        _summary("user_id", Type.TEXT, null=True),
        _summary("input_tokens", Type.BIGINT, null=True),
        _summary("output_tokens", Type.BIGINT, null=True),
        _summary("cached_tokens", Type.BIGINT, null=True),
        _summary("reasoning_tokens", Type.BIGINT, null=True),
        _summary("cost_usd", Type.DOUBLE, null=True),
        _summary("cost_source", Type.TEXT, null=True),
        _summary("missing_roots", Type.BOOL),
        _summary("missing_parents", Type.BIGINT),
        _summary("started_ns", Type.BIGINT, null=True, since="0003"),
        _summary("last_started_ns", Type.BIGINT, null=True, since="0003"),
        Column("missing_expired", Type.BOOL, default=False),
        Column("totals_pending", Type.BOOL, default=False),
        Column("recomputed_at_ns", Type.BIGINT, "now_ns"),
        Column("original_environment", Type.TEXT, null=True, since="0006"),
        Column("import_digest", Type.BYTES, size=32, null=True, since="0006"),
    ),
    key=("project_id", "trace_id"),
    arguments=("project_id", "trace_id", "summary", "now_ns"),
    indexes=(
        Index("traces_newest", ("project_id", "start_time_ns", "trace_id")),
        Index(
            "traces_slowest",
            ("project_id", "(end_time_ns - start_time_ns)", "start_time_ns", "trace_id"),
        ),
        Index(
            "traces_expensive",
            ("project_id", "(coalesce(cost_usd, -1))", "start_time_ns", "trace_id"),
        ),
        Index("traces_pending", ("recomputed_at_ns",), where="totals_pending"),
        Index(
            "traces_running",
            ("project_id", "start_time_ns", "trace_id"),
            where="last_started_ns IS NOT NULL",
            since="0003",
        ),
    ),
)
"""One row a trace, kept right by the writers in the transaction that inserts its spans. The
earliest and latest span start (``start_time_ns``, ``last_start_ns``) prune partitions for reads by
id. ``totals_pending`` is true while a very large trace waits for its next recompute.
``started_ns`` and ``last_started_ns`` are NULL unless runs are unfinished; a trace of which only
the start of a run is known has a row too. Of an imported trace ``import_day`` is the day of the
import, ``original_environment`` the environment it had in the file, and ``import_digest`` the
SHA-256 of its content there; all three are NULL for traces that came over OTLP."""

PUBLISHED = (
    *TRACES.written,
    *TRACES.typed(
        ("source", "import_day", "original_environment", "import_digest", "totals_pending")
    ),
)
"""What is written of the row of an imported trace."""

TOMBSTONES = Table(
    "tombstones",
    (
        Column("project_id", Type.INT),
        _id("trace_id"),
        Column("deleted_at_ns", Type.BIGINT),
        Column("keep_until_ns", Type.BIGINT),
        Column("reason", Type.TEXT),
    ),
    key=("project_id", "trace_id"),
)
"""Traces that were deleted: spans sent again are refused until ``keep_until_ns``, when their start
times are older than what ingest accepts."""

PAYLOAD_BLOBS = Table(
    "payload_blobs",
    (
        Column("project_id", Type.INT, "blob.project_id"),
        Column("day", Type.INT, "blob.day"),
        Column("ref", Type.BYTES, "blob.ref", size=32),
        Column("object", Type.BYTES, "blob.object", size=32),
        Column("object_offset", Type.INT, "blob.object_offset"),
        Column("stored_bytes", Type.INT, "blob.stored_bytes"),
        Column("plain_bytes", Type.INT, "blob.plain_bytes"),
        Column("depth", Type.SMALLINT, "blob.depth"),
        Column("preview", Type.TEXT, "blob.preview", null=True),
    ),
    key=("project_id", "ref", "day"),
    arguments=("blob",),
    partition_by="day",
    indexes=(Index("payload_blobs_object", ("object",)),),
)
"""Where the content of a ref is stored: one copy a project and day of span start, log time or
import. ``ref`` is the SHA-256 of the value, ``object`` that of the stored bytes of the pack
``<project>/<yyyy-mm-dd>/<hex>``. ``depth`` is 0 for content and counts the lists below a list.
``preview`` is the beginning of the value, NULL where the value is only a part of others or payloads
are encrypted; it goes when the payload goes."""

PAYLOAD_LIST_PARTS = Table(
    "payload_list_parts",
    (
        Column("project_id", Type.INT),
        Column("day", Type.INT),
        _id("part"),
        _id("list"),
    ),
    key=("project_id", "part", "list", "day"),
    partition_by="day",
)
"""Which stored list needs which stored part (a message or an earlier list), both as the first 16
bytes of their refs. A part is kept while any list or span needs it."""

SPAN_PAYLOAD_REFS = Table(
    "span_payload_refs",
    (
        Column("project_id", Type.INT),
        Column("day", Type.INT),
        _id("trace_id"),
        Column("ref", Type.BYTES, size=32),
    ),
    key=("project_id", "trace_id", "ref", "day"),
    partition_by="day",
    indexes=(Index("span_payload_refs_ref", ("project_id", "ref", "day")),),
)
"""Which traces refer to which payload: one row a trace, ref and day. They live as long as spans do,
so that a ref whose payload has expired is still known, as gone."""

PAYLOAD_DAYS = Table(
    "payload_days",
    (
        Column("project_id", Type.INT),
        Column("day", Type.INT),
        Column("expired_at_ns", Type.BIGINT),
        Column("reason", Type.TEXT),
    ),
    key=("project_id", "day"),
)
"""Days of which all payloads of a project are gone: the tombstone of expired payloads. ``reason``
is ``retention`` or ``disk``."""

PAYLOAD_TOMBSTONES = Table(
    "payload_tombstones",
    (
        Column("project_id", Type.INT),
        Column("ref", Type.BYTES, size=32),
        Column("deleted_at_ns", Type.BIGINT),
        Column("keep_until_ns", Type.BIGINT),
        Column("reason", Type.TEXT),
    ),
    key=("project_id", "ref"),
)
"""Refs whose payload went with a deleted trace; storing the payload again makes it live again."""

PROJECTS = Table(
    "projects",
    (
        Column("project_id", Type.INT),
        Column("name", Type.TEXT, unique=True),
        Column("created_at_ns", Type.BIGINT),
        Column("redaction", Type.TEXT, null=True),
        Column("retention_spans_ns", Type.BIGINT, null=True),
        Column("retention_payloads_ns", Type.BIGINT, null=True),
        Column("quota_spans_per_second", Type.BIGINT, null=True, since="0004"),
        Column("quota_bytes_per_second", Type.BIGINT, null=True, since="0004"),
        Column("quota_spans_per_day", Type.BIGINT, null=True, since="0004"),
        Column("quota_content_bytes_per_day", Type.BIGINT, null=True, since="0004"),
        Column("personal_data", Type.TEXT, null=True, since="0005"),
        Column("export_key", Type.BYTES, size=32, null=True, since="0006"),
    ),
    key=("project_id",),
)
"""``redaction`` (strict, standard or off), ``personal_data`` (on or off), the retentions and the
quotas are NULL where the project has none of its own and follows the platform's settings.
``export_key`` is the HMAC key of refs in exports without payloads, NULL until first needed."""

PROJECT_USAGE = Table(
    "project_usage",
    (
        Column("project_id", Type.INT, "project_id"),
        Column("day", Type.INT, "day"),
        Column("slot", Type.SMALLINT, "slot"),
        Column("spans", Type.BIGINT, "spans"),
        Column("content_bytes", Type.BIGINT, "content_bytes"),
    ),
    key=("project_id", "day", "slot"),
    since="0004",
)
"""What projects with a quota for a day stored on each day of arrival. The figures of a day are the
sums over its slots: writers add to different slots, so that they rarely wait for each other's
rows."""

TOKENS = Table(
    "tokens",
    (
        Column("token_id", Type.INT),
        Column("token_hash", Type.BYTES, size=32, unique=True),
        Column("name", Type.TEXT, unique=True),
        Column("role", Type.TEXT),
        Column("project_id", Type.INT, null=True),
        Column("created_at_ns", Type.BIGINT),
        Column("expires_at_ns", Type.BIGINT, null=True),
        Column("revoked_at_ns", Type.BIGINT, null=True),
    ),
    key=("token_id",),
)
"""Access tokens by the SHA-256 of their text, which is stored nowhere. ``project_id`` NULL means
all projects. ``name`` is unique in a project and not over all: the name of a project's token is
stored behind its project's id, see ``sql.token_names``."""

AUDIT_LOG = Table(
    "audit_log",
    (
        Column("entry_id", Type.SERIAL),
        Column("at_ns", Type.BIGINT),
        Column("action", Type.TEXT),
        Column("outcome", Type.TEXT),
        Column("actor", Type.TEXT, null=True),
        Column("role", Type.TEXT, null=True),
        Column("project", Type.TEXT, null=True),
        Column("target", Type.TEXT, null=True),
        Column("address", Type.TEXT, null=True),
        Column("status", Type.SMALLINT, null=True),
        Column("count", Type.BIGINT),
        Column("counted_key", Type.TEXT, null=True, unique=True),
        Column("detail", Type.TEXT, null=True),
    ),
    key=("entry_id",),
    indexes=(Index("ix_audit_log_at_ns", ("at_ns",)),),
)
"""Who read, exported, deleted or changed what, and who was refused. ``outcome`` is ``allowed`` or
``denied``. Refusals for want of a valid token are one row an address and minute: ``counted_key``
names the two, ``count`` says how many there were."""

TABLES = (
    PROJECTS,
    RESOURCES,
    SCOPES,
    SPANS,
    TRACES,
    TOMBSTONES,
    SPAN_LOGS,
    PAYLOAD_BLOBS,
    PAYLOAD_LIST_PARTS,
    SPAN_PAYLOAD_REFS,
    PAYLOAD_DAYS,
    PAYLOAD_TOMBSTONES,
    TOKENS,
    AUDIT_LOG,
    PROJECT_USAGE,
    IMPORTED_SPANS,
    IMPORTED_SPAN_LOGS,
    STAGED_IMPORTS,
    EXPORTS,
)
