"""What every renderer gets, and the metadata that every object carries.

Children belong to their instance by an owner reference, so deleting the instance deletes them
without a finalizer of ours; and they carry the labels by which the operator watches them.
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
"""Prefix of annotations that the operator sets; users' annotations with it are left out."""

TEMPLATE_CHECKSUM = f"{OWN_ANNOTATIONS}template-checksum"
"""Annotation of a migration Job: checksum of the pod template that it was made with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerImage:
    """A whole image reference, and when it is pulled."""

    reference: str
    pull_policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """One instance with all that its objects depend on.

    Attributes:
        instance: the resource.
        version: value of the version label; a valid label value.
        services: image of everything but the collector.
        collector: image of the collector.
        secret_versions: resourceVersion of each Secret that exists, by name. Contents are never
            read: a changed version rolls the pods that use the Secret.
        config_map_versions: the same for ConfigMaps of the user.
        operator_namespace: where the operator runs; its pods may ask ingest whether it is ready.
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
        **content: Any,
    ) -> Manifest:
        """An object of this instance, named like its component unless ``name`` is given."""
        metadata: Manifest = {
            "name": name or self.child(component),
            "namespace": self.instance.namespace,
            "labels": self.labels(component),
            "ownerReferences": [
                {
                    "apiVersion": API_VERSION,
                    "kind": KIND,
                    "name": self.instance.name,
                    "uid": self.instance.uid,
                    "controller": True,
                }
            ],
        }
        if annotations:
            metadata["annotations"] = dict(annotations)
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


def checksum(value: object) -> str:
    """A short digest of JSON-like data, the same for equal data."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]


def versions_of(used: Iterable[str], versions: Mapping[str, str]) -> dict[str, str]:
    """The versions of what is used; what does not exist yet has the version ``absent``."""
    return {name: versions.get(name, "absent") for name in sorted(set(used))}
