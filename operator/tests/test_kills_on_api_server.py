"""An operator that is killed at every step of its work, not at some moments of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests import dying_operator
from tests.api_server import wait
from tests.instances import MINIMAL
from tests.operator_process import OperatorProcess
from tests.tracing_namespace import TracingNamespace
from tracefoundry_operator import kinds

MOST_LIVES = 120
PASSES = "tracefoundry_operator_reconcile_total"


def test_an_operator_that_dies_after_each_single_write_converges(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """Each life makes one write and does not know of it; nothing is made twice."""
    operator.kill()
    tracing.put(MINIMAL)
    lives = _live(operator)
    assert 1 == len(tracing.jobs())
    assert tracing.find(kinds.DEPLOYMENT, "main-query") is None

    tracing.end_migration()
    lives += _live(operator)
    children = tracing.children()
    kinds_made = Counter(key.kind for key in children)
    assert (3, 1, 1) == tuple(kinds_made[each] for each in ("Deployment", "StatefulSet", "Job"))
    # A life for each child at least, or it was not killed at each step.
    assert lives >= len(children)

    operator.start()

    def ready() -> bool:
        tracing.run_pods()
        return tracing.condition("Ready")[:2] == ("True", "AllPodsReady")

    wait(ready, "it is ready")
    assert children.keys() == tracing.children().keys()


def _live(operator: OperatorProcess) -> int:
    """Lives that it takes until one finds nothing left to write; returns their number."""
    for lives in range(MOST_LIVES):
        operator.start(ready=False, program=Path(dying_operator.__file__))
        wait(
            lambda: operator.has_ended() or operator.has_counted(PASSES),
            "its death or a whole pass",
        )
        ended = operator.has_ended()
        operator.kill()
        if not ended:
            return lives
    raise AssertionError(f"it still writes in its life number {MOST_LIVES}")
