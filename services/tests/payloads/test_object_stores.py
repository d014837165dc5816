"""The promises of object stores, proven for the filesystem and for a real S3 server."""

from __future__ import annotations

import datetime
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tracefoundry.payloads.errors import ObjectMissing
from tracefoundry.payloads.objects import (
    ObjectStore,
    check_name,
    check_prefix,
    day_prefix,
    object_name,
)

DAY = datetime.date(2026, 11, 21)
BAD_NAMES = [
    "",
    "default",
    "default/2026-11-21/",
    "default/2026-11-21/" + "A" * 64,
    "default/2026-11-21/" + "a" * 63,
    "default/2026-11-21/" + "a" * 64 + "\n",
    "default/2026-02-30/" + "a" * 64,
    "default/2026-1-1/" + "a" * 64,
    "Default/2026-11-21/" + "a" * 64,
    "-a/2026-11-21/" + "a" * 64,
    "a" * 64 + "/2026-11-21/" + "a" * 64,
    "../2026-11-21/" + "a" * 64,
    "/default/2026-11-21/" + "a" * 64,
    "default/../../" + "a" * 64,
    ".incoming/2026-11-21/" + "a" * 64,
]
BAD_PREFIXES = [
    "default",
    "default/2026",
    "default/2026-11-21",
    "../",
    "/",
    "a/b/",
    "a/2026-13-01/",
]


def named(data: bytes, project: str = "default", day: datetime.date = DAY) -> str:
    """The name of an object with this content."""
    return object_name(project, day, hashlib.sha256(data).hexdigest())


def put(store: ObjectStore, *contents: bytes, project: str = "default", days: int = 0) -> list[str]:
    """Store some objects; returns their names in order."""
    day = DAY + datetime.timedelta(days=days)
    objects = [(named(data, project, day), data) for data in contents]
    store.put_many(objects)
    return sorted(name for name, _ in objects)


def names(store: ObjectStore, prefix: str = "") -> list[str]:
    """The names that a listing gives."""
    return [found.name for found in store.list(prefix)]


def test_an_object_comes_back(store: ObjectStore) -> None:
    """Whole, in ranges, and to its end."""
    data = bytes(range(256)) * 40
    store.put(named(data), data)
    name = named(data)
    assert [data, data[10:15], data[10_000:], data[10_230:], b"", b""] == [
        store.get(name),
        store.get(name, 10, 5),
        store.get(name, 10_000),
        store.get(name, 10_230, 100),
        store.get(name, 20_000, 10),
        store.get(name, 5, 0),
    ]


def test_putting_twice_changes_nothing(store: ObjectStore) -> None:
    """A sender that repeats itself makes no second object."""
    put(store, b"one")
    put(store, b"one")
    assert (1, b"one") == (len(names(store)), store.get(named(b"one")))


def test_a_missing_object_is_named(store: ObjectStore) -> None:
    """Reading an object that does not exist is no failure of the store."""
    with pytest.raises(ObjectMissing, match=named(b"nothing")):
        store.get(named(b"nothing"))


def test_writers_of_the_same_objects_do_not_disturb_each_other(store: ObjectStore) -> None:
    """Many threads put the same few objects; all of them are whole afterwards."""
    contents = [bytes([i]) * 50_000 for i in range(4)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: put(store, contents[i % 4]), range(40)))
    assert contents == [store.get(named(data)) for data in contents]


def test_a_listing_is_in_order_and_keeps_to_its_prefix(store: ObjectStore) -> None:
    """Projects whose names begin alike are not mixed up."""
    first = put(store, b"1", b"2", b"3", project="a")
    later = put(store, b"1", project="a", days=1)
    other = put(store, b"1", project="ab")
    listed = [names(store), names(store, "a/"), names(store, day_prefix("a", DAY))]
    assert [first + later + other, first + later, first] == listed


def test_a_listing_has_size_and_age(store: ObjectStore) -> None:
    """Retention of orphans needs to know how old they are."""
    before_ns = time.time_ns() - 2_000_000_000
    put(store, b"twelve bytes")
    [found] = store.list()
    is_fresh = before_ns <= found.modified_at_ns <= time.time_ns() + 2_000_000_000
    assert (12, True) == (found.size_bytes, is_fresh)


def test_deleted_objects_are_gone_and_others_stay(store: ObjectStore) -> None:
    """Deleting again changes nothing."""
    put(store, b"1", b"2", b"3")
    for _ in range(2):
        store.delete([named(b"1"), named(b"3")])
    assert [named(b"2")] == names(store)


def test_a_prefix_is_deleted_whole(store: ObjectStore) -> None:
    """A day or a project goes, with a count; neighbours stay."""
    put(store, b"1", b"2", project="a")
    put(store, b"1", project="a", days=1)
    kept = put(store, b"1", project="ab")
    counts = [store.delete_prefix("a/2026-11-21/"), store.delete_prefix("a/")]
    assert ([2, 1], kept, 0) == (counts, names(store), store.delete_prefix("a/"))


def test_objects_can_be_put_after_their_day_was_deleted(store: ObjectStore) -> None:
    """A late span may need the day again."""
    put(store, b"1")
    store.delete_prefix("default/2026-11-21/")
    assert put(store, b"1") == names(store)


def test_a_working_store_passes_its_check(store: ObjectStore) -> None:
    """The check leaves nothing behind."""
    store.check()
    assert [] == names(store)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_malformed_names_are_refused(name: str) -> None:
    """No traversal, no other spelling."""
    with pytest.raises(ValueError, match="no object name"):
        check_name(name)


@pytest.mark.parametrize("prefix", BAD_PREFIXES)
def test_malformed_prefixes_are_refused(prefix: str) -> None:
    """Part of a name would match neighbours."""
    with pytest.raises(ValueError, match="no prefix"):
        check_prefix(prefix)


def test_malformed_names_never_reach_a_store(store: ObjectStore) -> None:
    """Every method looks at names and prefixes before it does anything."""
    name = "default/../" + "a" * 64
    for act in (
        lambda: store.put(name, b""),
        lambda: store.put_many([(named(b"x"), b"x"), (name, b"")]),
        lambda: store.get(name),
        lambda: store.delete([name]),
        lambda: store.list("default/.."),
        lambda: store.delete_prefix("default/../"),
    ):
        with pytest.raises(ValueError, match=r"no object name|no prefix"):
            act()
    assert [] == names(store)


def test_everything_is_not_a_prefix_to_delete(store: ObjectStore) -> None:
    """An empty prefix lists, but deletes nothing."""
    with pytest.raises(ValueError, match="no prefix"):
        store.delete_prefix("")


def test_names_are_made_and_taken_apart() -> None:
    """Project, day and hash."""
    name = named(b"x", "my-project")
    check_prefix("my-project/2026-11-21/")
    assert ("my-project", "2026-11-21", hashlib.sha256(b"x").hexdigest()) == check_name(name)
