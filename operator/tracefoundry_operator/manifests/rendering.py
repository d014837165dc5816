"""The input of every renderer, and the metadata of every object.

An owner reference makes each object a child of its instance: when the instance is deleted, the
garbage collector deletes it, so no finalizer is needed. The operator's watches select its labels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tracefoundry_operator import names
from tracefoundry_operator.api import API_VERSION
from tracefoundry_operator.api.instance import KIND, Instance
from tracefoundry_operator.names import Component

Manifest = dict[str, Any]

OWN_ANNOTATIONS = "tracefoundry.dev/"
"""Prefix of the operator's annotations; annotations of users with this prefix are ignored."""

TEMPLATE_CHECKSUM = f"{OWN_ANNOTATIONS}template-checksum"
"""Annotation of a Job: checksum of the pod template that it was created with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerImage:
    """An image reference with tag, and its pull policy."""

    reference: str
    pull_policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The custom resource that an object is deleted with."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """An instance with everything that its objects depend on.

    Attributes:
        instance: the resource.
        version: value of the version label.
        services: image of all components except the collector.
        collector: image of the collector.
        secret_versions: resourceVersion of each Secret that exists, by name. Values are never
            read: a changed version restarts the pods that use the Secret.
        config_map_versions: the same for ConfigMaps of the user.
        operator_namespace: namespace of the operator, whose pod may connect to ingest.
    """

    instance: Instance
    version: str
    services: ContainerImage
    collector: ContainerImage
    secret_versions: Mapping[str, str]
    config_map_versions: Mapping[str, str]
    operator_namespace: str

    @property
    def name(self) -> str:
        """Name of the instance."""
        return self.instance.name

    def child(self, component: Component) -> str:
        """Name of a component's objects."""
        return names.child_name(self.instance.name, component)

    def selector(self, component: Component) -> dict[str, str]:
        """Labels that select a component's pods."""
        return names.selector_labels(self.instance.name, component)

    def labels(self, component: Component) -> dict[str, str]:
        """All labels of a component's objects and pods."""
        return names.labels(self.instance.name, component, self.version)

    def object(
        self,
        api_version: str,
        kind: str,
        component: Component,
        *,
        name: str | None = None,
        annotations: Mapping[str, str] | None = None,
        owner: Owner | None = None,
        **content: Any,
    ) -> Manifest:
        """An object of this instance, or of another owner in its namespace; its default name is
        that of the component."""
        owner = owner or Owner(kind=KIND, name=self.instance.name, uid=self.instance.uid)
        metadata: Manifest = {
            "name": name or self.child(component),
            "namespace": self.instance.namespace,
            "labels": self.labels(component),
            "ownerReferences": [
                {
                    "apiVersion": API_VERSION,
                    "kind": owner.kind,
                    "name": owner.name,
                    "uid": owner.uid,
                    "controller": True,
                }
            ],
        }
        if annotations:
            metadata["annotations"] = dict(annotations)
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


def checksum(value: object) -> str:
    """A digest of JSON-like data, in 32 hex digits; equal data has the same digest."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]


def versions_of(used: Iterable[str], versions: Mapping[str, str]) -> dict[str, str]:
    """The versions of the used objects; ``absent`` for one that does not exist."""
    return {name: versions.get(name, "absent") for name in sorted(set(used))}
