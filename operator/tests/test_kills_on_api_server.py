"""An operator that is killed after each write, not only at some moments."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests import dying_operator
from tests.api_server import wait
from tests.exported import BUNDLE, CALLED, COUNTS, Exported
from tests.instances import MINIMAL, RERUN
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


def test_an_export_survives_an_operator_that_dies_after_each_single_write(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """One Job for the bundle, one for the check, and the results of both."""
    tracing.put(MINIMAL)
    tracing.end_migration()
    tracing.wait_for("SchemaMigrated", "True", "Migrated")
    operator.kill()
    export = Exported(tracing, dryReplay={"mode": "Verify"})
    _processes(operator, tracing, "TraceFoundry", "TraceExport")
    assert 1 == len(export.jobs())

    export.end("export", json.dumps(BUNDLE))
    _processes(operator, tracing, "TraceFoundry", "TraceExport")
    assert 2 == len(export.jobs())
    export.end("replay", json.dumps(COUNTS))
    _processes(operator, tracing, "TraceFoundry", "TraceExport")
    assert (("True", "Exported"), ("True", "Passed")) == (
        export.condition("Complete"),
        export.condition("ReplayPassed"),
    )
    assert [86400, 86400] == [each["spec"].get("ttlSecondsAfterFinished") for each in export.jobs()]


def test_a_rerun_survives_an_operator_that_dies_after_each_single_write(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """The policy before the pod; each Job once; no policy is left."""
    tracing.put({**MINIMAL, "exports": {"rerunImages": [RERUN["image"]]}})
    tracing.end_migration()
    tracing.wait_for("SchemaMigrated", "True", "Migrated")
    operator.kill()
    export = Exported(tracing, dryReplay=RERUN)

    def write_all() -> None:
        _processes(operator, tracing, "TraceFoundry", "TraceExport")

    write_all()
    export.end("export", json.dumps(BUNDLE))
    write_all()
    assert (2, 1) == (len(export.jobs()), len(export.policies()))
    export.start_agent("10.1.2.3")
    write_all()
    made = {each["metadata"]["uid"] for each in export.jobs()}
    assert 3 == len(made)
    export.end("replay", json.dumps(COUNTS))
    export.end_agent(json.dumps(CALLED))
    write_all()
    assert ("True", "Passed") == export.condition("ReplayPassed")
    assert [86400] * 3 == [each["spec"].get("ttlSecondsAfterFinished") for each in export.jobs()]
    assert made == {each["metadata"]["uid"] for each in export.jobs()}
    assert [] == export.policies()


def test_a_check_that_fails_ends_the_agent_whenever_the_operator_dies(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """Also between the deletion of the agent's Job and the status that says why."""
    tracing.put({**MINIMAL, "exports": {"rerunImages": [RERUN["image"]]}})
    tracing.end_migration()
    tracing.wait_for("SchemaMigrated", "True", "Migrated")
    export = Exported(tracing, dryReplay=RERUN)
    export.end("export", json.dumps(BUNDLE))
    export.start_agent("10.1.2.3")
    checked = export.job("replay")["metadata"]["uid"]
    operator.kill()
    export.end("replay", "the bundle is not there any more", status=2)
    _processes(operator, tracing, "TraceFoundry", "TraceExport")
    assert ("False", "ReplayFailed") == export.condition("ReplayPassed")
    assert [] == [
        job["metadata"]["name"]
        for job in export.jobs("rerun")
        if "deletionTimestamp" not in job["metadata"]
    ]
    assert [checked] == [each["metadata"]["uid"] for each in export.jobs("replay")]


def _processes(operator: OperatorProcess, tracing: TracingNamespace, *kinds: str) -> int:
    """Start processes until one has nothing left to write; returns their number.

    That one passed over resources of all these kinds, by default over a TraceFoundry. The processes
    watch this namespace alone: a pass over what another test left behind would be taken for the
    end.
    """
    for processes in range(MAX_PROCESSES):
        operator.start(
            ready=False,
            program=Path(dying_operator.__file__),
            watch_namespaces=tracing.name,
        )
        wait(
            lambda: operator.has_ended() or _has_passed(operator, kinds or ("TraceFoundry",)),
            "its end or a whole pass",
        )
        ended = operator.has_ended()
        operator.kill()
        if not ended:
            return processes
    raise AssertionError(f"process number {MAX_PROCESSES} still writes")


def _has_passed(operator: OperatorProcess, kinds: Iterable[str]) -> bool:
    try:
        return all(operator.total(PASSES, f'kind="{kind}"') > 0 for kind in kinds)
    except OSError:  # it has not started, or has ended
        return False
