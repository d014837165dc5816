"""Bundles that TraceExports left in object stores go when their time to live is over.

A bundle that cannot be removed now (its bucket is gone, or no longer permitted) does not keep the
others: its record stays, and the next run tries again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tracefoundry.payloads.errors import ObjectStoreError
from tracefoundry.retention.context import Run
from tracefoundry.store.export_api import Exports

BATCH_BUNDLES = 100


class BundleRemover(Protocol):
    """Removes bundles by their address."""

    def delete(self, uri: str) -> None:
        """Remove a bundle; one that does not exist is no error."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...


def open_bundles() -> BundleRemover:
    """The buckets that the AWS_* settings give access to."""
    # boto3 is large, and most platforms have no TraceExports.
    from tracefoundry.payloads.bundle_objects import BundleObjects

    return BundleObjects()


def delete_bundles(
    run: Run, exports: Exports, *, opened: Callable[[], BundleRemover] = open_bundles
) -> None:
    """Remove bundles whose time is over, and their records.

    Raises:
        ObjectStoreError: some could not be removed; all others were.
        Stopped: running again goes on.
        StoreUnavailable: the same.
    """
    bundles: BundleRemover | None = None
    failed: ObjectStoreError | None = None
    after = ""
    try:
        while batch := exports.expired(now_ns=run.now_ns, after=after, limit=BATCH_BUNDLES):
            after = batch[-1].uri
            for bundle in batch:
                run.check()
                if not run.dry_run:
                    bundles = bundles or opened()
                    try:
                        bundles.delete(bundle.uri)
                    except ObjectStoreError as error:
                        failed = error
                        continue
                    exports.forget([bundle.uri])
                run.report.bundles.bundles += 1
                run.report.bundles.bytes += bundle.size_bytes
    finally:
        if bundles is not None:
            bundles.close()
    if failed is not None:
        raise failed
