"""Deleting a trace while writers are at it, with the real writers and the real schema."""

from __future__ import annotations

import threading
import time

from samples import make_span, trace_id
from tracefoundry.model.limits import WINDOW_AHEAD_NS
from tracefoundry.model.times import DAY_NS
from tracefoundry.store import migrations
from tracefoundry.store.api import open_store
from tracefoundry.store.sql.engine import make_engine


def test_spans_that_come_during_and_after_a_delete_stay_out(database_url: str) -> None:
    """After the delete there is neither a summary nor a span of the trace, whoever was first."""
    migrations.upgrade(database_url)
    store = open_store(database_url)
    started = threading.Event()
    gone = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        writer = open_store(database_url).writer(retention_ns=7 * DAY_NS, ahead_ns=WINDOW_AHEAD_NS)
        try:
            writer.maintain(time.time_ns())
            after = 0
            number = 0
            while after < 3:
                number += 1
                after += gone.is_set()
                span = make_span(1, number, start=number)
                writer.commit([writer.prepare_span(1, span)])
                if number == 20:
                    started.set()
        except Exception as error:  # noqa: BLE001 - told below, in the test's own thread
            failures.append(error)
        finally:
            started.set()
            writer.close()

    thread = threading.Thread(target=write)
    thread.start()
    assert started.wait(120)
    try:
        deleted = store.deletion.delete_trace(
            1, trace_id(1), now_ns=time.time_ns(), retention_ns=7 * DAY_NS
        )
    finally:
        gone.set()  # three more commits begin after the delete
        thread.join(120)
    engine = make_engine(database_url)
    with engine.connect() as connection:
        left = [
            connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
            for table in ("traces", "spans")
        ]
    engine.dispose()
    store.close()
    assert failures == []
    assert deleted.spans >= 20
    assert left == [0, 0]
