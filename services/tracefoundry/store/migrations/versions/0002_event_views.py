"""``span_logs.genai``: what a GenAI event that came as a log record says about its span.

The totals of traces need it, and the event's body is in the payload store. Events of older versions
have none: their usage does not reach the totals.
"""

from __future__ import annotations

from alembic import op

from tracefoundry.store.sql import tables

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and its index."""
    for table, column in tables.added_columns(revision):
        op.add_column(table, column)
    tables.create_added_indexes(op.get_bind(), revision)
