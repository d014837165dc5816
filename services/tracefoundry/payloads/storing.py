"""Stores the content of a commit (plan, encode, pack, put) and returns the rows for the database.

All objects are durable before this returns; then the caller writes the rows and commits. If that
commit fails, its objects have no rows, and retention removes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tracefoundry.model.limits import PREVIEW_CHARACTERS
from tracefoundry.model.payload import (
    BlobKey,
    BlobRow,
    Content,
    PayloadRows,
    digest_of,
    ref_from_digest,
)
from tracefoundry.model.times import date_of
from tracefoundry.payloads.codec import BlobCodec
from tracefoundry.payloads.objects import ObjectStore, check_name
from tracefoundry.payloads.packs import Pack, build_packs
from tracefoundry.payloads.planning import NewBlob, PayloadPlan

# A character of UTF-8 has at most four bytes.
_PREVIEW_BYTES = 4 * PREVIEW_CHARACTERS

Lookup = Callable[[int, int, list[bytes]], Mapping[bytes, int]]
"""From project id, day and digests: the depths of those that are stored."""


class PayloadWriter:
    """Writes contents to one object store. One instance serves one thread at a time."""

    def __init__(self, objects: ObjectStore, codec: BlobCodec, *, previews: bool) -> None:
        """``previews`` is False if payloads are encrypted, because previews are not."""
        self._objects = objects
        self._codec = codec
        self._previews = previews

    def store(
        self,
        contents: Mapping[tuple[int, str, int], Iterable[Content]],
        lookup: Lookup,
    ) -> PayloadRows:
        """Store contents by project id, project name and day.

        Raises:
            ObjectStoreUnavailable: an object could not be put; the whole call can be repeated.
            Exception: whatever ``lookup`` raises.
        """
        rows = PayloadRows()
        packs: list[Pack] = []
        for (project_id, project, day), values in sorted(contents.items()):
            plan = PayloadPlan()
            direct = {plan.add(value.value, value.ref) for value in values}
            known = _known_depths(lookup, project_id, day, plan.first_lookup())
            known |= _known_depths(lookup, project_id, day, plan.second_lookup(known))
            blobs, reused = plan.finish(known)
            rows.reused += [_key(project_id, ref, day) for ref in reused]
            if not blobs:
                continue
            made = build_packs(
                project,
                date_of(day),
                (
                    self._codec.encode(
                        project,
                        blob.ref,
                        blob.content,
                        form=blob.form,
                        plain_bytes=blob.plain_bytes,
                    )
                    for blob in blobs
                ),
            )
            by_ref = {blob.ref: blob for blob in blobs}
            previews = direct if self._previews else set()
            for pack in made:
                rows.blobs += _rows_of(pack, by_ref, previews, plan, project_id, day)
            packs += made
        if packs:
            self._objects.check_room()
            self._objects.put_many([(pack.name, pack.data) for pack in packs])
        return rows


def _known_depths(lookup: Lookup, project_id: int, day: int, refs: list[str]) -> dict[str, int]:
    if not refs:
        return {}
    found = lookup(project_id, day, [digest_of(ref) for ref in refs])
    return {ref_from_digest(digest): depth for digest, depth in found.items()}


def _rows_of(
    pack: Pack,
    blobs: Mapping[str, NewBlob],
    previews: set[str],
    plan: PayloadPlan,
    project_id: int,
    day: int,
) -> list[BlobRow]:
    object_digest = bytes.fromhex(check_name(pack.name)[2])
    return [
        BlobRow(
            project_id,
            day,
            digest_of(entry.ref),
            object_digest,
            entry.offset,
            entry.length,
            entry.plain_bytes,
            blobs[entry.ref].depth,
            preview_of(plan.value_of(entry.ref)) if entry.ref in previews else None,
            tuple(digest_of(ref) for ref in blobs[entry.ref].references),
        )
        for entry in pack.entries
    ]


def preview_of(value: bytes) -> str | None:
    """The beginning of a value as text; None if it is not text."""
    head = value[:_PREVIEW_BYTES]
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        # The last character may be cut off; any other error means that the value is not text.
        if error.start < len(head) - 3 or len(value) == len(head):
            return None
        text = head[: error.start].decode()
    # PostgreSQL keeps no NUL in text.
    return text[:PREVIEW_CHARACTERS].replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _key(project_id: int, ref: str, day: int) -> BlobKey:
    return (project_id, digest_of(ref), day)
