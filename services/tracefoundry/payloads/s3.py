"""Payload objects in S3 or a compatible store: ``s3://bucket/prefix``.

Only basic requests are used, which all servers support: no checksum trailers, and objects are
deleted one by one, because the request that deletes many needs a checksum on which servers differ.

A request that does not succeed within its time and attempts raises
:class:`~tracefoundry.payloads.errors.ObjectStoreUnavailable`, whatever the reason: senders keep
their data while somebody corrects permissions or a missing bucket. Messages say what to do and name
the endpoint's host and the bucket, never credentials or text from the server.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from tracefoundry.model.times import SECOND_NS
from tracefoundry.payloads.errors import ObjectMissing, ObjectStoreUnavailable
from tracefoundry.payloads.objects import StoredObject, check_name, check_prefix, is_name
from tracefoundry.payloads.s3_client import (
    Addressing,
    error_code,
    error_status,
    make_client,
    remedy,
)

_CHUNK_BYTES = 64 * 1024
_RANGE_NOT_SATISFIABLE = 416  # the object ends before the range begins
_PARALLEL = 8
# A whole day is deleted in batches of this size, which limits the names and futures in memory.
_BATCH = 1000


class S3Store:
    """Objects of one bucket, under a prefix."""

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        addressing: Addressing = "auto",
        connect_timeout_s: float = 2.0,
        read_timeout_s: float = 8.0,
        attempts: int = 2,
        deadline_s: float = 30.0,
    ) -> None:
        """Create a client; nothing is sent yet.

        Args:
            bucket: the bucket, which must exist.
            prefix: what object names are put under, without slashes at its ends.
            addressing: ``auto`` puts the bucket in the path except at AWS itself.
            connect_timeout_s: longest time of one connection attempt.
            read_timeout_s: longest wait for the next byte from the server.
            attempts: how often a request is tried in total.
            deadline_s: longest time of one call, whatever the server does.

        Raises:
            ObjectStoreMisconfigured: the AWS_* settings cannot be used.
        """
        self.bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._deadline_s = deadline_s
        self._client, self.endpoint = make_client(
            addressing=addressing,
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=read_timeout_s,
            attempts=attempts,
            connections=2 * _PARALLEL,
        )
        self._pool = ThreadPoolExecutor(_PARALLEL, thread_name_prefix="payload-s3")

    def put(self, name: str, data: bytes) -> None:
        """See :class:`~tracefoundry.payloads.objects.ObjectStore`."""
        self.put_many([(name, data)])

    def put_many(self, objects: Sequence[tuple[str, bytes]]) -> None:
        """See :class:`~tracefoundry.payloads.objects.ObjectStore`; eight at a time."""
        requests = [{**self._address(name), "Body": data} for name, data in objects]
        self._in_parallel("write to", self._client.put_object, requests)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """See :class:`~tracefoundry.payloads.objects.ObjectStore`."""
        request = self._address(name)
        wanted = None if length is None else max(length, 1)  # an empty range cannot be expressed
        if offset or wanted is not None:
            last = "" if wanted is None else str(offset + wanted - 1)
            request["Range"] = f"bytes={offset}-{last}"
        data: bytes
        try:
            [data] = self._in_parallel("read from", self._read, [request])
        except _NotFound:
            raise ObjectMissing(name) from None
        return data if length is None else data[:length]

    def delete(self, names: Iterable[str]) -> None:
        """See :class:`~tracefoundry.payloads.objects.ObjectStore`."""
        remaining = iter(names)
        while batch := [*itertools.islice(remaining, _BATCH)]:
            requests = [self._address(name) for name in batch]
            self._in_parallel("delete from", self._client.delete_object, requests)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """See :class:`~tracefoundry.payloads.objects.ObjectStore`; a page of 1,000 at a time."""
        check_prefix(prefix)
        return self._list(prefix)

    def delete_prefix(self, prefix: str) -> int:
        """See :class:`~tracefoundry.payloads.objects.ObjectStore`."""
        check_prefix(prefix, empty=False)
        removed = 0
        listed = self._list(prefix)
        while batch := [found.name for found in itertools.islice(listed, _BATCH)]:
            self.delete(batch)
            removed += len(batch)
        return removed

    def check(self) -> None:
        """See :class:`~tracefoundry.payloads.objects.ObjectStore`; lists one object."""
        request = {"Bucket": self.bucket, "Prefix": self._prefix, "MaxKeys": 1}
        self._in_parallel("list", self._client.list_objects_v2, [request])

    def check_room(self) -> None:
        """A bucket has no end; a quota is met at the put."""

    def close(self) -> None:
        """Release connections and threads; running calls end at their own deadline."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _address(self, name: str) -> dict[str, Any]:
        check_name(name)
        return {"Bucket": self.bucket, "Key": self._prefix + name}

    def _read(self, **request: Any) -> bytes:
        deadline = time.monotonic() + self._deadline_s
        try:
            body = self._client.get_object(**request)["Body"]
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                raise _NotFound from None
            if error_status(error) == _RANGE_NOT_SATISFIABLE:
                return b""
            raise
        chunks = []
        with body:
            for chunk in body.iter_chunks(_CHUNK_BYTES):
                chunks.append(chunk)
                if time.monotonic() > deadline:
                    raise TimeoutError
        return b"".join(chunks)

    def _list(self, prefix: str) -> Iterator[StoredObject]:
        request = {"Bucket": self.bucket, "Prefix": self._prefix + prefix}
        while True:
            [page] = self._in_parallel("list", self._client.list_objects_v2, [request])
            for found in page.get("Contents", []):
                name = found["Key"].removeprefix(self._prefix)
                if is_name(name):
                    modified_at_ns = int(found["LastModified"].timestamp()) * SECOND_NS
                    yield StoredObject(name, found["Size"], modified_at_ns)
            token = page.get("NextContinuationToken")
            if not page.get("IsTruncated") or token is None:
                return
            request["ContinuationToken"] = token

    def _in_parallel(
        self, action: str, call: Callable[..., Any], requests: Sequence[dict[str, Any]]
    ) -> Sequence[Any]:
        """Results of all calls in order, within the deadline; after an error the rest is cancelled.

        A single call goes through the pool too, because waiting on it is what limits its time.
        """
        futures = [self._pool.submit(call, **request) for request in requests]
        done, pending = wait(futures, self._deadline_s, return_when=FIRST_EXCEPTION)
        for future in pending:
            future.cancel()
        try:
            # Raises the error of the first call that failed; cancelled calls are not in ``done``.
            for future in done:
                future.result()
            if pending:
                raise TimeoutError
        except (BotoCoreError, ClientError, HTTPError, TimeoutError) as error:
            # The cause may quote requests and text from the server, so it is not chained.
            advice = remedy(error)
            raise ObjectStoreUnavailable(
                f"cannot {action} bucket {self.bucket!r} at {self.endpoint}: {advice}",
                public=f"the payload store cannot be used: {advice}",
            ) from None
        return [future.result() for future in futures]


class _NotFound(Exception):
    """The object does not exist."""
