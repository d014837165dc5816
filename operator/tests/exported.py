"""A TraceExport on a real API server, with the work of the Job controller and a kubelet."""

from __future__ import annotations

from typing import Any

from tests.api_server import Json, wait
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

CALLED: Json = {
    "matched": 3, "missed": 0, "diverged": 0, "unused": 1,
    "guards": ["network policy", "sockets"], "notes": [], "unanswered": [],
}  # fmt: skip
"""What the sidecar of an agent reports."""


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

    def policies(self) -> list[str]:
        """Names of its NetworkPolicies."""
        uid = self.get()["metadata"]["uid"]
        path = kinds.BY_NAME["NetworkPolicy"].path(self.tracing.name)
        return [
            each["metadata"]["name"]
            for each in self.tracing.server.request("GET", path)["items"]
            if each["metadata"]["ownerReferences"][0]["uid"] == uid
        ]

    def start_agent(self, address: str) -> None:
        """Do what a kubelet does when the sidecar of a re-run has started."""
        self.tracing.make_pod(
            self.job("rerun"),
            {
                "phase": "Pending",
                "podIP": address,
                "podIPs": [{"ip": address}],
                "initContainerStatuses": [
                    _container("replay", {"running": {"startedAt": "2026-11-21T10:00:00Z"}})
                ],
                "containerStatuses": [
                    _container("agent", {"waiting": {"reason": "PodInitializing"}})
                ],
            },
        )

    def end_agent(self, message: str, *, status: int = 0) -> None:
        """Do what a kubelet and the Job controller do when the agent has ended."""
        job = self.job("rerun")
        ended = {"exitCode": status, "reason": "Error" if status else "Completed"}
        report = {"exitCode": 0, "reason": "Completed", "message": message}
        self.tracing.change_pod(
            job,
            {
                "phase": "Failed" if status else "Succeeded",
                "initContainerStatuses": [_container("replay", {"terminated": report})],
                "containerStatuses": [_container("agent", {"terminated": ended})],
            },
        )
        self.tracing.complete(job, failed=bool(status))

    def end(self, component: str, message: str, *, status: int = 0) -> None:
        """End the pod of a Job with a message, and then the Job."""
        job = self.job(component)
        name = job["spec"]["template"]["spec"]["containers"][0]["name"]
        ended = {"exitCode": status, "message": message, "reason": "Error" if status else "Done"}
        self.tracing.make_pod(
            job,
            {
                "phase": "Failed" if status else "Succeeded",
                "containerStatuses": [_container(name, {"terminated": ended})],
            },
        )
        self.tracing.complete(job, failed=bool(status))

    def events(self) -> list[str]:
        """Reasons of its events."""
        items = self.tracing.server.request("GET", kinds.EVENT.path(self.tracing.name))["items"]
        return [each["reason"] for each in items if each["involvedObject"]["name"] == "incident"]


def _container(name: str, state: Json) -> Json:
    """The status of a container."""
    return {
        "name": name, "image": "", "imageID": "", "ready": False, "restartCount": 0,
        "state": state,
    }  # fmt: skip
