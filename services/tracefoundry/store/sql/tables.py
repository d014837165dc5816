"""The tables, as SQLAlchemy Core metadata: what migrations create and the reader queries.

Identifiers are raw bytes (``bytea`` or ``BLOB``), times are integers in nanoseconds, JSON columns
hold tagged JSON (``jsonb`` on PostgreSQL, text on SQLite) and are read as text. The column order
of ``spans`` and ``span_logs`` is the order of the binary COPY rows in ``postgres.rows``.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

metadata = sa.MetaData()

Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
"""A column of tagged JSON. Select it with ``sa.cast(column, sa.Text)`` to get it unparsed."""


projects = sa.Table(
    "projects",
    metadata,
    sa.Column("project_id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("created_at_ns", sa.BigInteger, nullable=False),
    sa.Column("redaction", sa.Text),
    sa.Column("retention_spans_ns", sa.BigInteger),
    sa.Column("retention_payloads_ns", sa.BigInteger),
)
"""``redaction`` (strict, standard or off) and the two retentions are NULL where the project has
none of its own and follows the platform's settings."""

resources = sa.Table(
    "resources",
    metadata,
    sa.Column("project_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("resource_id", sa.LargeBinary, primary_key=True),
    sa.Column("service", sa.Text),
    sa.Column("environment", sa.Text),
    sa.Column("attributes", Json, nullable=False),
    sa.Column("extra", Json),
    sa.Column("last_used_day", sa.Integer, nullable=False),
)
"""Dictionary of resources. ``resource_id`` is 16 bytes of SHA-256 of the content; ``extra`` holds
``schema_url``, ``dropped_attributes_count`` and ``mended_strings`` where they are not empty;
``last_used_day`` counts days since the epoch and is touched once a day by each writer."""

scopes = sa.Table(
    "scopes",
    metadata,
    sa.Column("project_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("scope_id", sa.LargeBinary, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("attributes", Json, nullable=False),
    sa.Column("extra", Json),
    sa.Column("last_used_day", sa.Integer, nullable=False),
)

spans = sa.Table(
    "spans",
    metadata,
    sa.Column("project_id", sa.Integer, nullable=False),
    sa.Column("trace_id", sa.LargeBinary, nullable=False),
    sa.Column("span_id", sa.LargeBinary, nullable=False),
    sa.Column("start_time_ns", sa.BigInteger, nullable=False),
    sa.Column("end_time_ns", sa.BigInteger, nullable=False),
    sa.Column("parent_span_id", sa.LargeBinary),
    sa.Column("kind", sa.SmallInteger, nullable=False),
    sa.Column("status_code", sa.SmallInteger, nullable=False),
    sa.Column("flags", sa.BigInteger, nullable=False),
    sa.Column("policy_version", sa.Integer, nullable=False),
    sa.Column("resource_id", sa.LargeBinary, nullable=False),
    sa.Column("scope_id", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("status_message", sa.Text),
    sa.Column("attributes", Json, nullable=False),
    sa.Column("events", Json),
    sa.Column("links", Json),
    sa.Column("extra", Json),
    sa.Column("payloads", Json),
    sa.Column("redactions", Json),
    sa.Column("genai_kind", sa.Text),
    sa.Column("request_model", sa.Text),
    sa.Column("response_model", sa.Text),
    sa.Column("response_id", sa.Text),
    sa.Column("agent", sa.Text),
    sa.Column("tool", sa.Text),
    sa.Column("conversation_id", sa.Text),
    sa.Column("user_id", sa.Text),
    sa.Column("input_tokens", sa.BigInteger),
    sa.Column("output_tokens", sa.BigInteger),
    sa.Column("cached_tokens", sa.BigInteger),
    sa.Column("cache_write_tokens", sa.BigInteger),
    sa.Column("reasoning_tokens", sa.BigInteger),
    sa.Column("cost_usd", sa.Double),
    sa.Column("cost_source", sa.Text),
    sa.Column("genai", Json),
    sa.PrimaryKeyConstraint("project_id", "trace_id", "start_time_ns", "span_id"),
    postgresql_partition_by="RANGE (start_time_ns)",
)
"""One row a span. The key's order is that in which a trace is read: by start, then span id.
``parent_span_id`` is NULL for a root. ``events`` and ``links`` hold the API's
lists, NULL when empty; ``extra`` holds ``trace_state``, the three ``dropped_*_count`` and
``mended_strings`` where they are not empty; ``genai`` holds the fields of the derived view that
have no column of their own (operation, provider, finish_reasons, tool_call_id, price_version,
dialect, version). ``digest`` is 16 bytes over the redacted span, for telling a resend from a
conflict. ``payloads`` lists what left the row (see ``payloads.entries``), ``redactions`` what was
taken out, both NULL when empty. ``policy_version`` is 0 in rows stored before redaction existed:
their content stands in ``attributes``."""

span_logs = sa.Table(
    "span_logs",
    metadata,
    sa.Column("project_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("trace_id", sa.LargeBinary, primary_key=True),
    sa.Column("span_id", sa.LargeBinary, primary_key=True),
    sa.Column("time_ns", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("content_hash", sa.LargeBinary, primary_key=True),
    sa.Column("policy_version", sa.Integer, nullable=False),
    sa.Column("resource_id", sa.LargeBinary, nullable=False),
    sa.Column("scope_id", sa.LargeBinary, nullable=False),
    sa.Column("severity_number", sa.SmallInteger, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("severity_text", sa.Text),
    sa.Column("attributes", Json, nullable=False),
    sa.Column("body", Json),
    sa.Column("extra", Json),
    sa.Column("payloads", Json),
    sa.Column("redactions", Json),
    postgresql_partition_by="RANGE (time_ns)",
)
"""GenAI events that came as OTLP log records, joined to their span at read. ``extra`` holds
``observed_time_ns``, ``flags``, ``dropped_attributes_count`` and ``mended_strings``."""

traces = sa.Table(
    "traces",
    metadata,
    sa.Column("project_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("trace_id", sa.LargeBinary, primary_key=True),
    sa.Column("source", sa.Text, nullable=False, server_default="otlp"),
    sa.Column("import_day", sa.Integer),
    sa.Column("span_count", sa.BigInteger, nullable=False),
    sa.Column("error_count", sa.BigInteger, nullable=False),
    sa.Column("start_time_ns", sa.BigInteger, nullable=False),
    sa.Column("last_start_ns", sa.BigInteger, nullable=False),
    sa.Column("end_time_ns", sa.BigInteger, nullable=False),
    sa.Column("root_span_id", sa.LargeBinary, nullable=False),
    sa.Column("root_name", sa.Text, nullable=False),
    sa.Column("service", sa.Text),
    sa.Column("environment", sa.Text),
    sa.Column("status", sa.SmallInteger, nullable=False),
    sa.Column("services", Json, nullable=False),
    sa.Column("models", Json, nullable=False),
    sa.Column("tools", Json, nullable=False),
    sa.Column("agent", sa.Text),
    sa.Column("conversation_id", sa.Text),
    sa.Column("user_id", sa.Text),
    sa.Column("input_tokens", sa.BigInteger),
    sa.Column("output_tokens", sa.BigInteger),
    sa.Column("cached_tokens", sa.BigInteger),
    sa.Column("reasoning_tokens", sa.BigInteger),
    sa.Column("cost_usd", sa.Double),
    sa.Column("cost_source", sa.Text),
    sa.Column("missing_roots", sa.Boolean, nullable=False),
    sa.Column("missing_parents", sa.BigInteger, nullable=False),
    sa.Column("missing_expired", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("totals_pending", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("recomputed_at_ns", sa.BigInteger, nullable=False),
)
"""One row a trace, kept right by the writers in the transaction that inserts its spans. The
earliest and latest span start (``start_time_ns``, ``last_start_ns``) prune partitions for reads by
id. ``totals_pending`` is true while a very large trace waits for its next recompute."""

tombstones = sa.Table(
    "tombstones",
    metadata,
    sa.Column("project_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("trace_id", sa.LargeBinary, primary_key=True),
    sa.Column("deleted_at_ns", sa.BigInteger, nullable=False),
    sa.Column("keep_until_ns", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
"""Traces that were deleted: resent spans are refused until ``keep_until_ns``, when the window of
accepted start times has passed them by."""

payload_blobs = sa.Table(
    "payload_blobs",
    metadata,
    sa.Column("project_id", sa.Integer, nullable=False),
    sa.Column("day", sa.Integer, nullable=False),
    sa.Column("ref", sa.LargeBinary, nullable=False),
    sa.Column("object", sa.LargeBinary, nullable=False),
    sa.Column("object_offset", sa.Integer, nullable=False),
    sa.Column("stored_bytes", sa.Integer, nullable=False),
    sa.Column("plain_bytes", sa.Integer, nullable=False),
    sa.Column("depth", sa.SmallInteger, nullable=False),
    sa.Column("preview", sa.Text),
    sa.PrimaryKeyConstraint("project_id", "ref", "day"),
    sa.Index("payload_blobs_object", "object"),
    postgresql_partition_by="RANGE (day)",
)
"""Where the content of a ref is stored: one copy a project and UTC day (days since the epoch) of
span start, log time or import. ``ref`` is the 32-byte SHA-256 of the value, ``object`` that of the
stored bytes of the pack ``<project>/<yyyy-mm-dd>/<hex>``. ``depth`` is 0 for content and counts the
lists below a list. ``preview`` is the beginning of the value, NULL where the value is only a part
of others or payloads are encrypted; it goes when the payload goes."""

payload_list_parts = sa.Table(
    "payload_list_parts",
    metadata,
    sa.Column("project_id", sa.Integer, nullable=False),
    sa.Column("day", sa.Integer, nullable=False),
    sa.Column("part", sa.LargeBinary, nullable=False),
    sa.Column("list", sa.LargeBinary, nullable=False),
    sa.PrimaryKeyConstraint("project_id", "part", "list", "day"),
    postgresql_partition_by="RANGE (day)",
)
"""Which stored list needs which stored part (a message or an earlier list), both as the first 16
bytes of their refs. A part is kept while any list or span needs it."""

span_payload_refs = sa.Table(
    "span_payload_refs",
    metadata,
    sa.Column("project_id", sa.Integer, nullable=False),
    sa.Column("day", sa.Integer, nullable=False),
    sa.Column("trace_id", sa.LargeBinary, nullable=False),
    sa.Column("ref", sa.LargeBinary, nullable=False),
    sa.PrimaryKeyConstraint("project_id", "trace_id", "ref", "day"),
    sa.Index("span_payload_refs_ref", "project_id", "ref", "day"),
    postgresql_partition_by="RANGE (day)",
)
"""Which traces refer to which payload: one row a trace, ref and day. They live as long as spans do,
so that a ref whose payload has expired is still known, as gone."""

payload_days = sa.Table(
    "payload_days",
    metadata,
    sa.Column("project_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("expired_at_ns", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
"""Days of which all payloads of a project are gone: the tombstone of expired payloads. ``reason``
is ``retention`` or ``disk``."""

payload_tombstones = sa.Table(
    "payload_tombstones",
    metadata,
    sa.Column("project_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("ref", sa.LargeBinary, primary_key=True),
    sa.Column("deleted_at_ns", sa.BigInteger, nullable=False),
    sa.Column("keep_until_ns", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
"""Refs whose payload went with a deleted trace; storing the payload again makes it live again."""

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("token_id", sa.Integer, primary_key=True),
    sa.Column("token_hash", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("project_id", sa.Integer),
    sa.Column("created_at_ns", sa.BigInteger, nullable=False),
    sa.Column("expires_at_ns", sa.BigInteger),
    sa.Column("revoked_at_ns", sa.BigInteger),
)
"""Access tokens by the SHA-256 of their text, which is stored nowhere. ``project_id`` NULL means
all projects."""

audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    sa.Column("at_ns", sa.BigInteger, nullable=False, index=True),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("actor", sa.Text),
    sa.Column("role", sa.Text),
    sa.Column("project", sa.Text),
    sa.Column("target", sa.Text),
    sa.Column("address", sa.Text),
    sa.Column("status", sa.SmallInteger),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("counted_key", sa.Text, unique=True),
    sa.Column("detail", sa.Text),
)
"""Who read, exported, deleted or changed what, and who was refused. ``outcome`` is ``allowed`` or
``denied``. Refusals for want of a valid token are one row an address and minute: ``counted_key``
names the two, ``count`` says how many there were."""
