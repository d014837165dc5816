"""An operator that is killed after each write, not only at some moments."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests import dying_operator
from tests.api_server import wait
from tests.instances import MINIMAL
from tests.operator_process import OperatorProcess
from tests.tracing_namespace import TracingNamespace
from tracefoundry_operator import kinds

MAX_PROCESSES = 120
PASSES = "tracefoundry_operator_reconcile_total"


def test_an_operator_that_dies_after_each_single_write_converges(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """Each process makes one write and does not see its answer; nothing is created twice."""
    operator.kill()
    tracing.put(MINIMAL)
    processes = _processes(operator, tracing)
    assert 1 == len(tracing.jobs())
    assert tracing.find(kinds.DEPLOYMENT, "main-query") is None

    tracing.end_migration()
    processes += _processes(operator, tracing)
    children = tracing.children()
    kinds_made = Counter(key.kind for key in children)
    assert (3, 1, 1) == tuple(kinds_made[each] for each in ("Deployment", "StatefulSet", "Job"))
    # At least one process for each child, or it was not killed after each write.
    assert processes >= len(children)

    operator.start()

    def ready() -> bool:
        tracing.run_pods()
        return tracing.condition("Ready")[:2] == ("True", "AllPodsReady")

    wait(ready, "it is ready")
    assert children.keys() == tracing.children().keys()


def _processes(operator: OperatorProcess, tracing: TracingNamespace) -> int:
    """Start processes until one has nothing left to write; returns their number.

    They watch this namespace alone: a pass over what another test left behind would be taken for
    the end.
    """
    for processes in range(MAX_PROCESSES):
        operator.start(
            ready=False,
            program=Path(dying_operator.__file__),
            watch_namespaces=tracing.name,
        )
        wait(
            lambda: operator.has_ended() or operator.has_counted(PASSES),
            "its end or a whole pass",
        )
        ended = operator.has_ended()
        operator.kill()
        if not ended:
            return processes
    raise AssertionError(f"process number {MAX_PROCESSES} still writes")
