"""Bundles in S3, on a real server."""

from __future__ import annotations

import hashlib
import io

import pytest

from payloads.fault_proxy import FaultProxy
from tracefoundry.payloads import bundle_objects
from tracefoundry.payloads.bundle_objects import BundleObjects, split
from tracefoundry.payloads.errors import (
    ObjectMissing,
    ObjectStoreMisconfigured,
    ObjectStoreUnavailable,
)

DATA = bytes(range(256)) * 1024


def test_a_bundle_is_written_read_and_deleted(bucket: str) -> None:
    """Its address has folders; its hash comes with the download."""
    bundles, uri = BundleObjects(), f"s3://{bucket}/exports/incidents/42/a b.zip"
    bundles.upload(uri, io.BytesIO(DATA))
    copy = io.BytesIO()
    assert hashlib.sha256(DATA).hexdigest() == bundles.download(uri, copy)
    assert DATA == copy.getvalue()
    for _ in range(2):
        bundles.delete(uri)
    with pytest.raises(ObjectMissing):
        bundles.download(uri, io.BytesIO())
    bundles.close()


def test_a_large_bundle_is_written_in_parts(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is the same."""
    monkeypatch.setattr(bundle_objects, "MULTIPART_FROM_BYTES", 6 * 1024 * 1024)
    monkeypatch.setattr(bundle_objects, "PART_BYTES", 5 * 1024 * 1024)
    data, seen = DATA * 50, list[int]()
    bundles, uri = BundleObjects(), f"s3://{bucket}/exports/large.zip"
    bundles.upload(uri, io.BytesIO(data), progress=seen.append)
    assert len(data) == sum(seen)
    copy = io.BytesIO()
    bundles.download(uri, copy)
    assert data == copy.getvalue()
    bundles.close()


def test_a_bundle_that_does_not_fit_is_not_read(bucket: str) -> None:
    """The message has both sizes."""
    bundles, uri = BundleObjects(), f"s3://{bucket}/exports/large.zip"
    bundles.upload(uri, io.BytesIO(DATA))
    with pytest.raises(ObjectStoreUnavailable, match=r"has 262,144 bytes.*room for 1,000"):
        bundles.download(uri, io.BytesIO(), limit_bytes=1_000)
    bundles.close()


def test_a_bucket_that_does_not_exist_is_reported(bucket: str) -> None:
    """With what to do."""
    bundles, uri = BundleObjects(), "s3://no-such-bucket-here/exports/a.zip"
    for act in (
        lambda: bundles.upload(uri, io.BytesIO(DATA)),
        lambda: bundles.download(uri, io.BytesIO()),
        lambda: bundles.delete(uri),
    ):
        with pytest.raises(
            ObjectStoreUnavailable, match=r"bucket 'no-such-bucket-here'.*create it"
        ):
            act()
    bundles.close()


def test_a_server_that_is_not_there_is_reported(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Job is tried again."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    bundles = BundleObjects()
    with pytest.raises(ObjectStoreUnavailable, match="nothing answers there"):
        bundles.upload(f"s3://{bucket}/a.zip", io.BytesIO(DATA))
    bundles.close()


@pytest.mark.parametrize("large", [False, True])
def test_a_full_bucket_is_reported_and_keeps_nothing(
    bucket: str, fault_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    """Also where the bundle goes there in parts: a half one never appears."""
    monkeypatch.setattr(bundle_objects, "MULTIPART_FROM_BYTES", 6 * 1024 * 1024)
    monkeypatch.setattr(bundle_objects, "PART_BYTES", 5 * 1024 * 1024)
    bundles, uri = BundleObjects(), f"s3://{bucket}/exports/a.zip"
    data = DATA * 30 if large else DATA

    def fill(_: int) -> None:
        fault_proxy.fault = "full"

    if not large:
        fill(0)
    with pytest.raises(ObjectStoreUnavailable, match="the bucket's quota is used up"):
        bundles.upload(uri, io.BytesIO(data), progress=fill)
    fault_proxy.fault = "none"
    with pytest.raises(ObjectMissing):
        bundles.download(uri, io.BytesIO())
    bundles.close()


@pytest.mark.parametrize("uri", ["", "s3://bucket", "s3://bucket/", "file:///a", "s3://A_b/c"])
def test_another_address_is_refused(uri: str) -> None:
    """It never becomes a request."""
    with pytest.raises(ObjectStoreMisconfigured, match="is no address of a bundle"):
        split(uri)
