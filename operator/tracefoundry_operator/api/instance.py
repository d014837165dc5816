"""``TraceFoundry``: one tracing platform. Meanings and units stand in the schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from tracefoundry_operator.api.references import (
    Autoscaling,
    Image,
    KeysSecretRef,
    NameRef,
    Pods,
    Resource,
    Tls,
    TokenSecretRef,
    UrlSecretRef,
)

PLURAL = "tracefoundries"
KIND = "TraceFoundry"

RedactionMode = Literal["strict", "standard", "off"]


class InvalidSpec(ValueError):
    """A resource that does not fit its schema: the definition in the cluster is another one."""


class Database(Resource, frozen=True, kw_only=True):
    """Where spans are stored."""

    secret_ref: UrlSecretRef
    tls: Tls = Tls()


class ObjectStore(Resource, frozen=True, kw_only=True):
    """Where payloads and bundles are stored."""

    bucket: str
    secret_ref: NameRef
    prefix: str = ""
    endpoint: str | None = None
    region: str = "us-east-1"
    tls: Tls = Tls()


class Encryption(Resource, frozen=True, kw_only=True):
    """Keys for payloads."""

    secret_ref: KeysSecretRef


class Storage(Resource, frozen=True, kw_only=True):
    """The volume of a collector's queue."""

    size: str = "10Gi"
    class_name: str | None = None


class AttributeFilter(Resource, frozen=True, kw_only=True):
    """Keys that the collector removes, and the only ones that it keeps (empty: all)."""

    drop: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()


class TailSampling(Resource, frozen=True, kw_only=True):
    """Which traces the collector keeps."""

    decision_wait_seconds: int = 10
    max_traces: int = 50_000
    errors: bool = True
    latency_milliseconds: int = 0
    operations: tuple[str, ...] = ()
    percentage: int = 10


class Collector(Pods, frozen=True, kw_only=True):
    """What takes OTLP and queues it."""

    replicas: int = 1
    storage: Storage = Storage()
    attributes: AttributeFilter = AttributeFilter()
    tail_sampling: TailSampling | None = None
    k8s_attributes: bool = msgspec.field(default=False, name="k8sAttributes")
    image: Image = Image()


class Scalable(Pods, frozen=True, kw_only=True):
    """Ingest and query."""

    replicas: int = 2
    autoscaling: Autoscaling | None = None


class Ingress(Resource, frozen=True, kw_only=True):
    """How the page is reached from outside."""

    host: str
    class_name: str | None = None
    tls_secret_name: str | None = None
    annotations: dict[str, str] = msgspec.field(default_factory=dict)


class Ui(Pods, frozen=True, kw_only=True):
    """What serves the page."""

    replicas: int = 1
    ingress: Ingress | None = None


class Retention(Pods, frozen=True, kw_only=True):
    """What deletes what is too old; ages are like ``7d``."""

    schedule: str = "17 * * * *"
    spans: str = "7d"
    payloads: str = "3d"


class Redaction(Resource, frozen=True, kw_only=True):
    """What is removed before it is stored."""

    mode: RedactionMode = "standard"
    patterns_config_map_ref: NameRef | None = None


class Destination(Resource, frozen=True, kw_only=True):
    """A place that bundles may be written to."""

    bucket: str
    prefix: str = ""


class Exports(Resource, frozen=True, kw_only=True):
    """What a TraceExport may ask for."""

    weakest_redaction: RedactionMode = "strict"
    payloads: bool = False
    destinations: tuple[Destination, ...] = ()
    rerun_images: tuple[str, ...] = ()


class Auth(Resource, frozen=True, kw_only=True):
    """Tokens that the migration Job registers."""

    admin_token_secret_ref: TokenSecretRef
    ingest_token_secret_ref: TokenSecretRef


class NetworkPolicy(Resource, frozen=True, kw_only=True):
    """Who may reach the pods; namespaces besides the own one, ``*`` for all."""

    enabled: bool = True
    otlp_from_namespaces: tuple[str, ...] = ()
    api_from_namespaces: tuple[str, ...] = ()
    metrics_from_namespaces: tuple[str, ...] = ()


class Monitoring(Resource, frozen=True, kw_only=True):
    """Resources of the Prometheus operator."""

    service_monitor: bool = False
    prometheus_rule: bool = False


class TraceFoundrySpec(Resource, frozen=True, kw_only=True):
    """``spec`` of a TraceFoundry."""

    database: Database
    object_store: ObjectStore
    auth: Auth
    version: str | None = None
    image: Image = Image()
    image_pull_secrets: tuple[NameRef, ...] = ()
    encryption: Encryption | None = None
    collector: Collector = Collector()
    ingest: Scalable = Scalable()
    query: Scalable = Scalable()
    ui: Ui = Ui()
    retention: Retention = Retention()
    migration: Pods = Pods()
    redaction: Redaction = Redaction()
    exports: Exports = Exports()
    network_policy: NetworkPolicy = NetworkPolicy()
    monitoring: Monitoring = Monitoring()
    management_state: Literal["Managed", "Unmanaged"] = "Managed"
    suspend: bool = False


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """A TraceFoundry as the operator works with it."""

    name: str
    namespace: str
    uid: str
    generation: int
    spec: TraceFoundrySpec


def read_instance(body: Mapping[str, Any]) -> Instance:
    """The instance in a resource from the API server.

    Raises:
        InvalidSpec: the resource does not fit; the message names the field.
    """
    metadata = body["metadata"]
    try:
        spec = msgspec.convert(body.get("spec") or {}, TraceFoundrySpec)
    except msgspec.ValidationError as error:
        raise InvalidSpec(f"TraceFoundry {metadata['name']!r}: {error}") from error
    return Instance(
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 1),
        spec=spec,
    )
