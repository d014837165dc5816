"""Projects, resources, scopes, spans, traces and tombstones.

Spelled out here and never imported from ``store.tables``, which moves on while this stays.
"""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _json() -> sa.types.TypeEngine[Any]:
    return sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Make the tables and the project ``default``."""
    projects = op.create_table(
        "projects",
        sa.Column("project_id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("created_at_ns", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(projects, [{"name": "default", "created_at_ns": time.time_ns()}])
    op.create_table(
        "resources",
        sa.Column("project_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("resource_id", sa.LargeBinary, primary_key=True),
        sa.Column("service", sa.Text),
        sa.Column("environment", sa.Text),
        sa.Column("attributes", _json(), nullable=False),
        sa.Column("extra", _json()),
        sa.Column("last_used_day", sa.Integer, nullable=False),
    )
    op.create_table(
        "scopes",
        sa.Column("project_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("scope_id", sa.LargeBinary, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("attributes", _json(), nullable=False),
        sa.Column("extra", _json()),
        sa.Column("last_used_day", sa.Integer, nullable=False),
    )
    op.create_table(
        "spans",
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
        sa.Column("attributes", _json(), nullable=False),
        sa.Column("events", _json()),
        sa.Column("links", _json()),
        sa.Column("extra", _json()),
        sa.Column("payloads", _json()),
        sa.Column("redactions", _json()),
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
        sa.Column("genai", _json()),
        # In the order in which a trace is read, so that its pages come from the index.
        sa.PrimaryKeyConstraint("project_id", "trace_id", "start_time_ns", "span_id"),
        postgresql_partition_by="RANGE (start_time_ns)",
    )
    op.create_table(
        "traces",
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
        sa.Column("services", _json(), nullable=False),
        sa.Column("models", _json(), nullable=False),
        sa.Column("tools", _json(), nullable=False),
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
    op.create_table(
        "tombstones",
        sa.Column("project_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("trace_id", sa.LargeBinary, primary_key=True),
        sa.Column("deleted_at_ns", sa.BigInteger, nullable=False),
        sa.Column("keep_until_ns", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("traces_newest", "traces", ["project_id", "start_time_ns", "trace_id"])
    op.create_index(
        "traces_slowest",
        "traces",
        ["project_id", sa.text("(end_time_ns - start_time_ns)"), "start_time_ns", "trace_id"],
    )
    op.create_index(
        "traces_expensive",
        "traces",
        ["project_id", sa.text("(coalesce(cost_usd, -1))"), "start_time_ns", "trace_id"],
    )
    op.create_index(
        "traces_pending",
        "traces",
        ["recomputed_at_ns"],
        postgresql_where=sa.text("totals_pending"),
        sqlite_where=sa.text("totals_pending"),
    )
