"""TraceExports on a real API server: their Jobs, their status, restarts and events.

The tests replace the Job controller and the kubelet: they make pods with a termination message and
set Jobs to finished.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api_server import Json, wait
from tests.instances import MINIMAL
from tests.operator_process import OperatorProcess
from tests.tracing_namespace import TracingNamespace
from tracefoundry_operator import kinds

TRACE = "0af7651916cd43dd8448eb211c80319c"
BUNDLE: Json = {
    "uri": "s3://traces/exports/incident/x.zip",
    "sha256": "ab" * 32,
    "root": "cd" * 32,
    "bytes": 12345,
    "traces": 1,
    "spans": 7,
    "payloads": 3,
    "redactions": 2,
}
COUNTS: Json = {
    "ok": True, "missing": 0, "expired": 0, "dangling": 0, "redacted": 2, "excluded": 1,
}  # fmt: skip


class Exported:
    """One TraceExport of a namespace."""

    def __init__(self, tracing: TracingNamespace, **spec: Any) -> None:
        self.tracing = tracing
        self.path = kinds.EXPORT.path(tracing.name, "incident")
        tracing.server.request(
            "POST",
            kinds.EXPORT.path(tracing.name),
            {
                "apiVersion": "tracefoundry.dev/v1alpha1",
                "kind": "TraceExport",
                "metadata": {"name": "incident"},
                "spec": {"instanceRef": {"name": "main"}, "traceIds": [TRACE], **spec},
            },
        )

    def get(self) -> Json:
        """The resource."""
        return self.tracing.server.request("GET", self.path)

    def jobs(self, component: str = "") -> list[Json]:
        """Its Jobs, of one component if one is given."""
        uid = self.get()["metadata"]["uid"]
        items = self.tracing.server.request("GET", kinds.JOB.path(self.tracing.name))["items"]
        return [
            each
            for each in items
            if each["metadata"]["ownerReferences"][0]["uid"] == uid
            and component in ("", each["metadata"]["labels"]["app.kubernetes.io/component"])
        ]

    def condition(self, kind: str) -> tuple[str, str]:
        """Status and reason of a condition."""
        for each in self.get().get("status", {}).get("conditions", ()):
            if each["type"] == kind:
                return each["status"], each["reason"]
        return "", ""

    def wait_for(self, kind: str, status: str, reason: str) -> None:
        """Wait for a condition."""
        wait(lambda: self.condition(kind) == (status, reason), f"{kind} is {status}, {reason}")

    def job(self, component: str) -> Json:
        """Wait for its Job of a component."""
        wait(lambda: len(self.jobs(component)) == 1, f"a Job {component}")
        return self.jobs(component)[0]

    def end(self, component: str, message: str, *, status: int = 0) -> None:
        """End the pod of a Job with a message, and then the Job."""
        job = self.job(component)
        name = job["spec"]["template"]["spec"]["containers"][0]["name"]
        ended = {"exitCode": status, "message": message, "reason": "Error" if status else "Done"}
        self.tracing.make_pod(
            job,
            {
                "phase": "Failed" if status else "Succeeded",
                "containerStatuses": [
                    {
                        "name": name, "image": "", "imageID": "", "ready": False,
                        "restartCount": 0, "state": {"terminated": ended},
                    }
                ],
            },
        )  # fmt: skip
        self.tracing.complete(job, failed=bool(status))

    def events(self) -> list[str]:
        """Reasons of its events."""
        items = self.tracing.server.request("GET", kinds.EVENT.path(self.tracing.name))["items"]
        return [each["reason"] for each in items if each["involvedObject"]["name"] == "incident"]


@pytest.fixture
def ready(operator: OperatorProcess, tracing: TracingNamespace) -> TracingNamespace:
    """A namespace with an instance whose database is migrated."""
    tracing.put(MINIMAL)
    tracing.end_migration()
    tracing.wait_for("SchemaMigrated", "True", "Migrated")
    return tracing


def test_an_export_ends_complete_and_checked(
    operator: OperatorProcess, ready: TracingNamespace
) -> None:
    """Both Jobs run once; kubectl shows and waits for the result."""
    export = Exported(ready, dryReplay={"mode": "Verify"}, ttlSecondsAfterFinished=600)
    export.wait_for("Complete", "False", "ExportRunning")
    assert "ttlSecondsAfterFinished" not in export.job("export")["spec"]
    export.end("export", json.dumps(BUNDLE))
    export.wait_for("Complete", "True", "Exported")
    export.end("replay", json.dumps(COUNTS))
    export.wait_for("ReplayPassed", "True", "Passed")
    status = export.get()["status"]
    assert (BUNDLE, COUNTS) == (status["bundle"], status["dryReplay"])
    assert len(status["finishedJobs"]) == 2
    wait(
        lambda: (
            [600, 600] == [each["spec"].get("ttlSecondsAfterFinished") for each in export.jobs()]
        ),
        "the time to live is set",
    )
    kubectl = ready.server.kubectl
    waited = kubectl(
        "-n", ready.name, "wait", "--for=condition=Complete", "tfx/incident", "--timeout=5s"
    )
    assert 0 == waited.returncode, waited.stderr
    lines = kubectl("-n", ready.name, "get", "tfx").stdout.splitlines()
    assert ["NAME", "INSTANCE", "ACCEPTED", "COMPLETE", "REPLAYPASSED", "TRACES", "AGE"] == (
        lines[0].split()
    )
    assert ["incident", "main", "True", "True", "True", "1"] == lines[1].split()[:6]
    wait(
        lambda: {"WithinBounds", "ExportRunning", "Exported", "Passed"} <= set(export.events()),
        "events of all transitions",
    )
    assert 1 == operator.total("tracefoundry_operator_exports", 'phase="complete"', ready.name)

    versions = export.get()["metadata"]["resourceVersion"]
    for job in export.jobs():
        ready.delete(kinds.JOB, job["metadata"]["name"])
    before = operator.total("tracefoundry_operator_reconcile_total", "TraceExport")
    ready.server.merge(export.path, {"metadata": {"labels": {"touched": "true"}}})
    wait(
        lambda: operator.total("tracefoundry_operator_reconcile_total", "TraceExport") > before,
        "another pass",
    )
    assert [] == [job for job in export.jobs() if "deletionTimestamp" not in job["metadata"]]
    assert status == export.get()["status"]
    assert versions != export.get()["metadata"]["resourceVersion"]


def test_an_export_whose_job_ends_while_the_operator_is_away(
    operator: OperatorProcess, ready: TracingNamespace
) -> None:
    """The restarted operator takes the result, and makes no second Job."""
    export = Exported(ready)
    uid = export.job("export")["metadata"]["uid"]
    operator.kill()
    export.end("export", json.dumps(BUNDLE))
    operator.ensure()
    export.wait_for("Complete", "True", "Exported")
    assert [uid] == [each["metadata"]["uid"] for each in export.jobs()]


def test_a_failed_export_names_the_reason(
    operator: OperatorProcess, ready: TracingNamespace
) -> None:
    """In the condition and in an event; the alert's metric counts it until it is deleted."""
    export = Exported(ready)
    export.end("export", f"trace {TRACE} does not exist", status=2)
    export.wait_for("Failed", "True", "ExportFailed")
    found = {each["type"]: each["message"] for each in export.get()["status"]["conditions"]}
    assert f"trace {TRACE} does not exist" in found["Failed"]
    wait(lambda: "ExportFailed" in export.events(), "the event")

    def failed() -> float:
        return operator.total("tracefoundry_operator_exports", 'phase="failed"', ready.name)

    assert 1 == failed()
    ready.delete(kinds.EXPORT, "incident")
    wait(lambda: failed() == 0, "it is not counted any more")


def test_an_export_waits_for_its_secrets(ready: TracingNamespace) -> None:
    """The key that signs bundles is missing; the instance does not mind."""
    ready.change({"exports": {"signingKeySecretRef": {"name": "signing"}}})
    export = Exported(ready)
    export.wait_for("Complete", "False", "ReferenceMissing")
    assert [] == export.jobs()
    assert "False" == ready.condition("Degraded")[0]
    ready.put_secret("signing", {"key.pem": "made-up"})
    export.wait_for("Complete", "False", "ExportRunning")
    volumes = export.job("export")["spec"]["template"]["spec"]["volumes"]
    assert "signing" in [each.get("secret", {}).get("secretName") for each in volumes]


def test_bounds_that_become_tighter_end_a_running_export(ready: TracingNamespace) -> None:
    """And its pods read the bounds when they start, from a ConfigMap that is kept up to date."""
    ready.change({"exports": {"payloads": True}})
    export = Exported(ready, payloads="Include")
    export.job("export")
    ready.change({"exports": {"payloads": False}})
    export.wait_for("Accepted", "False", "PayloadsNotAllowed")
    wait(lambda: export.jobs() == [], "the Job is deleted")

    def bounds() -> Any:
        found = ready.find(kinds.CONFIG_MAP, "main-export")
        return json.loads(found["data"]["bounds.json"])["payloads"] if found else None

    wait(lambda: bounds() is False, "the bounds are written")


def test_a_suspended_export_starts_when_it_is_resumed(ready: TracingNamespace) -> None:
    """``suspend`` is the only field that can be changed."""
    export = Exported(ready, suspend=True)
    export.wait_for("Complete", "False", "Suspended")
    assert [] == export.jobs()
    ready.server.merge(export.path, {"spec": {"suspend": False}})
    export.wait_for("Complete", "False", "ExportRunning")
