"""A writer needs a day whose detach was interrupted."""

from __future__ import annotations

import psycopg
import pytest

from retention.stock import TODAY, noon, put_spans, run, select, span_at
from tracefoundry.store.sql.tables import spans


def test_a_writer_takes_up_a_day_whose_detach_was_interrupted(postgres: str) -> None:
    """What was there is there again, for the next run to drop."""
    put_spans(postgres, [span_at(noon(TODAY - 1))])
    with psycopg.connect(postgres, autocommit=True) as by_hand, psycopg.connect(postgres) as reader:
        reader.execute("SELECT count(*) FROM spans").fetchone()
        by_hand.execute("SET lock_timeout = 50")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            by_hand.execute("ALTER TABLE spans DETACH PARTITION spans_20260526 CONCURRENTLY")
    put_spans(postgres, [span_at(noon(TODAY - 1), span=2)])
    assert 2 == len(select(postgres, spans.c.span_id))
    assert "done" == run(postgres, now_ns=noon(TODAY + 9)).state
    assert [] == select(postgres, spans.c.span_id)
