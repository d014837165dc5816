"""Parts of specs: references to Secrets and ConfigMaps, and the pod settings of every component.

There is no complete pod template: it would make the resource definition too large to apply, and tie
the operator to one version of Kubernetes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import msgspec


class InvalidSpec(ValueError):
    """A resource does not match its schema: the cluster has another version of the definition."""


class Resource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of all parts: fields are camelCase in the resource, unknown fields are ignored."""


_Spec = TypeVar("_Spec", bound=Resource)


def read_spec(kind: str, body: Mapping[str, Any], spec: type[_Spec]) -> _Spec:
    """The spec of a resource from the API server.

    Raises:
        InvalidSpec: the resource does not match; the message names the field.
    """
    try:
        return msgspec.convert(body.get("spec") or {}, spec)
    except msgspec.ValidationError as error:
        raise InvalidSpec(f"{kind} {body['metadata']['name']!r}: {error}") from error


class NameRef(Resource, frozen=True, kw_only=True):
    """An object of the same namespace."""

    name: str


class UrlSecretRef(NameRef, frozen=True, kw_only=True):
    """A Secret with the URL of a database."""

    key: str = "url"


class CaSecretRef(NameRef, frozen=True, kw_only=True):
    """A Secret with CA certificates in PEM form."""

    key: str = "ca.crt"


class KeysSecretRef(NameRef, frozen=True, kw_only=True):
    """A Secret with encryption keys, ``id:base64,...``."""

    key: str = "keys"


class TokenSecretRef(NameRef, frozen=True, kw_only=True):
    """A Secret with an access token."""

    key: str = "token"


class SigningKeySecretRef(NameRef, frozen=True, kw_only=True):
    """A Secret with a private key in PEM form."""

    key: str = "key.pem"


class Tls(Resource, frozen=True, kw_only=True):
    """How a server's certificate is verified.

    Without a CA: for an object store with the public CAs, for a database as its URL says.
    """

    ca_secret_ref: CaSecretRef | None = None


class Image(Resource, frozen=True, kw_only=True):
    """An image; the defaults of its parts come from the operator's settings."""

    repository: str | None = None
    tag: str | None = None
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"


class Resources(Resource, frozen=True, kw_only=True):
    """CPU and memory; each given name replaces the component's default."""

    requests: dict[str, str | int] | None = None
    limits: dict[str, str | int] | None = None


class Toleration(Resource, frozen=True, kw_only=True, omit_defaults=True):
    """A taint that pods tolerate."""

    key: str | None = None
    operator: Literal["Exists", "Equal"] | None = None
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = None


class Pods(Resource, frozen=True, kw_only=True):
    """The pod settings of every component."""

    resources: Resources = Resources()
    node_selector: dict[str, str] = msgspec.field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    annotations: dict[str, str] = msgspec.field(default_factory=dict)


class Autoscaling(Resource, frozen=True, kw_only=True):
    """Bounds of a HorizontalPodAutoscaler; the target is in percent of the requested CPU."""

    min_replicas: int = 2
    max_replicas: int = 10
    target_cpu_utilization: int = msgspec.field(default=70, name="targetCPUUtilization")
