"""The Jobs of a TraceExport: one writes the bundle, the other checks it.

A Job's name has a hash of what its result depends on: the resource, whose spec cannot be changed,
and for the check the bundle. Neither the image nor the fields of the spec are part of it, because a
finished export must not run again after an upgrade that brings another image or another field.

The pods get what they need and no more: the check has neither the database nor the encryption keys.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from tracefoundry_operator import names
from tracefoundry_operator.api.export import KIND, Export
from tracefoundry_operator.api.instance import TraceFoundrySpec
from tracefoundry_operator.manifests import environment, export_bounds
from tracefoundry_operator.manifests.jobs import input_hash, job
from tracefoundry_operator.manifests.pods import (
    Container,
    Environment,
    Mount,
    pod_template,
    secret_volume,
    value,
)
from tracefoundry_operator.manifests.quantities import amount, resources
from tracefoundry_operator.manifests.rendering import Manifest, Owner, Rendering
from tracefoundry_operator.names import Component

EXPORT_LABEL = "tracefoundry.dev/export"
"""Label of the pods: the uid of their TraceExport."""

SCRATCH_FOLDER = "/scratch"
SIGNING_KEY_FILE = "key.pem"
SIGNING_FOLDER = f"{environment.FOLDER}/signing"

OWN_BUCKET_FOLDER = "exports"
"""Bundles in the instance's bucket are under this prefix, whatever the prefix of its payloads."""

PERMANENT = 2
"""Exit status of the commands when another attempt would fail too."""

_FAILURE_POLICY: Manifest = {
    "rules": [
        {
            "action": "FailJob",
            "onExitCodes": {"operator": "In", "values": [PERMANENT]},
        },
        # A drained node is not the export's fault.
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]
}

DEFAULT_RANGE = dt.timedelta(hours=24)
"""A query without a start selects this much time before the export was made."""


def export_job_name(export: Export) -> str:
    """The name of the Job that writes the bundle."""
    return names.export_job_name(export.name, Component.EXPORT, input_hash({"uid": export.uid}))


def replay_job_name(export: Export, sha256: str) -> str:
    """The name of the Job that checks the bundle with this hash."""
    inputs = {"uid": export.uid, "sha256": sha256, "mode": export.spec.dry_replay.mode}
    return names.export_job_name(export.name, Component.REPLAY, input_hash(inputs))


def destination(export: Export, spec: TraceFoundrySpec) -> dict[str, str]:
    """Bucket and key of the bundle.

    The key ends in the Job's hash, so that exports of the same name in several namespaces, or one
    after the other, do not overwrite each other's bundles.
    """
    wanted = export.spec.destination
    digest = export_job_name(export).rpartition("-")[2]
    parts = [wanted.prefix or export.name, f"{export.name}-{digest}.zip"]
    if wanted.bucket is None:
        parts = [OWN_BUCKET_FOLDER, *parts]
    return {"bucket": wanted.bucket or spec.object_store.bucket, "key": "/".join(parts)}


def document(export: Export, spec: TraceFoundrySpec) -> dict[str, Any]:
    """What ``tracefoundry export-job`` reads."""
    asked = export.spec
    selection: dict[str, Any]
    if asked.query is None:
        selection = {"trace_ids": list(asked.trace_ids or ())}
    else:
        # Fixed times: a second attempt selects the same.
        made = dt.datetime.fromisoformat(export.created_at)
        selection = {
            "query": {
                "service": asked.query.service,
                "status": asked.query.status,
                "start": asked.query.start or (made - DEFAULT_RANGE).isoformat(),
                "end": asked.query.end or made.isoformat(),
                "limit": asked.query.limit,
            }
        }
    return {
        "name": f"{export.namespace}/{export.name}",
        "project": asked.project,
        **selection,
        "payloads": asked.payloads == "Include",
        "redaction": asked.redaction,
        "destination": destination(export, spec),
        "own_bucket": asked.destination.bucket is None,
        "object_ttl": asked.object_ttl,
    }


def export_job(rendering: Rendering, export: Export) -> Manifest:
    """The Job that writes the bundle."""
    spec = rendering.instance.spec
    signing = spec.exports.signing_key_secret_ref
    mounts = environment.mounts(spec)
    variables = [
        *environment.variables(spec, Component.EXPORT),
        value("TRACEFOUNDRY_EXPORT_JOB", compact_json(document(export, spec))),
        {
            "name": "TRACEFOUNDRY_EXPORT_BOUNDS",
            "valueFrom": {
                "configMapKeyRef": {
                    "name": rendering.child(Component.EXPORT),
                    "key": export_bounds.KEY,
                }
            },
        },
    ]
    if signing is not None:
        source = secret_volume(signing.name, signing.key, SIGNING_KEY_FILE)
        mounts.append(Mount(name="signing", path=SIGNING_FOLDER, source=source))
        file = f"{SIGNING_FOLDER}/{SIGNING_KEY_FILE}"
        variables.append(value("TRACEFOUNDRY_EXPORT_SIGNING_KEY", file))
    return _job(
        rendering,
        export,
        Component.EXPORT,
        name=export_job_name(export),
        command="export-job",
        variables=variables,
        mounts=mounts,
    )


def replay_job(
    rendering: Rendering,
    export: Export,
    bundle: Mapping[str, Any],
    *,
    rerun_address: str | None = None,
) -> Manifest:
    """The Job that checks the bundle.

    Args:
        rendering: the instance.
        export: the resource.
        bundle: ``status.bundle``.
        rerun_address: IP address of the pod that it hands the bundle to, for mode Rerun. It is not
            part of the Job's name: the bundle is checked once.
    """
    spec = rendering.instance.spec
    checked: dict[str, Any] = {
        "uri": bundle["uri"],
        "sha256": bundle["sha256"],
        "mode": export.spec.dry_replay.mode,
    }
    if rerun_address is not None:
        checked["rerun"] = {"host": rerun_address, "port": names.RERUN_PORT}
    return _job(
        rendering,
        export,
        Component.REPLAY,
        name=replay_job_name(export, bundle["sha256"]),
        command="replay-job",
        variables=[
            *environment.object_store_environment(spec),
            value("TRACEFOUNDRY_REPLAY_JOB", compact_json(checked)),
        ],
        mounts=environment.object_store_mounts(spec),
    )


def container(
    rendering: Rendering, command: str, variables: Environment, mounts: list[Mount]
) -> Container:
    """A container of ours with scratch space for a bundle."""
    size = rendering.instance.spec.exports.scratch_size
    scratch = Mount(
        name="scratch",
        path=SCRATCH_FOLDER,
        source={"emptyDir": {"sizeLimit": size}},
        writable=True,
    )
    return Container(
        image=rendering.services,
        command=["tracefoundry", command],
        environment=[
            *variables,
            value("TRACEFOUNDRY_SCRATCH", SCRATCH_FOLDER),
            value("TRACEFOUNDRY_SCRATCH_BYTES", str(int(amount(size)))),
        ],
        resources=container_resources(rendering),
        mounts=[*mounts, scratch],
    )


def container_resources(rendering: Rendering) -> dict[str, dict[str, str]]:
    """CPU and memory of each container."""
    return resources(
        rendering.instance.spec.exports.resources,
        requests={"cpu": "100m", "memory": "256Mi"},
        limits={"cpu": "1", "memory": "1Gi"},
    )


def _job(
    rendering: Rendering,
    export: Export,
    component: Component,
    *,
    name: str,
    command: str,
    variables: Environment,
    mounts: list[Mount],
) -> Manifest:
    template = pod_template(
        rendering,
        component,
        container(rendering, command, variables, mounts),
        settings=rendering.instance.spec.exports,
        restart_policy="Never",
        spread=False,
    )
    template["metadata"]["labels"][EXPORT_LABEL] = export.uid
    # No time to live: the operator sets it when the result is in the status (expirations).
    return job(
        rendering,
        component,
        name=name,
        owner=Owner(kind=KIND, name=export.name, uid=export.uid),
        template=template,
        backoff_limit=export.spec.backoff_limit,
        deadline_s=export.spec.active_deadline_seconds,
        failure_policy=_FAILURE_POLICY,
    )


def compact_json(found: Mapping[str, Any]) -> str:
    """A document for the environment of a container."""
    return json.dumps(found, sort_keys=True, separators=(",", ":"))
