"""What goes together with the payloads of deleted traces, without a database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from tracefoundry.deletion.planning import Removal, steps_of, what_goes
from tracefoundry.store.deletion_records import (
    LIST_ID_BYTES,
    PayloadNeeds,
    PendingPayloads,
)
from tracefoundry.store.records import BlobPlace


def ref_of(name: str) -> bytes:
    """A ref that can be told from others."""
    return name.encode().ljust(32, b".")


def names(refs: Collection[bytes]) -> list[str]:
    """The names of refs, sorted."""
    return sorted(ref.rstrip(b".").decode() for ref in refs)


@dataclass
class Stored:
    """A day of payloads: values, lists by their parts, and what traces refer to."""

    values: Collection[str] = ()
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)
    referenced: Collection[str] = ()

    def needs(self, refs: Collection[bytes], _removed: int) -> PayloadNeeds:
        """As the database tells it."""
        stored = {ref_of(name): 0 for name in self.values}
        stored |= {ref_of(name): 1 for name in self.lists}
        lists: dict[bytes, set[bytes]] = {}
        for name, parts in self.lists.items():
            for part in parts:
                of_part = lists.setdefault(ref_of(part)[:LIST_ID_BYTES], set())
                of_part.add(ref_of(name)[:LIST_ID_BYTES])
        return PayloadNeeds(
            places={ref: BlobPlace(b"o", 0, 1, stored[ref]) for ref in refs if ref in stored},
            referenced={ref_of(name) for name in self.referenced} & set(refs),
            lists=lists,
        )

    def parts(self, lists: Mapping[bytes, BlobPlace]) -> list[tuple[bytes, bytes]]:
        """As the lists' descriptions tell it."""
        return [
            (ref_of(part), ref_of(name))
            for name, parts in self.lists.items()
            if ref_of(name) in lists
            for part in parts
        ]

    def removal(self, *refs: str) -> Removal:
        """What goes when deleted traces referred to these."""
        return what_goes([ref_of(name) for name in refs], self.needs, self.parts)


def test_a_value_goes_unless_a_trace_refers_to_it() -> None:
    """The one that stays is reported as shared, the one that is not stored is neither."""
    removal = Stored(values=["mine", "ours"], referenced=["ours"]).removal("mine", "ours", "gone")
    assert (["mine"], ["ours"]) == (names(removal.removed), names(removal.shared))


def test_a_list_takes_the_parts_with_it_that_only_it_needs() -> None:
    """Not those that another list needs, or a trace refers to."""
    stored = Stored(
        values=["a", "b", "c"],
        lists={"going": ["a", "b", "c"], "staying": ["b"]},
        referenced=["staying", "c"],
    )
    removal = stored.removal("going")
    assert (["a", "going"], []) == (names(removal.removed), names(removal.shared))
    assert ["a", "b", "c"] == names([part for part, _ in removal.list_parts])


def test_lists_go_to_any_depth() -> None:
    """A conversation is a list that grew from a list."""
    lists = {f"turn {n}": [f"message {n}", f"turn {n - 1}"] for n in range(1, 6)}
    stored = Stored(values=[f"message {n}" for n in range(1, 6)], lists=lists)
    removal = stored.removal("turn 5")
    assert 10 == len(removal.removed)


def test_a_part_goes_with_the_last_of_several_lists() -> None:
    """It is looked at again when another of its lists goes, however it was decided before."""
    stored = Stored(values=["part"], lists={"first": ["part", "second"], "second": ["part"]})
    removal = stored.removal("first")
    assert ["first", "part", "second"] == names(removal.removed)


def test_what_is_shared_first_and_goes_later_is_not_shared() -> None:
    """A deleted trace referred to a part and to the list that needed it."""
    removal = Stored(values=["part"], lists={"list": ["part"]}).removal("part", "list")
    assert (["list", "part"], []) == (names(removal.removed), names(removal.shared))


def test_the_shorter_list_stays_for_the_longer_one() -> None:
    """The longer one grew from it."""
    stored = Stored(lists={"short": [], "long": ["short"]}, referenced=["long"])
    removal = stored.removal("short")
    assert ([], ["short"]) == (names(removal.removed), names(removal.shared))


def test_what_is_in_one_object_is_in_one_step() -> None:
    """So that an object is written anew once; steps are at least as large as asked for."""
    places: dict[bytes, BlobPlace | None] = {
        ref_of(f"{n}"): BlobPlace(b"object %d" % (n % 3), n, 1, 0) for n in range(9)
    }
    places[ref_of("not stored")] = None
    steps = list(steps_of(PendingPayloads(1, places, 2, expired=False), 4))
    assert [["0", "1", "3", "4", "6", "7"], ["2", "5", "8", "not stored"]] == [
        names(step) for step in steps
    ]
