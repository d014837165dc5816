"""``TraceFoundry``: one tracing platform. Its schema in ``crds/`` describes fields and units."""

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
    SigningKeySecretRef,
    Tls,
    TokenSecretRef,
    UrlSecretRef,
    read_spec,
)

PLURAL = "tracefoundries"
KIND = "TraceFoundry"

RedactionMode = Literal["strict", "standard", "off"]


class DatabaseRole(Resource, frozen=True, kw_only=True):
    """A role of the database for one component, and the Secret with its URL."""

    name: str
    secret_ref: UrlSecretRef


class DatabaseRoles(Resource, frozen=True, kw_only=True):
    """Components with a role of their own; the others use that of the migration."""

    ingest: DatabaseRole | None = None
    query: DatabaseRole | None = None
    retention: DatabaseRole | None = None


class Database(Resource, frozen=True, kw_only=True):
    """Where spans are stored."""

    secret_ref: UrlSecretRef
    roles: DatabaseRoles = DatabaseRoles()
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
    """Attribute keys that the collector removes, and the only keys that it keeps (empty: all)."""

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


class CollectorAuth(Resource, frozen=True, kw_only=True):
    """The token that the collector asks its senders for."""

    token_secret_ref: TokenSecretRef


class Collector(Pods, frozen=True, kw_only=True):
    """The collector, which receives OTLP and queues it."""

    replicas: int = 1
    storage: Storage = Storage()
    auth: CollectorAuth | None = None
    attributes: AttributeFilter = AttributeFilter()
    tail_sampling: TailSampling | None = None
    k8s_attributes: bool = msgspec.field(default=False, name="k8sAttributes")
    image: Image = Image()


class Scalable(Pods, frozen=True, kw_only=True):
    """Ingest and query."""

    replicas: int = 2
    autoscaling: Autoscaling | None = None


class Ingress(Resource, frozen=True, kw_only=True):
    """Access to the UI from outside the cluster."""

    host: str
    class_name: str | None = None
    tls_secret_name: str | None = None
    annotations: dict[str, str] = msgspec.field(default_factory=dict)


class Ui(Pods, frozen=True, kw_only=True):
    """The UI."""

    replicas: int = 1
    ingress: Ingress | None = None


class Retention(Pods, frozen=True, kw_only=True):
    """When data is deleted; ages are like ``7d``."""

    schedule: str = "17 * * * *"
    spans: str = "7d"
    payloads: str = "3d"
    spans_max: str | None = None
    payloads_max: str | None = None


class Redaction(Resource, frozen=True, kw_only=True):
    """What is removed from data before it is stored."""

    mode: RedactionMode = "standard"
    floor: RedactionMode | None = None
    patterns_config_map_ref: NameRef | None = None


class Quotas(Resource, frozen=True, kw_only=True):
    """Limits of projects without their own; None is no limit."""

    spans_per_second: int | None = None
    bytes_per_second: int | None = None
    spans_per_day: int | None = None
    content_bytes_per_day: int | None = None


class Destination(Resource, frozen=True, kw_only=True):
    """A bucket and prefix that bundles may be written to."""

    bucket: str
    prefix: str = ""


class Exports(Pods, frozen=True, kw_only=True):
    """The bounds of TraceExports, and the pods of their Jobs."""

    weakest_redaction: RedactionMode = "strict"
    payloads: bool = False
    destinations: tuple[Destination, ...] = ()
    rerun_images: tuple[str, ...] = ()
    signing_key_secret_ref: SigningKeySecretRef | None = None
    scratch_size: str = "10Gi"


class Auth(Resource, frozen=True, kw_only=True):
    """The tokens that the migration Job registers."""

    admin_token_secret_ref: TokenSecretRef
    ingest_token_secret_ref: TokenSecretRef


class NetworkDestination(Resource, frozen=True, kw_only=True):
    """A server outside the instance. Without networks and namespaces: at any address."""

    ports: tuple[int, ...] = ()
    cidrs: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()


class NetworkPolicy(Resource, frozen=True, kw_only=True):
    """Which other namespaces may connect to the pods (``*`` means all), and where the servers are
    that the pods connect to."""

    enabled: bool = True
    otlp_from_namespaces: tuple[str, ...] = ()
    api_from_namespaces: tuple[str, ...] = ()
    metrics_from_namespaces: tuple[str, ...] = ()
    database: NetworkDestination = NetworkDestination()
    object_store: NetworkDestination = NetworkDestination()


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
    quotas: Quotas = Quotas()
    exports: Exports = Exports()
    network_policy: NetworkPolicy = NetworkPolicy()
    monitoring: Monitoring = Monitoring()
    management_state: Literal["Managed", "Unmanaged"] = "Managed"
    suspend: bool = False


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """A TraceFoundry as a Python type."""

    name: str
    namespace: str
    uid: str
    generation: int
    spec: TraceFoundrySpec


def read_instance(body: Mapping[str, Any]) -> Instance:
    """The instance in a resource from the API server.

    Raises:
        InvalidSpec: the resource does not match its schema; the message names the field.
    """
    metadata = body["metadata"]
    return Instance(
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 1),
        spec=read_spec(KIND, body, TraceFoundrySpec),
    )
