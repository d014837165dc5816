"""Whether a project's optional personal data is redacted."""

from __future__ import annotations

from alembic import op

from tracefoundry.store.sql import tables

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column ``personal_data`` of ``projects``."""
    for table, column in tables.added_columns(revision):
        op.add_column(table, column)
