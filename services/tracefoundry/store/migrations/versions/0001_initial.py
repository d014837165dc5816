"""All tables of the first version, and the project ``default``.

They are made from the column list as it stands for this revision: columns that come later say so
(``Column.since``), and a migration of theirs adds them. A test compares the result with the schema
that was written down when this revision was made.
"""

from __future__ import annotations

import time

from alembic import op

from tracefoundry.store.sql import tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    made = tables.create_tables(op.get_bind(), revision)
    op.bulk_insert(made.tables["projects"], [{"name": "default", "created_at_ns": time.time_ns()}])
