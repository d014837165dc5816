"""Quotas of projects, and what projects with a quota for a day stored on that day."""

from __future__ import annotations

from alembic import op

from tracefoundry.store.sql import tables

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns of ``projects`` and the table ``project_usage``."""
    for table, column in tables.added_columns(revision):
        op.add_column(table, column)
    tables.create_tables(op.get_bind(), revision)
