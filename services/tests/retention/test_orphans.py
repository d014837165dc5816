"""Objects that no row names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from retention.stock import (
    TODAY,
    names,
    put_orphan,
    put_payload,
    run,
    set_age,
)
from tracefoundry.model.times import DAY_NS
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.payloads.objects import StoredObject


def test_an_object_without_a_row_goes_after_a_day(
    migrated_url: str, objects: FilesystemStore
) -> None:
    """A younger one may be that of a commit under way; one with a row is no orphan."""
    named = put_payload(migrated_url, objects, TODAY - 2)
    set_age(objects, named, 2 * DAY_NS)
    young = put_orphan(objects, TODAY - 2, "young", DAY_NS)
    old = put_orphan(objects, TODAY - 2, "old", DAY_NS + 1)
    report = run(migrated_url, objects)
    assert sorted([named, young]) == names(objects)
    assert (1, len("old"), 0) == (
        report.objects.orphans,
        report.objects.bytes,
        report.objects.unknown_projects,
    )
    assert old not in names(objects)


def test_objects_of_projects_that_the_database_does_not_know_are_left_alone(
    migrated_url: str, objects: FilesystemStore
) -> None:
    """They may be those of another platform."""
    stranger = put_orphan(objects, TODAY - 2, "old", 2 * DAY_NS).replace("default", "stranger")
    objects.put(stranger, b"old")
    set_age(objects, stranger, 2 * DAY_NS)
    report = run(migrated_url, objects)
    assert [stranger] == names(objects)
    assert (1, 1) == (report.objects.orphans, report.objects.unknown_projects)


def test_an_object_that_is_put_again_meanwhile_stays(
    migrated_url: str, objects: FilesystemStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row is about to come: the second look sees it young."""
    name = put_orphan(objects, TODAY - 2, "old", 2 * DAY_NS)
    first_look = FilesystemStore.list

    def listing(store: FilesystemStore, prefix: str = "") -> Iterator[StoredObject]:
        found = list(first_look(store, prefix))
        if prefix == "":
            set_age(objects, name, 0)
        return iter(found)

    monkeypatch.setattr(FilesystemStore, "list", listing)
    report = run(migrated_url, objects)
    assert ([name], 0) == (names(objects), report.objects.orphans)


def test_more_orphans_than_a_batch_all_go(
    migrated_url: str, objects: FilesystemStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On two days."""
    monkeypatch.setattr("tracefoundry.retention.orphans.BATCH_OBJECTS", 3)
    for number in range(10):
        put_orphan(objects, TODAY - 1 - number % 2, f"old {number}", 2 * DAY_NS)
    kept = put_payload(migrated_url, objects, TODAY - 1)
    set_age(objects, kept, 2 * DAY_NS)
    report = run(migrated_url, objects)
    assert ([kept], 10) == (names(objects), report.objects.orphans)
