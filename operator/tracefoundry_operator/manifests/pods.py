"""The pod template of all components.

It meets the ``restricted`` Pod Security Standard and more: a read-only root file system, no service
account token, probes, and checksums of Secrets and configuration whose change restarts the pods.

Every container has ``LOGNAME``: Python's ``getpass`` fails for a user id without an entry in
``/etc/passwd``, and the pods' user id is not one of the image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tracefoundry_operator.api.references import Pods
from tracefoundry_operator.manifests.rendering import (
    OWN_ANNOTATIONS,
    ContainerImage,
    Manifest,
    Rendering,
    checksum,
    versions_of,
)
from tracefoundry_operator.names import Component

USER_ID = 65532
"""User and group id of all processes, and group id of mounted Secrets and volumes."""

TMP_LIMIT = "256Mi"
"""Maximum size of /tmp; a pod that exceeds it is evicted."""

Environment = list[Manifest]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A volume and its mount path; read-only unless ``writable``."""

    name: str
    path: str
    source: Manifest
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """The container of a component's pod, as far as components differ."""

    image: ContainerImage
    environment: Environment
    resources: Mapping[str, Mapping[str, str]]
    command: Sequence[str] = ()
    """Replaces the image's entry point."""
    args: Sequence[str] = ()
    """Arguments of the image's entry point."""
    ports: Mapping[str, int] = field(default_factory=dict)
    mounts: Sequence[Mount] = ()
    probes: Mapping[str, Any] = field(default_factory=dict)
    drains: bool = False
    """It serves connections: on termination it waits until its Services no longer route to it."""


def value(name: str, text: str) -> Manifest:
    """An environment variable with a plain value."""
    return {"name": name, "value": text}


def secret_value(name: str, secret: str, key: str) -> Manifest:
    """An environment variable from a key of a Secret."""
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def secret_volume(secret: str, key: str, file: str) -> Manifest:
    """One key of a Secret as a file that only the container's user and group can read."""
    return {
        "secret": {
            "secretName": secret,
            "items": [{"key": key, "path": file}],
            "defaultMode": 0o440,
        }
    }


def _http_get(path: str, port: str, **timing: int) -> Manifest:
    """An HTTP probe; times are in seconds."""
    return {"httpGet": {"path": path, "port": port, "scheme": "HTTP"}, **timing}


def probes(
    port: str,
    *,
    liveness: str = "/healthz",
    readiness: str = "/readyz",
    readiness_timeout_s: int = 5,
    startup_attempts: int = 60,
) -> dict[str, Manifest]:
    """The probes of a container that serves requests.

    Readiness checks the database and the bucket, so its timeout is long. Liveness does not, because
    an outage of the database would restart all pods.

    Args:
        port: name of the port.
        liveness: path of the startup and liveness probes.
        readiness: path of the readiness probe.
        readiness_timeout_s: seconds.
        startup_attempts: every 2 s, before the container is restarted.
    """
    return {
        "startupProbe": _http_get(
            liveness, port, periodSeconds=2, failureThreshold=startup_attempts, timeoutSeconds=2
        ),
        "readinessProbe": _http_get(
            readiness, port, periodSeconds=5, failureThreshold=2, timeoutSeconds=readiness_timeout_s
        ),
        "livenessProbe": _http_get(
            liveness, port, periodSeconds=10, failureThreshold=6, timeoutSeconds=5
        ),
    }


def pod_template(
    rendering: Rendering,
    component: Component,
    container: Container,
    *,
    settings: Pods,
    secrets: Sequence[str] = (),
    config: object = None,
    restart_policy: str = "Always",
    grace_seconds: int = 60,
    token: bool = False,
    spread: bool = True,
) -> Manifest:
    """A component's pod template.

    Args:
        rendering: the instance.
        component: of the pods.
        container: of the pods.
        settings: of the user for these pods.
        secrets: names of Secrets whose change restarts the pods.
        config: configuration whose change restarts the pods.
        restart_policy: of the pod.
        grace_seconds: time between SIGTERM and SIGKILL.
        token: mount the service account's token.
        spread: prefer to place the pods on different nodes.
    """
    annotations = {
        key: text
        for key, text in settings.annotations.items()
        if not key.startswith(OWN_ANNOTATIONS)
    }
    if secrets:
        used = versions_of(secrets, rendering.secret_versions)
        annotations[f"{OWN_ANNOTATIONS}secrets-checksum"] = checksum(used)
    if config is not None:
        annotations[f"{OWN_ANNOTATIONS}config-checksum"] = checksum(config)
    tmp = Mount(
        name="tmp",
        path="/tmp",  # noqa: S108 - the container's own, an emptyDir
        source={"emptyDir": {"sizeLimit": TMP_LIMIT}},
        writable=True,
    )
    mounts = [tmp, *container.mounts]
    spec: Manifest = {
        "serviceAccountName": rendering.child(component),
        "automountServiceAccountToken": token,
        "enableServiceLinks": False,
        "restartPolicy": restart_policy,
        "terminationGracePeriodSeconds": grace_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(component, container, mounts)],
        "volumes": [{"name": mount.name, **mount.source} for mount in mounts if mount.source],
    }
    pull = [{"name": each.name} for each in rendering.instance.spec.image_pull_secrets]
    if pull:
        spec["imagePullSecrets"] = pull
    if settings.node_selector:
        spec["nodeSelector"] = dict(settings.node_selector)
    if settings.tolerations:
        spec["tolerations"] = [msgspec.to_builtins(each) for each in settings.tolerations]
    if spread:
        spec["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": rendering.selector(component)},
            }
        ]
    metadata: Manifest = {"labels": rendering.labels(component)}
    if annotations:
        metadata["annotations"] = annotations
    return {"metadata": metadata, "spec": spec}


def restricted_security() -> Manifest:
    """The security context of a container that the Pod Security Standard "restricted" admits."""
    return {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _container(component: Component, container: Container, mounts: Sequence[Mount]) -> Manifest:
    rendered: Manifest = {
        "name": component.value,
        "image": container.image.reference,
        "imagePullPolicy": container.image.pull_policy,
        "env": [
            value("LOGNAME", "tracefoundry"),
            value("HOME", "/tmp"),  # noqa: S108 - as above
            *container.environment,
        ],
        "resources": {kind: dict(each) for kind, each in container.resources.items()},
        "securityContext": {**restricted_security(), "readOnlyRootFilesystem": True},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": mount.name, "mountPath": mount.path}
            if mount.writable
            else {"name": mount.name, "mountPath": mount.path, "readOnly": True}
            for mount in mounts
        ],
        **container.probes,
    }
    if container.command:
        rendered["command"] = list(container.command)
    if container.args:
        rendered["args"] = list(container.args)
    if container.ports:
        rendered["ports"] = [
            {"name": name, "containerPort": port, "protocol": "TCP"}
            for name, port in container.ports.items()
        ]
    if container.drains:
        # Endpoints are removed while the pod is already terminating. Without this delay, new
        # connections would meet a closed port.
        rendered["lifecycle"] = {"preStop": {"sleep": {"seconds": 3}}}
    return rendered
