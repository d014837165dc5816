"""Payload URLs."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from payloads.s3_server import S3Server
from tracefoundry.payloads.errors import ObjectStoreMisconfigured
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.payloads.open import open_object_store
from tracefoundry.payloads.s3 import S3Store


def test_a_file_url_opens_a_folder(tmp_path: Path) -> None:
    """The folder is made, percent-encoding is read."""
    store = open_object_store(f"file://{tmp_path}/a%20b/payloads")
    assert isinstance(store, FilesystemStore)
    assert True is (tmp_path / "a b/payloads").is_dir()


@pytest.mark.parametrize("suffix", ["", "/", "/pre/fix", "/pre/fix/", "?addressing=path"])
def test_an_s3_url_opens_a_bucket(s3_environment: S3Server, bucket: str, suffix: str) -> None:
    """With or without a prefix."""
    store = open_object_store(f"s3://{bucket}{suffix}")
    assert isinstance(store, S3Store)
    name = "default/2026-11-21/" + "a" * 64
    store.put(name, b"x")
    prefix = suffix.partition("?")[0].strip("/")
    stored = s3_environment.folder / "root" / bucket / prefix / name
    store.close()
    assert b"x" == stored.read_bytes()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/var/lib/payloads",
        "file://payloads",
        "file://host/payloads",
        "file:///",
        "file:payloads",
        "file:///data?x=1",
        "file:///data%00",
        "s3://",
        "s3:///prefix",
        "s3://b",
        "s3://bucket/a/../b",
        "s3://bucket/a//b",
        "s3://bucket/a b",
        "s3://bucket?addressing=other",
        "s3://bucket?region=x",
        "gs://bucket/prefix",
        "http://[bad",
    ],
)
def test_other_urls_are_refused_with_the_right_forms(url: str) -> None:
    """The message says how a payload URL looks."""
    with pytest.raises(ObjectStoreMisconfigured, match="Use file:///DIR or s3://bucket/prefix"):
        open_object_store(url)


def test_credentials_in_a_url_are_refused_and_not_shown() -> None:
    """They belong into AWS_* variables, and not into a message."""
    secret = secrets.token_hex(20)
    with pytest.raises(ObjectStoreMisconfigured, match="set AWS_ACCESS_KEY_ID") as caught:
        open_object_store(f"s3://id:{secret}@bucket/prefix")
    assert secret not in str(caught.value)
