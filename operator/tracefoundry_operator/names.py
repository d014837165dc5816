"""Names, labels and addresses of the children of a TraceFoundry instance.

Every pass must use the same names, or it would create a second set of objects; so names are pure
functions of the instance's name. Kubernetes limits their length in several ways, and a name that
is too long fails late (a CronJob that never starts a Job, a StatefulSet without pods). All limits
are enforced here, before anything is applied.

The name of a custom resource is a DNS subdomain (up to 253 characters, with dots). The name of a
Service is a DNS label that begins with a letter (RFC 1035). An instance name that is too long is
shortened in its children's names and gets a hash. An instance name with a wrong form is refused: a
changed name would be hard to find.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

APPLICATION = "tracefoundry"
"""Value of ``app.kubernetes.io/name`` and ``part-of`` on every child."""

MANAGER = "tracefoundry-operator"
"""Value of ``app.kubernetes.io/managed-by`` on every child."""

INSTANCE_LABEL = "app.kubernetes.io/instance"
COMPONENT_LABEL = "app.kubernetes.io/component"

LABEL_LIMIT = 63
"""Maximum characters of a DNS label (RFC 1035) and of a Kubernetes label value."""

CONTROLLED_LIMIT = 52
"""Maximum characters of a CronJob's name (its controller appends up to 11) and of a StatefulSet's
(its pods have ``<name>-<hash>`` in the label ``controller-revision-hash``)."""

OTLP_GRPC_PORT = 4317
OTLP_HTTP_PORT = 4318
HTTP_PORT = 8080
RERUN_PORT = 8090
"""The pod of a re-run takes its bundle here."""
RERUN_READY_PORT = 8091
"""It takes connections here when the agent may start."""

_HASH_LENGTH = 10
_SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_HEX = re.compile(r"[0-9a-f]+")


class InvalidName(ValueError):
    """Kubernetes would refuse this name or label value; the message says what to change."""


class Component(StrEnum):
    """The workloads of an instance; the values are part of names and labels."""

    COLLECTOR = "collector"
    INGEST = "ingest"
    QUERY = "query"
    UI = "ui"
    RETENTION = "retention"
    MIGRATE = "migrate"
    EXPORT = "export"
    REPLAY = "replay"
    RERUN = "rerun"


OF_EXPORTS = frozenset({Component.EXPORT, Component.REPLAY, Component.RERUN})
"""Components whose Jobs belong to TraceExports."""

_LIMITS = {Component.COLLECTOR: CONTROLLED_LIMIT, Component.RETENTION: CONTROLLED_LIMIT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Addresses of an instance inside the cluster, as published in its status."""

    otlp_grpc: str
    otlp_http: str
    ingest: str
    query: str
    ui: str


def child_name(instance: str, component: Component) -> str:
    """The name of a component's objects: ``<instance>-<component>``.

    A name over the limit of its kind becomes ``<start of the instance>-<hash>-<component>``.
    Jobs are named by :func:`job_name`.

    Raises:
        InvalidName: the instance's name cannot be the start of a Service's name.
    """
    _check_instance(instance)
    return _fit(instance, f"-{component}", _LIMITS.get(component, LABEL_LIMIT))


def job_name(instance: str, component: Component, input_hash: str) -> str:
    """The name of the Job with these inputs: ``<instance>-<component>-<hash>``.

    The same inputs give the same name, so a second pass creates no second Job.

    Args:
        instance: name of the TraceFoundry resource.
        component: what the Job does.
        input_hash: lower-case hex digest of everything that the Job's result depends on; its
            first 10 digits are used.

    Raises:
        InvalidName: the instance's name is not usable, or the hash is not hex or too short.
    """
    _check_instance(instance)
    if len(input_hash) < _HASH_LENGTH or not _HEX.fullmatch(input_hash):
        raise InvalidName(
            f"input hash {input_hash!r} is not at least {_HASH_LENGTH} lower-case hex digits"
        )
    return _fit(instance, f"-{component}-{input_hash[:_HASH_LENGTH]}", LABEL_LIMIT)


def export_job_name(export: str, component: Component, input_hash: str) -> str:
    """The name of a Job of a TraceExport: ``<export>-<component>-<hash>``.

    The name of a TraceExport may have dots and up to 253 characters, that of a Job is a label. A
    name that cannot be used as it is gets a hash: ``a.b`` and ``a-b`` have different Jobs.

    Args:
        export: name of the TraceExport resource.
        component: what the Job does.
        input_hash: as for :func:`job_name`.
    """
    suffix = f"-{component}-{input_hash[:_HASH_LENGTH]}"
    if "." not in export:
        return _fit(export, suffix, LABEL_LIMIT)
    digest = hashlib.sha256(export.encode("ascii")).hexdigest()[:_HASH_LENGTH]
    return _fit(f"{export.replace('.', '-')}-{digest}", suffix, LABEL_LIMIT)


def instance_label(instance: str) -> str:
    """The value of :data:`INSTANCE_LABEL` on an instance's objects and pods.

    Raises:
        InvalidName: as for :func:`child_name`.
    """
    _check_instance(instance)
    return _fit(instance, "", LABEL_LIMIT)


def selector_labels(instance: str, component: Component) -> dict[str, str]:
    """The labels that select a component's pods.

    Selectors of Deployments and StatefulSets are immutable, so these labels must not depend on
    anything that an upgrade changes.

    Raises:
        InvalidName: as for :func:`child_name`.
    """
    return {
        "app.kubernetes.io/name": APPLICATION,
        INSTANCE_LABEL: instance_label(instance),
        COMPONENT_LABEL: component.value,
    }


def labels(instance: str, component: Component, version: str) -> dict[str, str]:
    """All labels of a component's objects (Kubernetes' recommended labels).

    Raises:
        InvalidName: as for :func:`child_name`, or the version is not a valid label value.
    """
    if len(version) > LABEL_LIMIT or not _LABEL_VALUE.fullmatch(version):
        raise InvalidName(
            f"version {version!r} is not usable as a label: at most {LABEL_LIMIT} letters, "
            "digits, '-', '_' and '.', with a letter or digit at both ends"
        )
    return {
        **selector_labels(instance, component),
        "app.kubernetes.io/version": version,
        "app.kubernetes.io/part-of": APPLICATION,
        "app.kubernetes.io/managed-by": MANAGER,
    }


def endpoints(instance: str, namespace: str) -> Endpoints:
    """The addresses of an instance's Services, valid in every namespace of the cluster.

    ``otlp_grpc`` has the scheme ``http``: OpenTelemetry exporters take it as gRPC without TLS
    (``OTEL_EXPORTER_OTLP_ENDPOINT``).

    Raises:
        InvalidName: as for :func:`child_name`, or the namespace is not a DNS label.
    """
    if len(namespace) > LABEL_LIMIT or not _NAMESPACE.fullmatch(namespace):
        raise InvalidName(f"namespace {namespace!r} is not a DNS label (RFC 1123)")

    def url(component: Component, port: int) -> str:
        return f"http://{child_name(instance, component)}.{namespace}.svc:{port}"

    return Endpoints(
        otlp_grpc=url(Component.COLLECTOR, OTLP_GRPC_PORT),
        otlp_http=url(Component.COLLECTOR, OTLP_HTTP_PORT),
        ingest=url(Component.INGEST, OTLP_HTTP_PORT),
        query=url(Component.QUERY, HTTP_PORT),
        ui=url(Component.UI, HTTP_PORT),
    )


def _check_instance(instance: str) -> None:
    if not _SERVICE_NAME.fullmatch(instance):
        raise InvalidName(
            f"TraceFoundry name {instance!r} cannot name a Service: use lower-case letters, "
            "digits and '-', beginning with a letter and not ending with '-'"
        )


def _fit(instance: str, suffix: str, limit: int) -> str:
    """``instance + suffix``, shortened with a hash of the whole instance name where too long."""
    whole = instance + suffix
    if len(whole) <= limit:
        return whole
    digest = hashlib.sha256(instance.encode("ascii")).hexdigest()[:_HASH_LENGTH]
    kept = instance[: limit - len(suffix) - len(digest) - 1].rstrip("-")
    return f"{kept}-{digest}{suffix}"
