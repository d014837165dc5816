"""Bundles in S3: written, read and deleted by their address, ``s3://bucket/key``.

Unlike payload objects, a bundle has a name that people chose, may be in another bucket, and may
have many gigabytes. It appears under its name when it is complete: one PUT, or for more than 64 MiB
a multipart upload, which is aborted when it fails.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from tracefoundry.payloads.errors import (
    ObjectMissing,
    ObjectStoreMisconfigured,
    ObjectStoreUnavailable,
)
from tracefoundry.payloads.s3_client import Addressing, error_code, make_client, remedy

MULTIPART_FROM_BYTES = 64 * 1024 * 1024
PART_BYTES = 16 * 1024 * 1024
"""Up to 10,000 parts: 160 GB; boto3 makes larger parts where more are needed."""
_PARALLEL = 4
_READ_BYTES = 1024 * 1024

_URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.{1,1024})")


class BundleObjects:
    """The bundles that the AWS_* settings give access to, in any bucket."""

    def __init__(self, *, addressing: Addressing = "auto", read_timeout_s: float = 60.0) -> None:
        """Create a client; nothing is sent yet.

        Raises:
            ObjectStoreMisconfigured: the AWS_* settings cannot be used.
        """
        self._client, self.endpoint = make_client(
            addressing=addressing,
            connect_timeout_s=5.0,
            read_timeout_s=read_timeout_s,
            attempts=3,
            connections=2 * _PARALLEL,
        )

    def upload(
        self, uri: str, file: BinaryIO, *, progress: Callable[[int], object] | None = None
    ) -> None:
        """Write a bundle from a file that is open at its beginning.

        Raises:
            ObjectStoreUnavailable: it is not there; the message says what to do.
        """
        bucket, key = split(uri)
        config = TransferConfig(
            multipart_threshold=MULTIPART_FROM_BYTES,
            multipart_chunksize=PART_BYTES,
            max_concurrency=_PARALLEL,
        )
        with self._told("write to", bucket):
            self._client.upload_fileobj(
                file,
                bucket,
                key,
                ExtraArgs={"ContentType": "application/zip"},
                Config=config,
                Callback=progress,
            )

    def download(self, uri: str, file: BinaryIO, *, limit_bytes: int | None = None) -> str:
        """Copy a bundle into a file, and return its SHA-256 in hex.

        Raises:
            ObjectMissing: there is no such object.
            ObjectStoreUnavailable: it could not be read, or has more than ``limit_bytes``.
        """
        bucket, key = split(uri)
        digest = hashlib.sha256()
        with self._told("read from", bucket):
            try:
                answer = self._client.get_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if error_code(error) == "NoSuchKey":
                    raise ObjectMissing(uri) from None
                raise
            size = answer["ContentLength"]
            if limit_bytes is not None and size > limit_bytes:
                raise ObjectStoreUnavailable(
                    f"{uri} has {size:,} bytes, and there is room for {limit_bytes:,}"
                )
            body = answer["Body"]
            with body:
                for chunk in body.iter_chunks(_READ_BYTES):
                    digest.update(chunk)
                    file.write(chunk)
        return digest.hexdigest()

    def delete(self, uri: str) -> None:
        """Remove a bundle; one that does not exist is no error.

        Raises:
            ObjectStoreUnavailable: it may still be there.
        """
        bucket, key = split(uri)
        with self._told("delete from", bucket):
            self._client.delete_object(Bucket=bucket, Key=key)

    def close(self) -> None:
        """Release connections."""
        self._client.close()

    @contextmanager
    def _told(self, action: str, bucket: str) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError, Boto3Error, HTTPError) as error:
            # The cause may quote requests and text from the server, so it is not chained.
            advice = remedy(error)
            raise ObjectStoreUnavailable(
                f"cannot {action} bucket {bucket!r} at {self.endpoint}: {advice}",
                public=f"the object store cannot be used: {advice}",
            ) from None


def split(uri: str) -> tuple[str, str]:
    """Bucket and key of an address.

    Raises:
        ObjectStoreMisconfigured: it has another form.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        raise ObjectStoreMisconfigured(f"{uri[:200]!r} is no address of a bundle: s3://bucket/key")
    return match[1], match[2]
