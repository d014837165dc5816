"""``tracefoundry export-job``: writes the bundle of a TraceExport and puts it into a bucket.

The bundle is written to a file first. So its hash and its place are in the database before anything
is in the bucket, and retention removes also what an interrupted Job has left there.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Collection, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from tracefoundry.auth.caller import Caller, Role
from tracefoundry.bundle.errors import BadKey, BundleError
from tracefoundry.bundle.keys import SigningKey
from tracefoundry.model.span import StatusCode
from tracefoundry.payloads.bundle_objects import BundleObjects
from tracefoundry.payloads.errors import ObjectStoreError, ObjectStoreMisconfigured, UnknownKey
from tracefoundry.query.access import Readable, readable, the_trace
from tracefoundry.query.errors import ApiError
from tracefoundry.query.exporting import ContentSource, Exporting
from tracefoundry.query.parameters import ExportTrace
from tracefoundry.query.payload_reading import PayloadReader
from tracefoundry.server.configuration import database_url, payload_url, read_settings
from tracefoundry.server.errors import CommandError
from tracefoundry.server.job_documents import (
    BOUNDS_VARIABLE,
    EXPORT_VARIABLE,
    SIGNING_KEY_VARIABLE,
    ExportBounds,
    ExportRequest,
    JobFailed,
    Query,
    Scratch,
    read_document,
)
from tracefoundry.server.stores import OpenStores, StoreConfiguration, check_stores, opened
from tracefoundry.store.api import Snapshot, StoreError
from tracefoundry.store.export_api import StoredBundle
from tracefoundry.store.records import StoredTrace, TracePosition, TraceSelection

PAGE_TRACES = 1_000
READ_BYTES = 1024 * 1024
_STATUS = {"ok": StatusCode.OK, "error": StatusCode.ERROR, "unset": StatusCode.UNSET}

_log = logging.getLogger("tracefoundry")


def run_export_job() -> dict[str, Any]:
    """Make the bundle that the environment asks for, and return the report.

    Raises:
        JobFailed: it cannot be made, however often it is tried.
        CommandError: it could not be made this time.
    """
    request = read_document(EXPORT_VARIABLE, ExportRequest)
    read_document(BOUNDS_VARIABLE, ExportBounds).check(request)
    signing_key, scratch = _signing_key(), Scratch.of()
    settings = read_settings()
    database = database_url(settings, None, None)
    stores = check_stores(database, payload_url(settings, None, database), settings)
    try:
        with opened(stores, settings, ask_tokens=False, writes_spans=False) as there:
            there.check_database()
            return _export(request, there, stores, scratch, signing_key)
    except ApiError as error:
        raise _failure(error) from error
    except (BundleError, UnknownKey, ObjectStoreMisconfigured) as error:
        raise JobFailed(str(error)) from error
    except (StoreError, ObjectStoreError) as error:
        raise CommandError(str(error)) from error


def _export(
    request: ExportRequest,
    there: OpenStores,
    stores: StoreConfiguration,
    scratch: Scratch,
    signing_key: SigningKey | None,
) -> dict[str, Any]:
    reader = PayloadReader(there.store.reader, there.objects, stores.keys)
    contents = ContentSource(there.objects, stores.keys, reader.read_from)
    exporting = Exporting(there.store, there.access.projects, contents, stores.patterns)
    caller = Caller(name=f"export:{request.name}", role=Role.ENGINEER)
    project_ids: list[int] = []

    def select(snapshot: Snapshot) -> tuple[Readable, list[StoredTrace]]:
        projects = readable(snapshot, request.project, caller)
        traces = _selected(snapshot, projects, request)
        project_ids.extend(sorted({trace.project_id for trace in traces}))
        return projects, traces

    def announce(projects: Collection[str], traces: Sequence[StoredTrace]) -> None:
        content = "with payloads" if request.payloads else "without payloads"
        there.access.audit.record(
            caller,
            "trace.export",
            target=traces[0].trace_id.hex() if len(traces) == 1 else f"{len(traces)} traces",
            project=next(iter(projects)) if len(projects) == 1 else None,
            detail=f"{content}, redaction {request.redaction}, to {request.destination.uri}",
        )
        _log.info("exporting %d traces to %s", len(traces), request.destination.uri)

    asked = ExportTrace(payloads=request.payloads, redaction=request.redaction)
    with tempfile.TemporaryFile(dir=scratch.folder) as file:
        manifest = exporting.write(
            select,
            asked,
            announce,
            _Limited(file, scratch),
            signing_key=signing_key,
            spool_folder=scratch.folder,
        )
        size, sha256 = _size_and_hash(file)
        now_ns = time.time_ns()
        there.store.exports.record(
            StoredBundle(
                uri=request.destination.uri,
                project_id=project_ids[0] if len(project_ids) == 1 else None,
                size_bytes=size,
                sha256=sha256,
                created_at_ns=now_ns,
                expires_at_ns=now_ns + request.object_ttl_ns,
            )
        )
        with closing(BundleObjects()) as bundles:
            bundles.upload(request.destination.uri, file)
    return {
        "uri": request.destination.uri,
        "sha256": sha256.hex(),
        "root": manifest.root,
        "bytes": size,
        "traces": manifest.counts.traces,
        "spans": manifest.counts.spans,
        "payloads": manifest.counts.payloads,
        "redactions": sum(each.count for each in manifest.redaction.report),
    }


def _selected(snapshot: Snapshot, projects: Readable, request: ExportRequest) -> list[StoredTrace]:
    """The traces to export.

    Raises:
        ApiError: a trace does not exist, was deleted or stands in several projects.
        JobFailed: there are none.
    """
    if request.query is None:
        ids = sorted(set(request.trace_ids or ()))
        return [the_trace(snapshot, projects, bytes.fromhex(one)) for one in ids]
    query, found = request.query, list[StoredTrace]()
    after: TracePosition | None = None
    while len(found) < query.limit:
        page = snapshot.traces(
            projects.ids,
            _selection(query),
            sort="newest",
            after=after,
            limit=min(PAGE_TRACES, query.limit - len(found)),
        )
        found += page.traces
        after = page.following
        if after is None:
            break
    if not found:
        raise JobFailed(
            f"the query selects no trace that began between {query.start} and {query.end}",
            "widen it; without start only the last 24 hours are looked at",
        )
    return found


def _selection(query: Query) -> TraceSelection:
    try:
        start, end = (datetime.fromisoformat(each) for each in (query.start, query.end))
    except ValueError as error:
        raise JobFailed(f"a time of the query cannot be read: {error}") from error
    return TraceSelection(
        start_ns=int(start.timestamp()) * 1_000_000_000 + start.microsecond * 1_000,
        end_ns=int(end.timestamp()) * 1_000_000_000 + end.microsecond * 1_000,
        service=query.service,
        status=None if query.status is None else _STATUS[query.status],
    )


def _failure(error: ApiError) -> CommandError:
    """Refusals stay; what is busy or away may be tried again."""
    kind = CommandError if error.status >= 500 else JobFailed
    return kind(error.message, error.remedy)


def _signing_key() -> SigningKey | None:
    """The key that signs, if the pod has one.

    Raises:
        JobFailed: it cannot be used.
    """
    path = os.environ.get(SIGNING_KEY_VARIABLE)
    if not path:
        return None
    try:
        return SigningKey.from_pem(Path(path).read_bytes())
    except (BadKey, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise JobFailed(
            f"the Secret of spec.exports.signingKeySecretRef cannot be used: {why}"
        ) from error


def _size_and_hash(file: BinaryIO) -> tuple[int, bytes]:
    """Size and SHA-256 of a file, which is then at its beginning."""
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(READ_BYTES):
        digest.update(chunk)
    size = file.tell()
    file.seek(0)
    return size, digest.digest()


class _Limited:
    """Writes to a file, up to the size of the scratch space: a pod that fills more is evicted,
    which says less."""

    def __init__(self, file: BinaryIO, scratch: Scratch) -> None:
        self._file = file
        self._scratch = scratch
        self._left = scratch.limit_bytes

    def write(self, data: bytes, /) -> int:
        """Write all of it.

        Raises:
            JobFailed: there is no space.
        """
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                raise self._scratch.too_small()
        try:
            return self._file.write(data)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise self._scratch.too_small() from error
            raise
