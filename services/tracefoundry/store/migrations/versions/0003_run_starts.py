"""``traces.started_ns`` and ``last_started_ns``: since when runs of the trace are unfinished.

Older versions stored start events as any other event; the traces of those do not become running.
"""

from __future__ import annotations

from alembic import op

from tracefoundry.store.sql import tables

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the index of running traces."""
    for table, column in tables.added_columns(revision):
        op.add_column(table, column)
    tables.create_added_indexes(op.get_bind(), revision)
