"""The Job that runs an agent again, and the NetworkPolicy of its pod.

The pod has two containers. The agent's is the user's image with nothing of ours but the address of
a socket. The other one is a sidecar of ours: it waits until the pod that has checked the bundle
hands it over, answers the agent over the socket, and reports when the agent has ended. The bundle
is handed in from outside, because the pod has no egress at all: no object store, no database, no
DNS. It has no credentials either.

The policy belongs to the TraceExport, so that it also exists where those of the instance are
switched off. Policies add up: one of somebody else that selects the pod can allow more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracefoundry_operator import names
from tracefoundry_operator.api.export import KIND, Export
from tracefoundry_operator.manifests import export_jobs
from tracefoundry_operator.manifests.jobs import input_hash, job
from tracefoundry_operator.manifests.pods import (
    Mount,
    pod_template,
    restricted_security,
    value,
)
from tracefoundry_operator.manifests.rendering import Manifest, Owner, Rendering
from tracefoundry_operator.names import Component

AGENT = "agent"
SIDECAR = "replay"
"""Names of the containers."""

SOCKET_FOLDER = "/replay"
SOCKET = f"{SOCKET_FOLDER}/socket"

TMP_LIMIT = "1Gi"
"""Maximum size of the agent's /tmp."""


def rerun_job_name(export: Export, sha256: str) -> str:
    """The name of the Job that runs the agent again with this bundle, and of its policy."""
    inputs = {"uid": export.uid, "sha256": sha256}
    return names.export_job_name(export.name, Component.RERUN, input_hash(inputs))


def network_policy(rendering: Rendering, export: Export, bundle: Mapping[str, Any]) -> Manifest:
    """The policy of the pod: no egress, and only the pod that checks the bundle may connect."""
    sender = {**rendering.selector(Component.REPLAY), export_jobs.EXPORT_LABEL: export.uid}
    return rendering.object(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        Component.RERUN,
        name=rerun_job_name(export, bundle["sha256"]),
        owner=_owner(export),
        spec={
            "podSelector": {
                "matchLabels": {
                    **rendering.selector(Component.RERUN),
                    export_jobs.EXPORT_LABEL: export.uid,
                }
            },
            # Egress without a list of rules: nothing is allowed.
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {
                    "from": [{"podSelector": {"matchLabels": sender}}],
                    "ports": [{"port": names.RERUN_PORT, "protocol": "TCP"}],
                }
            ],
        },
    )


def rerun_job(rendering: Rendering, export: Export, bundle: Mapping[str, Any]) -> Manifest:
    """The Job.

    Args:
        rendering: the instance.
        export: the resource, with the mode Rerun.
        bundle: ``status.bundle``.
    """
    asked = {
        "sha256": bundle["sha256"],
        "port": names.RERUN_PORT,
        "ready_port": names.RERUN_READY_PORT,
        "socket": SOCKET,
    }
    socket = Mount(
        name="replay", path=SOCKET_FOLDER, source={"emptyDir": {"sizeLimit": "1Mi"}}, writable=True
    )
    template = pod_template(
        rendering,
        Component.RERUN,
        export_jobs.container(
            rendering,
            "rerun-job",
            [value("TRACEFOUNDRY_RERUN_JOB", export_jobs.compact_json(asked))],
            [socket],
        ),
        settings=rendering.instance.spec.exports,
        restart_policy="Never",
        spread=False,
    )
    template["metadata"]["labels"][export_jobs.EXPORT_LABEL] = export.uid
    spec = template["spec"]
    (sidecar,) = spec["containers"]
    spec["initContainers"] = [_sidecar(sidecar, export.spec.active_deadline_seconds)]
    spec["containers"] = [_agent(rendering, export)]
    spec["volumes"].append({"name": "agent-tmp", "emptyDir": {"sizeLimit": TMP_LIMIT}})
    # Names cannot be resolved without egress. This way the agent is told at once.
    spec["dnsPolicy"] = "None"
    spec["dnsConfig"] = {"nameservers": ["127.0.0.1"]}
    return job(
        rendering,
        Component.RERUN,
        name=rerun_job_name(export, bundle["sha256"]),
        owner=_owner(export),
        template=template,
        backoff_limit=0,
        deadline_s=export.spec.active_deadline_seconds,
    )


def _sidecar(container: Manifest, deadline_s: int) -> Manifest:
    """An init container that keeps running: the agent starts when its probe succeeds."""
    return {
        **container,
        "name": SIDECAR,
        "restartPolicy": "Always",
        "startupProbe": {
            "tcpSocket": {"port": names.RERUN_READY_PORT},
            "periodSeconds": 1,
            "timeoutSeconds": 2,
            # The bundle may take as long as the Job; the Job ends it then.
            "failureThreshold": deadline_s,
        },
    }


def _agent(rendering: Rendering, export: Export) -> Manifest:
    asked = export.spec.dry_replay
    container: Manifest = {
        "name": AGENT,
        "image": asked.image,
        "env": [
            value("LOGNAME", "agent"),
            value("HOME", "/tmp"),  # noqa: S108 - the container's own, an emptyDir
            value("TRACEFOUNDRY_REPLAY", f"unix:{SOCKET}"),
        ],
        "resources": export_jobs.container_resources(rendering),
        "securityContext": restricted_security(),
        # Its output may have content of traces, which has no place in the status of a pod.
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"name": "agent-tmp", "mountPath": "/tmp"},  # noqa: S108 - as above
            # A socket can be connected to on a read-only mount, and not be replaced.
            {"name": "replay", "mountPath": SOCKET_FOLDER, "readOnly": True},
        ],
    }
    if asked.command:
        container["command"] = list(asked.command)
    return container


def _owner(export: Export) -> Owner:
    return Owner(kind=KIND, name=export.name, uid=export.uid)
