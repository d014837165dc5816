"""The receipt of a deletion: what went, by number and by name, and what stayed."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from tracefoundry.query.payload_deletion import PayloadRemover, RemovedPayloads
from tracefoundry.store.records import Deleted


def receipt_json(deleted: Deleted, removed: RemovedPayloads) -> dict[str, Any]:
    """The answer to a deletion. An object's name ends with the SHA-256 of its stored bytes."""
    return {
        "traces": deleted.traces,
        "spans": deleted.spans,
        "logs": deleted.logs,
        "payload_refs": removed.refs,
        "objects": [{"name": name, "sha256": name.rpartition("/")[2]} for name in removed.objects],
        "objects_total": removed.objects_total,
        "kept_shared": removed.kept_shared,
        "completed_at": datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z"),
    }


def finish_removal(remover: PayloadRemover, projects: Mapping[int, str]) -> RemovedPayloads:
    """Finish what interrupted deletions left in these projects."""
    removed = RemovedPayloads()
    for project_id, name in sorted(projects.items()):
        removed.add(remover.finish(project_id, name))
    return removed
