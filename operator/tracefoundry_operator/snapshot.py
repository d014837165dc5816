"""Snapshots: what is known about one resource at the start of a pass, and immutable from then on.

Planning and status are pure functions of a snapshot. Watches go on changing the state while a pass
waits for the API server; without a copy, the plan and the status of one pass could be made from
different facts.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tracefoundry_operator.actions import Outcome
from tracefoundry_operator.api.export import Export
from tracefoundry_operator.api.instance import Instance
from tracefoundry_operator.conditions import Checks
from tracefoundry_operator.kinds import ObjectKey
from tracefoundry_operator.pod_records import Pod
from tracefoundry_operator.records import (
    Child,
    ConfigMap,
    Secret,
)


class Applied(NamedTuple):
    """The last server-side apply of an object by this process."""

    digest: str
    """Of the rendered object."""
    resource_version: str
    """Of the object in the API server's answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A TraceFoundry and everything that is known about it.

    Attributes:
        instance: the resource.
        status: the status that the resource has.
        children: objects whose controller is the instance.
        pods: pods of the instance, without those of exports.
        secrets: by name, the Secrets that the spec refers to and that exist.
        config_maps: the same for ConfigMaps.
        applied: the last apply of each child by this process.
        checks: the last answers of ingest pods; None when this process has not asked them yet.
        now: the time of the pass.
    """

    instance: Instance
    status: Mapping[str, Any] = field(default_factory=dict)
    children: Mapping[ObjectKey, Child]
    pods: tuple[Pod, ...]
    secrets: Mapping[str, Secret]
    config_maps: Mapping[str, ConfigMap]
    applied: Mapping[ObjectKey, Applied] = field(default_factory=dict)
    checks: Checks | None = None
    now: dt.datetime

    def after(self, outcome: Outcome) -> Snapshot:
        """The same, with the children as the API server returned them during execution."""
        return dataclasses.replace(self, children={**self.children, **outcome.children})


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSnapshot:
    """A TraceExport, its instance, its Jobs and the policy of its re-run.

    Attributes:
        export: the resource.
        instance: the TraceFoundry that it names; None when there is none.
        instance_status: the status of that resource.
        status: the status that the export has.
        children: objects whose controller is the export.
        pods: of its Jobs.
        secrets: by name, the Secrets that the instance's spec refers to and that exist.
        config_maps: the same for ConfigMaps.
        now: the time of the pass.
    """

    export: Export
    instance: Instance | None
    instance_status: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Any]
    children: Mapping[ObjectKey, Child] = field(default_factory=dict)
    pods: tuple[Pod, ...] = ()
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    config_maps: Mapping[str, ConfigMap] = field(default_factory=dict)
    now: dt.datetime

    def after(self, outcome: Outcome) -> ExportSnapshot:
        """The same, with the children as the API server returned them during execution."""
        return dataclasses.replace(self, children={**self.children, **outcome.children})
