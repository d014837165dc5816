"""The metrics of a working operator, which alerts and dashboards depend on."""

from __future__ import annotations

from tests.api_server import wait
from tests.instances import MINIMAL
from tests.operator_process import OperatorProcess
from tests.tracing_namespace import TracingNamespace


def test_time_of_passes_conditions_and_ages_of_watches_are_shown(
    operator: OperatorProcess, tracing: TracingNamespace
) -> None:
    """For an instance that is ready; its conditions have no series after it is deleted."""
    tracing.put(MINIMAL)
    tracing.settle()
    labels = f'condition="Ready",name="main",namespace="{tracing.name}"'

    def ready() -> dict[str, float]:
        return {
            state: operator.metrics().get(
                f'tracefoundry_operator_condition{{{labels},status="{state}"}}', -1.0
            )
            for state in ("True", "False", "Unknown")
        }

    wait(lambda: ready() == {"True": 1.0, "False": 0.0, "Unknown": 0.0}, "it is shown as ready")
    figures = operator.metrics()
    assert 0 < figures["tracefoundry_operator_reconcile_seconds_count{}"]
    assert 0 < figures["tracefoundry_operator_reconcile_seconds_sum{}"]
    ages = {
        key.split('"')[1]: value
        for key, value in figures.items()
        if key.startswith("tracefoundry_operator_last_watch_event_age_seconds{")
    }
    assert {"Secret", "Pod", "Deployment", "Job", "TraceFoundry", "TraceExport"} <= ages.keys()
    assert all(0 <= age < 600 for age in ages.values())
