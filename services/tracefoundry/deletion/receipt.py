"""The receipt of a deletion: what went, by number and by name, and what stayed."""

from __future__ import annotations

import datetime

from tracefoundry.deletion.payloads import RemovedPayloads
from tracefoundry.schemas.traces import DeletionReceipt, RemovedObject
from tracefoundry.store.records import Deleted


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
