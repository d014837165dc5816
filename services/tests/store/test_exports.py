"""Records of exported bundles, over every store."""

from __future__ import annotations

import dataclasses

from tracefoundry.store.api import Store
from tracefoundry.store.export_api import StoredBundle

FIRST = StoredBundle(
    uri="s3://traces/exports/a.zip",
    project_id=1,
    size_bytes=12,
    sha256=b"s" * 32,
    created_at_ns=5,
    expires_at_ns=100,
)
SECOND = dataclasses.replace(FIRST, uri="s3://traces/exports/b.zip", project_id=None)
FOR_EVER = dataclasses.replace(FIRST, uri="s3://traces/exports/c.zip", expires_at_ns=None)


def test_bundles_expire_in_the_order_of_their_addresses(store: Store) -> None:
    """At their time, page by page; one without a time never does."""
    for bundle in (SECOND, FOR_EVER, FIRST):
        store.exports.record(bundle)
    assert [] == store.exports.expired(now_ns=99, after="", limit=10)
    assert [FIRST] == store.exports.expired(now_ns=100, after="", limit=1)
    assert [SECOND] == store.exports.expired(now_ns=100, after=FIRST.uri, limit=10)
    store.exports.forget([FIRST.uri, "s3://traces/none"])
    assert [SECOND] == store.exports.expired(now_ns=100, after="", limit=10)


def test_a_bundle_that_is_written_again_is_recorded_once(store: Store) -> None:
    """A second attempt of a Job has the same address."""
    store.exports.record(FIRST)
    again = dataclasses.replace(FIRST, size_bytes=13, expires_at_ns=200)
    store.exports.record(again)
    assert [] == store.exports.expired(now_ns=100, after="", limit=10)
    assert [again] == store.exports.expired(now_ns=200, after="", limit=10)
