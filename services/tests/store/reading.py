"""Plain looks into the tables, independent of the reader under test elsewhere."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from tracefoundry.store.sql.engine import make_engine
from tracefoundry.store.sql.tables import traces


def rows(url: str, statement: sa.Executable | str) -> list[dict[str, Any]]:
    """All rows of a query as dicts."""
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            query = sa.text(statement) if isinstance(statement, str) else statement
            return [dict(row) for row in connection.execute(query).mappings()]
    finally:
        engine.dispose()


def trace_rows(url: str) -> list[dict[str, Any]]:
    """All trace summaries by trace id, without the time of their recompute."""
    found = rows(url, sa.select(traces).order_by(traces.c.project_id, traces.c.trace_id))
    for row in found:
        del row["recomputed_at_ns"]
    return found


def count(url: str, table: str) -> int:
    """How many rows a table has."""
    return int(rows(url, f"SELECT count(*) AS n FROM {table}")[0]["n"])
