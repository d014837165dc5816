"""Bundles of exports, whose time to live is over."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from retention.stock import NOW_NS, run
from tracefoundry.payloads.errors import ObjectStoreUnavailable
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.retention import exports as step
from tracefoundry.retention.context import Run
from tracefoundry.retention.report import RetentionReport
from tracefoundry.store.api import Store, open_store
from tracefoundry.store.export_api import StoredBundle


class Buckets:
    """Object stores with bundles; those of the bucket ``gone`` cannot be removed."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    def delete(self, uri: str) -> None:
        """Remove a bundle."""
        if uri.startswith("s3://gone/"):
            raise ObjectStoreUnavailable("bucket 'gone' does not exist")
        self.deleted.append(uri)

    def close(self) -> None:
        """Nothing to release."""


def bundle(uri: str, *, expires_at_ns: int | None = NOW_NS) -> StoredBundle:
    """A bundle of 12 bytes."""
    return StoredBundle(
        uri=uri,
        project_id=1,
        size_bytes=12,
        sha256=b"s" * 32,
        created_at_ns=1,
        expires_at_ns=expires_at_ns,
    )


@contextlib.contextmanager
def stored(url: str, *bundles: StoredBundle) -> Iterator[Store]:
    """A store that knows these bundles."""
    with contextlib.closing(open_store(url)) as store:
        for each in bundles:
            store.exports.record(each)
        yield store


def removed(store: Store, buckets: Buckets, *, dry_run: bool = False) -> tuple[int, int, str]:
    """Bundles and bytes that a run reports, and what went wrong."""
    report = RetentionReport(dry_run=dry_run, started_at="")
    with store.deletion.retention_run(dry_run=dry_run, check=lambda: None) as data:
        context = Run(
            deletion=store.deletion,
            data=data,
            objects=None,
            now_ns=NOW_NS,
            dry_run=dry_run,
            check=lambda: None,
            report=report,
        )
        with context.step("exports"):
            step.delete_bundles(context, store.exports, opened=lambda: buckets)
    return report.bundles.bundles, report.bundles.bytes, report.steps[-1].error or ""


def test_a_bundle_goes_when_its_time_is_over(migrated_url: str) -> None:
    """With its record; a dry run only counts it."""
    later = bundle("s3://b/later", expires_at_ns=NOW_NS + 1)
    with stored(migrated_url, bundle("s3://b/now"), later) as store:
        buckets = Buckets()
        assert (1, 12, "") == removed(store, buckets, dry_run=True)
        assert [] == buckets.deleted
        assert (1, 12, "") == removed(store, buckets)
        assert ["s3://b/now"] == buckets.deleted
        assert (0, 0, "") == removed(store, buckets)


def test_a_bundle_that_cannot_be_removed_does_not_keep_the_others(migrated_url: str) -> None:
    """Its record stays for the next run."""
    with stored(migrated_url, bundle("s3://gone/a"), bundle("s3://stays/b")) as store:
        buckets = Buckets()
        assert (1, 12, "bucket 'gone' does not exist") == removed(store, buckets)
        assert ["s3://stays/b"] == buckets.deleted
        assert (0, 0, "bucket 'gone' does not exist") == removed(store, buckets)


def test_a_whole_run_looks_at_bundles_and_opens_nothing_without_any(
    migrated_url: str, objects: FilesystemStore
) -> None:
    """A platform without TraceExports needs no S3."""
    report = run(migrated_url, objects)
    assert ("done", True) == (report.state, "exports" in [each.name for each in report.steps])
