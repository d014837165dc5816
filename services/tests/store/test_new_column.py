"""A new column: one entry of the column list and a migration, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from samples import llm, make_span
from store.conftest import new_writer
from store.reading import rows
from tracefoundry.model.span import Span
from tracefoundry.store.api import CommitResult, Writer
from tracefoundry.store.postgres import statements as postgres
from tracefoundry.store.postgres.rows import copy_encoder
from tracefoundry.store.postgres.transaction import PostgresTransaction
from tracefoundry.store.sql.columns import SPAN_KEY, SPANS
from tracefoundry.store.sql.encoding import TupleFormat, make_encoder
from tracefoundry.store.sql.engine import make_engine
from tracefoundry.store.sql.schema import Column, Part, Type
from tracefoundry.store.sql.tables import added_columns
from tracefoundry.store.sqlite import statements as sqlite
from tracefoundry.store.sqlite.transaction import SqliteTransaction

REVISION = "9999"
FINISH_REASON = Column(
    "finish_reason",
    Type.TEXT,
    "genai.finish_reasons[0] if genai.finish_reasons else None",
    null=True,
    part=Part.VIEW,
    since=REVISION,
)
EXTENDED = replace(SPANS, columns=(*SPANS.columns, FINISH_REASON))


def migrate(url: str) -> None:
    """What the migration of such a revision does."""
    engine = make_engine(url)
    with engine.begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        for table, column in added_columns(REVISION, [EXTENDED]):
            operations.add_column(table, column)
    engine.dispose()


def extend(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the modules make of the longer list when they are imported."""
    monkeypatch.setattr(PostgresTransaction, "spans", postgres.Insert(EXTENDED, SPAN_KEY))
    monkeypatch.setattr(SqliteTransaction, "insert_span", sqlite.insert(EXTENDED))
    monkeypatch.setattr("tracefoundry.store.postgres.writer.span_row", copy_encoder(EXTENDED))
    monkeypatch.setattr(
        "tracefoundry.store.sqlite.writer.span_row", make_encoder(EXTENDED, TupleFormat())
    )


def span(number: int) -> Span:
    """A span that ended for a reason."""
    attributes = llm(1, 2, **{"gen_ai.response.finish_reasons": ["stop", "length"]})
    return make_span(span=number, attributes=attributes)


def test_a_new_column_is_written_by_both_writers_and_taken_by_the_old_one(
    url_writer: Writer, migrated_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows from before have no value in it; a writer of the version before goes on beside the new
    one; and what was stored by one is no conflict for the other."""
    assert url_writer.commit([url_writer.prepare_span(1, span(1))]) == CommitResult()
    migrate(migrated_url)
    assert url_writer.commit([url_writer.prepare_span(1, span(2))]) == CommitResult()
    url_writer.close()
    extend(monkeypatch)
    newer = new_writer(migrated_url)
    sent = [newer.prepare_span(1, span(number)) for number in (1, 3)]
    assert newer.commit(sent) == CommitResult(duplicates=[0])
    plain = newer.prepare_span(1, make_span(span=4))
    assert newer.commit([plain, newer.prepare_span(1, span(5))]) == CommitResult()
    newer.close()
    found = rows(migrated_url, "SELECT finish_reason FROM spans ORDER BY span_id")
    assert [row["finish_reason"] for row in found] == [None, None, "stop", None, "stop"]
