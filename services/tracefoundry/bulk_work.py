"""Settings of the interpreter for work on very many objects: exports and imports.

Spans and their parts form no reference cycles, so looking for cycles among them is in vain; it took
a fifth of the time of an import. And a thread that waits for the database or the disk a thousand
times a second must not wait each time for 5 ms (the default) until another gives it a turn.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH_INTERVAL_S = 0.0005
"""After how long a thread that computes gives way to one that waits for its turn."""
COLLECTION_THRESHOLDS = (50_000, 20, 100)
"""See :func:`gc.set_threshold`. Cycles that others make meanwhile stay a little longer."""


class _Work:
    """How many blocks are open, and what the settings were before the first."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.open = 0
        self.interval_s = 0.0
        self.thresholds = (0, 0, 0)


_work = _Work()


@contextmanager
def bulk_work() -> Iterator[None]:
    """Apply the settings inside the block, to the whole process. Blocks may overlap: the last one
    that ends puts back what was set before."""
    with _work.lock:
        if not _work.open:
            _work.interval_s, _work.thresholds = sys.getswitchinterval(), gc.get_threshold()
            sys.setswitchinterval(SWITCH_INTERVAL_S)
            gc.set_threshold(*COLLECTION_THRESHOLDS)
        _work.open += 1
    try:
        yield
    finally:
        with _work.lock:
            _work.open -= 1
            if not _work.open:
                sys.setswitchinterval(_work.interval_s)
                gc.set_threshold(*_work.thresholds)
