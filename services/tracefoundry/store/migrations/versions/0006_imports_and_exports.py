"""Imported spans and logs, imports in progress, exports in the object store.

Traces say where they were imported from, and projects have a key for refs in exports.
"""

from __future__ import annotations

from alembic import op

from tracefoundry.store.sql import tables

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables, and columns of ``traces`` and ``projects``."""
    for table, column in tables.added_columns(revision):
        op.add_column(table, column)
    tables.create_tables(op.get_bind(), revision)
