"""What a run of retention did, or with ``--dry-run`` would do: the shape of ``--json``."""

from __future__ import annotations

from typing import Literal

import msgspec

Reason = Literal["retention", "disk"]
State = Literal["done", "failed", "stopped", "busy"]


class PartitionReport(msgspec.Struct, kw_only=True):
    """A partition that was dropped. ``rows_estimate`` is the database's, None where it has none."""

    table: str
    day: str
    bytes: int
    rows_estimate: int | None


class ProjectSpans(msgspec.Struct, kw_only=True):
    """A project's spans. The counts are of rows deleted one by one, not in dropped partitions."""

    project: str
    keeps_from: str
    """The first day that is kept."""
    spans: int = 0
    logs: int = 0
    payload_refs: int = 0
    traces_deleted: int = 0
    traces_cut: int = 0
    """Traces of which only the earlier spans went."""


class SpansReport(msgspec.Struct, kw_only=True):
    """Spans, logs and refs. ``in_use``: partitions that somebody held; the next run goes on."""

    partitions: list[PartitionReport] = []
    in_use: list[str] = []
    projects: list[ProjectSpans] = []


class PayloadDay(msgspec.Struct, kw_only=True):
    """A project's day of payloads. ``blobs`` and ``list_parts`` are rows deleted one by one."""

    project: str
    day: str
    reason: Reason
    objects: int = 0
    bytes: int = 0
    blobs: int = 0
    list_parts: int = 0


class PayloadsReport(msgspec.Struct, kw_only=True):
    """Payloads. ``waiting`` counts days that are due and stay, as no payload store was given."""

    days: list[PayloadDay] = []
    partitions: list[PartitionReport] = []
    in_use: list[str] = []
    waiting: int = 0


class TracesReport(msgspec.Struct, kw_only=True):
    """Summaries: removed with their last span, or marked as cut. ``spans`` counts the spans that
    the removed ones summed up."""

    deleted: int = 0
    cut: int = 0
    spans: int = 0


class ResourcesReport(msgspec.Struct, kw_only=True):
    """The dictionaries, and small records that were over."""

    resources: int = 0
    scopes: int = 0
    tombstones: int = 0
    payload_tombstones: int = 0
    payload_days: int = 0
    audit_entries: int = 0
    usage_days: int = 0
    """Records of what a project stored on a day."""


class ObjectsReport(msgspec.Struct, kw_only=True):
    """Objects that no row named. ``unknown_projects`` counts objects of projects that this database
    does not know; they are left alone."""

    orphans: int = 0
    bytes: int = 0
    unknown_projects: int = 0


class BundlesReport(msgspec.Struct, kw_only=True):
    """Bundles of TraceExports that were removed from object stores."""

    bundles: int = 0
    bytes: int = 0


class DiskUse(msgspec.Struct, kw_only=True, frozen=True):
    """How full something is.

    Attributes:
        name: for people.
        holds: what can be dropped to make it less full; both where they share a disk.
    """

    name: str
    holds: Literal["payloads", "database"]
    used_bytes: int
    capacity_bytes: int

    @property
    def percent(self) -> float:
        """How full, 0 to 100 and, for a capacity that was set too small, above."""
        return 100 * self.used_bytes / self.capacity_bytes if self.capacity_bytes else 0.0


class DiskReport(msgspec.Struct, kw_only=True):
    """The rule by disk percentage; ``limit_percent`` None: there is none."""

    limit_percent: int | None = None
    before: list[DiskUse] = []
    after: list[DiskUse] = []
    payload_days: list[str] = []
    span_days: list[str] = []
    message: str | None = None


class StepReport(msgspec.Struct, kw_only=True):
    """A step of the run; ``error`` says why it did not finish."""

    name: str
    seconds: float
    error: str | None = None


class RetentionReport(msgspec.Struct, kw_only=True):
    """A whole run.

    ``state``: done; failed (at least one step did not finish, the others did); stopped (it was
    asked to end); busy (another run was at work, nothing was done). Counts are of what was done
    up to then.
    """

    dry_run: bool
    started_at: str
    state: State = "done"
    spans: SpansReport = msgspec.field(default_factory=SpansReport)
    payloads: PayloadsReport = msgspec.field(default_factory=PayloadsReport)
    traces: TracesReport = msgspec.field(default_factory=TracesReport)
    resources: ResourcesReport = msgspec.field(default_factory=ResourcesReport)
    objects: ObjectsReport = msgspec.field(default_factory=ObjectsReport)
    bundles: BundlesReport = msgspec.field(default_factory=BundlesReport)
    disk: DiskReport = msgspec.field(default_factory=DiskReport)
    steps: list[StepReport] = []
