"""Deleting by request: the traces first, then their payloads and objects, then a receipt."""

from __future__ import annotations

import time
from collections.abc import Mapping

from tracefoundry.deletion.payloads import PayloadRemover, RemovedPayloads
from tracefoundry.deletion.receipt import receipt_of
from tracefoundry.payloads.keys import KeyRing
from tracefoundry.payloads.objects import ObjectStore
from tracefoundry.schemas.traces import DeletionReceipt
from tracefoundry.store.deletion_api import Deletion
from tracefoundry.store.records import Deleted


class TraceDeletion:
    """Deletes traces of one store. Safe between threads.

    Who may delete, and what stands in the audit log, is the caller's to see to. Where something
    fails on the way, what was removed is removed, and calling again goes on. Everything raises
    StoreUnavailable and ObjectStoreUnavailable when the database or the object store cannot answer
    now.
    """

    def __init__(
        self, deletion: Deletion, objects: ObjectStore | None, keys: KeyRing, *, retention_ns: int
    ) -> None:
        """``objects`` is None where no payload store is configured; ``keys`` are those that its
        payloads are encrypted with; ``retention_ns`` is the platform's retention of spans."""
        self._deletion = deletion
        self._payloads = PayloadRemover(deletion, objects, keys)
        self._retention_ns = retention_ns

    @property
    def has_payload_store(self) -> bool:
        """Whether a payload store is configured."""
        return self._payloads.has_store

    def check_payload_store(self) -> None:
        """Make sure that payloads can be removed, before their traces are deleted."""
        self._payloads.check_store()

    def delete_trace(self, project_id: int, project: str, trace_id: bytes) -> DeletionReceipt:
        """Delete a trace, the logs of a trace whose spans never came, or what an interrupted
        deletion has left of one."""
        deleted = self._deletion.delete_trace(
            project_id, trace_id, now_ns=time.time_ns(), retention_ns=self._retention_ns
        )
        return receipt_of(deleted, self._payloads.remove(project_id, project, time.time_ns()))

    def delete_before(self, projects: Mapping[int, str], before_ns: int) -> DeletionReceipt:
        """Delete the traces that end before a time, and older logs of traces without spans.
        ``projects`` are names by id."""
        deleted = self._deletion.delete_before(
            sorted(projects), before_ns, now_ns=time.time_ns(), retention_ns=self._retention_ns
        )
        removed = RemovedPayloads()
        for project_id, name in sorted(projects.items()):
            removed.add(self._payloads.remove(project_id, name, time.time_ns()))
        return receipt_of(deleted, removed)

    def finish_interrupted(self, projects: Mapping[int, str]) -> DeletionReceipt:
        """Remove the objects that deletions left which were interrupted at their very end."""
        removed = RemovedPayloads()
        for project_id, name in sorted(projects.items()):
            removed.add(self._payloads.finish(project_id, name))
        return receipt_of(Deleted(), removed)
