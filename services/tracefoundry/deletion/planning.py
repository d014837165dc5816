"""What goes together with the payloads of deleted traces. Pure: what is stored is asked through
functions that the caller passes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from tracefoundry.store.deletion_records import (
    LIST_ID_BYTES,
    PayloadNeeds,
    PendingPayloads,
)
from tracefoundry.store.records import BlobPlace

NeedsOf: TypeAlias = Callable[[Collection[bytes], int], PayloadNeeds]
"""Who needs some payloads; the number is of payloads that are going."""
PartsOf: TypeAlias = Callable[[Mapping[bytes, BlobPlace]], Sequence[tuple[bytes, bytes]]]
"""(part, list) of some lists, which come with where they are stored."""


@dataclass(slots=True)
class Removal:
    """What goes and what stays.

    Attributes:
        removed: payloads that nothing needs any more, with where they are.
        list_parts: (part, list) of the lists among them.
        shared: payloads that were asked about, are stored, and stay for others.
    """

    removed: dict[bytes, BlobPlace] = field(default_factory=dict)
    list_parts: list[tuple[bytes, bytes]] = field(default_factory=list)
    shared: set[bytes] = field(default_factory=set)


def what_goes(refs: Collection[bytes], needs_of: NeedsOf, parts_of: PartsOf) -> Removal:
    """Which payloads go when nothing refers to these any more, but what else needs them.

    A payload goes when no trace that is left refers to it and no list needs it; with a list go the
    parts that only it needed.
    """
    found = Removal()
    list_ids: set[bytes] = set()
    undecided: Collection[bytes] = refs
    while undecided:
        needs = needs_of(undecided, len(found.removed))
        if undecided is refs:
            found.shared.update(needs.places)
        unneeded = {ref: needs.places[ref] for ref in needs.unneeded(list_ids)}
        found.removed.update(unneeded)
        list_ids.update(ref[:LIST_ID_BYTES] for ref in unneeded)
        parts = parts_of({ref: place for ref, place in unneeded.items() if place.depth > 0})
        found.list_parts += parts
        # A part that was looked at before may have lost its last list just now.
        undecided = {part for part, _ in parts if part not in found.removed}
    found.shared.difference_update(found.removed)
    return found


def steps_of(pending: PendingPayloads, step_refs: int) -> Iterator[list[bytes]]:
    """The refs in steps of at least ``step_refs``. What is in one object is in one step, so that
    each object is written anew once."""
    by_object: dict[bytes, list[bytes]] = {}
    for ref, place in pending.places.items():
        by_object.setdefault(b"" if place is None else place.object, []).append(ref)
    step: list[bytes] = []
    for refs in by_object.values():
        step += refs
        if len(step) >= step_refs:
            yield step
            step = []
    if step:
        yield step
