"""Many instances: nothing is done twice, and memory stays bounded.

How long it takes is measured by ``make bench`` style runs, not asserted here; the figures are
printed, so that a run with ``-s`` shows them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from tests.api_server import ApiServer, wait
from tests.instances import MINIMAL
from tests.operator_process import OperatorProcess
from tests.process_memory import peak_resident_bytes
from tests.tracing_namespace import TracingNamespace
from tracefoundry_operator import kinds

COUNT = int(os.environ.get("TRACEFOUNDRY_SCALE_INSTANCES", "25"))
MEMORY_LIMIT_BYTES = 200 * 1024 * 1024
QUIET_S = 3.0
"""Time without a write after which no more are expected: passes follow changes within 1 s."""


def test_many_instances_are_made_once_and_a_restart_changes_nothing(
    api_server: ApiServer, operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """Each Job once, each object applied once, and a restart after which nothing has changed."""
    names = [f"main-{number}" for number in range(COUNT)]
    started = time.perf_counter()
    changes_before = operator.total("tracefoundry_operator_apply_total")
    errors_before = operator.total("tracefoundry_operator_apply_total", 'result="error"')
    for name in names:
        tracing.put(MINIMAL, name)
    for name in names:
        wait(lambda name=name: tracing.find_job(name), f"{name} has a migration")
        tracing.complete(tracing.find_job(name))

    def rolled_out() -> int:
        items = api_server.request("GET", kinds.STATEFUL_SET.path(tracing.name))["items"]
        services = api_server.request("GET", kinds.DEPLOYMENT.path(tracing.name))["items"]
        return len(items) + len(services)

    wait(lambda: rolled_out() == 4 * COUNT, "all are rolled out", seconds=200)
    wait(
        lambda: len(api_server.request("GET", CRON_JOBS.path(tracing.name))["items"]) == COUNT,
        "all have retention",
    )
    cold = time.perf_counter() - started
    changes = operator.total("tracefoundry_operator_apply_total") - changes_before

    jobs = api_server.request("GET", kinds.JOB.path(tracing.name))["items"]
    assert COUNT == len(jobs)
    assert errors_before == operator.total("tracefoundry_operator_apply_total", 'result="error"')

    wait(unmoved(lambda: versions(api_server, tracing.name)), "all is settled")
    before = versions(api_server, tracing.name)
    peak = peak_resident_bytes(operator.pid)
    operator.stop()
    started = time.perf_counter()
    operator.start(probe_s="60")
    wait(
        lambda: operator.total("tracefoundry_operator_reconcile_total", "TraceFoundry") >= COUNT,
        "a pass over each",
    )
    warm = time.perf_counter() - started
    resident = max(peak, peak_resident_bytes(operator.pid))
    print(  # noqa: T201 - the figures, shown with -s
        f"{COUNT} instances: {changes:.0f} changes in {cold:.1f} s ({changes / cold:.0f}/s),"
        f" restart {warm:.1f} s, {resident / 2**20:.0f} MiB resident at most"
    )
    changed = {
        name: value
        for name, value in operator.metrics().items()
        if name.startswith("tracefoundry_operator_apply_total{")
    }
    assert {} == changed
    # No status and no event either, which are not among those figures.
    wait(unmoved(lambda: versions(api_server, tracing.name)), "all is settled")
    assert before == versions(api_server, tracing.name)
    assert resident < MEMORY_LIMIT_BYTES


def versions(server: ApiServer, namespace: str) -> dict[tuple[str, str], str]:
    """resourceVersions of all that the operator could write in a namespace."""
    return {
        (kind.name, item["metadata"]["name"]): item["metadata"]["resourceVersion"]
        for kind in (*kinds.OWNED, kinds.SECRET, kinds.EVENT, kinds.INSTANCE, kinds.EXPORT)
        for item in server.request("GET", kind.path(namespace))["items"]
    }


def unmoved(read: Callable[[], object]) -> Callable[[], bool]:
    """A condition: what is read has been the same for a while."""
    last, since = None, time.monotonic()

    def holds() -> bool:
        nonlocal last, since
        found = read()
        if found != last:
            last, since = found, time.monotonic()
        return time.monotonic() - since >= QUIET_S

    return holds


CRON_JOBS = next(kind for kind in kinds.ROLLOUT if kind.name == "CronJob")
