"""A process that is killed in the middle of an import leaves nothing that can be seen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from bundle.test_import_bundle import bundle_of, call, options
from bundles import span
from stores import prepare_database
from tracefoundry.bundle.import_bundle import import_bundle
from tracefoundry.model.times import DAY_NS
from tracefoundry.store.api import open_store
from tracefoundry.store.sql import tables
from tracefoundry.store.sql.engine import make_engine, reading

IMPORTING = """
import sys, time
from pathlib import Path
from bundle.test_import_bundle import options
from tracefoundry.bundle import import_bundle, import_pipeline
from tracefoundry.store.api import open_store
from tracefoundry.store.staging import StagedImport

stage = StagedImport.stage
def stage_and_stop(self, *rows):
    stage(self, *rows)
    print("staged", flush=True)
    time.sleep(60)
StagedImport.stage = stage_and_stop
store = open_store(sys.argv[1])
import_bundle.import_bundle(store, None, Path(sys.argv[2]), options(), now_ns=time.time_ns())
"""


def counts(url: str) -> list[int]:
    """Rows of traces, imported spans and staged imports."""
    engine = make_engine(url)
    written = (tables.traces, tables.imported_spans, tables.staged_imports)
    with reading(engine) as connection:
        found = [len(connection.execute(table.select()).all()) for table in written]
    engine.dispose()
    return found


def test_a_killed_import_is_repeated_as_if_it_had_not_begun(
    database_url: str, tmp_path: Path
) -> None:
    """Its rows are there and nothing shows them; the next import removes them and works."""
    prepare_database(database_url)
    file = tmp_path / "bundle.zip"
    spans = [span(number) for number in range(1, 20)]
    traces = [("default", [call(1, 2, "x")], []), ("default", spans, [])]
    file.write_bytes(bundle_of(traces).getvalue())
    process = subprocess.Popen(
        [sys.executable, "-c", IMPORTING, database_url, str(file)],
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert process.stdout is not None
    assert b"staged" in process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert [0, 20, 2] == counts(database_url)
    store = open_store(database_url)
    with store.reader.snapshot() as snapshot:
        assert [] == snapshot.find_traces([1], spans[0].trace_id)
    # The same file a day later: what was left behind is of another day.
    now_ns = time.time_ns() + DAY_NS
    report = import_bundle(store, None, file, options(), now_ns=now_ns)
    assert (2, 20) == (report.traces, report.spans)
    assert [2, 20, 0] == counts(database_url)
    store.close()
