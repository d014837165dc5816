"""What the children of a TraceFoundry instance are called, labelled and reached at.

Names must be the same on every pass of a level-triggered operator, or it would make a second set
of objects beside the first; so they are pure functions of the instance's name. Kubernetes bounds
them in several ways, and a name that is too long fails late (a CronJob that never starts a Job, a
StatefulSet without pods). All of these limits are kept here, before anything is applied.

A resource may be called anything a DNS subdomain allows (253 characters, dots). Services may not:
their names are DNS labels that begin with a letter (RFC 1035). Where the name of an instance is
only too long, its children carry a shortened form with a hash; where it has a wrong form, it is
refused, because a mapped name would surprise the person who looks for it.
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

LABEL_LIMIT = 63
"""Most characters of a DNS label (RFC 1035) and of a Kubernetes label value."""

CONTROLLED_LIMIT = 52
"""Most characters of a CronJob's name (its controller appends up to 11) and of a StatefulSet's
(its pods carry ``<name>-<hash>`` in the label ``controller-revision-hash``)."""

OTLP_GRPC_PORT = 4317
OTLP_HTTP_PORT = 4318
HTTP_PORT = 8080

_HASH_LENGTH = 10
_SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_HEX = re.compile(r"[0-9a-f]+")


class InvalidName(ValueError):
    """A name or label value that Kubernetes would refuse; the message says what to change."""


class Component(StrEnum):
    """The workloads of an instance. The value stands in names and labels."""

    COLLECTOR = "collector"
    INGEST = "ingest"
    QUERY = "query"
    UI = "ui"
    RETENTION = "retention"
    MIGRATE = "migrate"


_LIMITS = {Component.COLLECTOR: CONTROLLED_LIMIT, Component.RETENTION: CONTROLLED_LIMIT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Addresses of an instance inside the cluster, as its status publishes them."""

    otlp_grpc: str
    otlp_http: str
    ingest: str
    query: str
    ui: str


def child_name(instance: str, component: Component) -> str:
    """The name of a component's objects: ``<instance>-<component>``.

    A name over the limit of its kind is ``<start of the instance>-<hash>-<component>``.
    Migration Jobs are named by :func:`migration_job_name`; their other objects by this.

    Raises:
        InvalidName: the instance's name cannot begin the name of a Service.
    """
    _check_instance(instance)
    return _fit(instance, f"-{component}", _LIMITS.get(component, LABEL_LIMIT))


def migration_job_name(instance: str, input_hash: str) -> str:
    """The name of the migration Job for these inputs: ``<instance>-migrate-<hash>``.

    The same inputs give the same Job, so that a second pass makes no second one.

    Args:
        instance: name of the TraceFoundry resource.
        input_hash: lower-case hex digest of all that the Job depends on; its first 10 digits
            are used.

    Raises:
        InvalidName: the instance's name is not usable, or the hash is no hex or too short.
    """
    _check_instance(instance)
    if len(input_hash) < _HASH_LENGTH or not _HEX.fullmatch(input_hash):
        raise InvalidName(
            f"input hash {input_hash!r} is not at least {_HASH_LENGTH} lower-case hex digits"
        )
    suffix = f"-{Component.MIGRATE}-{input_hash[:_HASH_LENGTH]}"
    return _fit(instance, suffix, LABEL_LIMIT)


def selector_labels(instance: str, component: Component) -> dict[str, str]:
    """The labels that select a component's pods.

    Selectors of Deployments and StatefulSets are immutable, so nothing that an upgrade changes
    stands here.

    Raises:
        InvalidName: as for :func:`child_name`.
    """
    _check_instance(instance)
    return {
        "app.kubernetes.io/name": APPLICATION,
        "app.kubernetes.io/instance": _fit(instance, "", LABEL_LIMIT),
        "app.kubernetes.io/component": component.value,
    }


def labels(instance: str, component: Component, version: str) -> dict[str, str]:
    """All labels of a component's objects (Kubernetes' recommended labels).

    Raises:
        InvalidName: as for :func:`child_name`, or the version is no label value.
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
    """The addresses of an instance's Services, usable from every namespace of the cluster.

    ``otlp_grpc`` has the scheme ``http``, which is how OpenTelemetry exporters spell gRPC
    without TLS (``OTEL_EXPORTER_OTLP_ENDPOINT``).

    Raises:
        InvalidName: as for :func:`child_name`, or the namespace is no DNS label.
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
