"""The receipt of a deletion: what went, by number and by name, and what stayed."""

from __future__ import annotations

import datetime

import msgspec

from tracefoundry.deletion.payloads import RemovedPayloads
from tracefoundry.store.records import Deleted


class RemovedObject(msgspec.Struct, frozen=True):
    """An object that is not stored any more; ``sha256`` is that of its stored bytes."""

    name: str
    sha256: str


class DeletionReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a deletion.

    Attributes:
        traces: summaries removed.
        spans: spans removed.
        logs: log records removed.
        payload_refs: references of deleted traces to payloads.
        objects: removed objects, the first thousand.
        objects_total: how many objects were removed.
        kept_shared: payloads of deleted traces that stay, because others need them.
        completed_at: RFC 3339, in UTC.
    """

    traces: int
    spans: int
    logs: int
    payload_refs: int
    objects: list[RemovedObject]
    objects_total: int
    kept_shared: int
    completed_at: str


def receipt_of(deleted: Deleted, removed: RemovedPayloads) -> DeletionReceipt:
    """The receipt of a deletion that is completed now."""
    now = datetime.datetime.now(datetime.UTC)
    return DeletionReceipt(
        traces=deleted.traces,
        spans=deleted.spans,
        logs=deleted.logs,
        payload_refs=removed.refs,
        objects=[RemovedObject(name, name.rpartition("/")[2]) for name in removed.objects],
        objects_total=removed.objects_total,
        kept_shared=removed.kept_shared,
        completed_at=now.isoformat().replace("+00:00", "Z"),
    )
