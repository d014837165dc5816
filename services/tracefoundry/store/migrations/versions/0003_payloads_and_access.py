"""Payload blobs and refs, access tokens, the audit log, and settings of projects.

Spans stored before this revision carry ``policy_version`` 0, which from here on marks them: they
were never redacted and their content stands in ``attributes``. No later policy has version 0, so
marking them needs no rewrite of their rows.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and columns."""
    op.add_column("projects", sa.Column("redaction", sa.Text))
    op.add_column("projects", sa.Column("retention_spans_ns", sa.BigInteger))
    op.add_column("projects", sa.Column("retention_payloads_ns", sa.BigInteger))
    _payload_tables()
    _access_tables()


def _payload_tables() -> None:
    op.create_table(
        "payload_blobs",
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
        postgresql_partition_by="RANGE (day)",
    )
    op.create_index("payload_blobs_object", "payload_blobs", ["object"])
    op.create_table(
        "payload_list_parts",
        sa.Column("project_id", sa.Integer, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("part", sa.LargeBinary, nullable=False),
        sa.Column("list", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "part", "list", "day"),
        postgresql_partition_by="RANGE (day)",
    )
    op.create_table(
        "span_payload_refs",
        sa.Column("project_id", sa.Integer, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("trace_id", sa.LargeBinary, nullable=False),
        sa.Column("ref", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "trace_id", "ref", "day"),
        postgresql_partition_by="RANGE (day)",
    )
    op.create_index("span_payload_refs_ref", "span_payload_refs", ["project_id", "ref", "day"])
    op.create_table(
        "payload_days",
        sa.Column("project_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("expired_at_ns", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_table(
        "payload_tombstones",
        sa.Column("project_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("ref", sa.LargeBinary, primary_key=True),
        sa.Column("deleted_at_ns", sa.BigInteger, nullable=False),
        sa.Column("keep_until_ns", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )


def _access_tables() -> None:
    op.create_table(
        "tokens",
        sa.Column("token_id", sa.Integer, primary_key=True),
        sa.Column("token_hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("project_id", sa.Integer),
        sa.Column("created_at_ns", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ns", sa.BigInteger),
        sa.Column("revoked_at_ns", sa.BigInteger),
    )
    op.create_table(
        "audit_log",
        sa.Column(
            "entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True
        ),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
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
    op.create_index("ix_audit_log_at_ns", "audit_log", ["at_ns"])
