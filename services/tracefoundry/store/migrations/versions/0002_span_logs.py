"""GenAI events that came as OTLP log records."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _json() -> sa.types.TypeEngine[Any]:
    return sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Make the table, partitioned by the day of the record's own time."""
    op.create_table(
        "span_logs",
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
        sa.Column("attributes", _json(), nullable=False),
        sa.Column("body", _json()),
        sa.Column("extra", _json()),
        sa.Column("payloads", _json()),
        sa.Column("redactions", _json()),
        postgresql_partition_by="RANGE (time_ns)",
    )
