"""TraceExports that run an agent again, on a real API server: order, restarts, schema."""

from __future__ import annotations

import json

import pytest

from tests.api_server import wait
from tests.exported import BUNDLE, CALLED, COUNTS, Exported
from tests.instances import MINIMAL, RERUN
from tests.operator_process import OperatorProcess
from tests.tracing_namespace import TracingNamespace
from tracefoundry_operator import kinds

POLICY = kinds.BY_NAME["NetworkPolicy"]


@pytest.fixture
def export(operator: OperatorProcess, tracing: TracingNamespace) -> Exported:
    """An export whose bundle is there."""
    tracing.put({**MINIMAL, "exports": {"rerunImages": [RERUN["image"]]}})
    tracing.end_migration()
    tracing.wait_for("SchemaMigrated", "True", "Migrated")
    made = Exported(tracing, dryReplay=RERUN)
    made.end("export", json.dumps(BUNDLE))
    return made


def test_an_agent_runs_again_behind_its_policy(export: Exported) -> None:
    """The restricted namespace admits its pod; all results are in the status, in their schema."""
    name = export.job("rerun")["metadata"]["name"]
    assert [name] == export.policies()
    assert [] == export.jobs("replay")
    export.start_agent("10.1.2.3")
    (container,) = export.job("replay")["spec"]["template"]["spec"]["containers"]
    asked = {each["name"]: each.get("value") for each in container["env"]}
    pod = {"host": "10.1.2.3", "port": 8090}
    assert pod == json.loads(asked["TRACEFOUNDRY_REPLAY_JOB"])["rerun"]
    export.end("replay", json.dumps(COUNTS))
    export.end_agent(json.dumps(CALLED))
    export.wait_for("ReplayPassed", "True", "Passed")
    expected = {
        **COUNTS, "exitStatus": 0, "matched": 3, "missed": 0, "diverged": 0, "unused": 1,
        "guards": ["network policy", "sockets"],
    }  # fmt: skip
    assert expected == export.get()["status"]["dryReplay"]
    wait(lambda: export.policies() == [], "the policy has no pod any more")
    assert 3 == len(export.get()["status"]["finishedJobs"])
    wait(
        lambda: [86400] * 3 == [j["spec"].get("ttlSecondsAfterFinished") for j in export.jobs()],
        "the time to live is set",
    )


def test_a_restarted_operator_goes_on(operator: OperatorProcess, export: Exported) -> None:
    """Killed before each step: each Job is made once."""
    uids = [export.job("rerun")["metadata"]["uid"]]
    operator.kill()
    export.start_agent("10.1.2.3")
    operator.ensure()
    uids.append(export.job("replay")["metadata"]["uid"])
    operator.kill()
    export.end("replay", json.dumps(COUNTS))
    told = {"missed": 1, "diverged": 1, "unanswered": ["diverged: tool 'lookup_order'"]}
    export.end_agent(json.dumps({**CALLED, **told}), status=1)
    operator.ensure()
    export.wait_for("ReplayPassed", "False", "CallsMissed")
    found = {each["type"]: each["message"] for each in export.get()["status"]["conditions"]}
    assert "diverged: tool 'lookup_order'" in found["ReplayPassed"]
    jobs = [each["metadata"]["uid"] for each in export.jobs()]
    assert sorted(uids) == sorted(uid for uid in jobs if uid in uids)
    assert 3 == len(jobs)


def test_a_policy_that_somebody_changes_is_restored(export: Exported) -> None:
    """Or deletes, while the agent runs."""
    name = export.job("rerun")["metadata"]["name"]
    path = POLICY.path(export.tracing.name, name)
    server = export.tracing.server
    server.merge(path, {"spec": {"policyTypes": ["Ingress"]}})

    def restored() -> bool:
        found = server.find(path)
        return found is not None and found["spec"]["policyTypes"] == ["Ingress", "Egress"]

    wait(restored, "the policy is as before")
    assert "egress" not in server.request("GET", path)["spec"]
    export.tracing.delete(POLICY, name)
    wait(restored, "the policy is there again")
