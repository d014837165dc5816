"""``tracefoundry replay-job``: checks the bundle of a TraceExport as it is in the bucket, and hands
it to the pod in which the agent runs again, if there is one."""

from __future__ import annotations

import io
import tempfile
from contextlib import closing
from typing import Any, BinaryIO

from tracefoundry.bundle.errors import NotABundle
from tracefoundry.bundle.reading import Bundle
from tracefoundry.bundle.verification import verify
from tracefoundry.payloads.bundle_objects import BundleObjects
from tracefoundry.payloads.errors import (
    ObjectMissing,
    ObjectStoreError,
    ObjectStoreMisconfigured,
)
from tracefoundry.replay.bundled import dry_replay_of_bundle
from tracefoundry.server.bundle_handover import hand_over
from tracefoundry.server.errors import CommandError
from tracefoundry.server.job_documents import (
    REPLAY_VARIABLE,
    JobFailed,
    ReplayRequest,
    RerunPod,
    Scratch,
    read_document,
)

COUNTED = ("missing", "expired", "dangling", "redacted", "excluded")
"""States of payloads in the report."""

RERUN_LISTENS_WITHIN_S = 300.0
"""The pod of the re-run has an address; its image may still be pulled."""


def run_replay_job() -> dict[str, Any]:
    """Check the bundle that the environment names, and return the report.

    Raises:
        JobFailed: the bundle is gone, or is not the one that was exported.
        CommandError: it could not be read this time.
    """
    request, scratch = read_document(REPLAY_VARIABLE, ReplayRequest), Scratch.of()
    try:
        with tempfile.TemporaryFile(dir=scratch.folder) as file:
            _download(request, file, scratch)
            found = _checked(request.uri, file)
            if request.rerun is not None:
                _hand_over(request.rerun, request.sha256, file)
            return found
    except ObjectMissing as error:
        raise JobFailed(f"{request.uri} is not there any more") from error
    except ObjectStoreMisconfigured as error:
        raise JobFailed(str(error)) from error
    except ObjectStoreError as error:
        raise CommandError(str(error)) from error


def _download(request: ReplayRequest, file: BinaryIO, scratch: Scratch) -> None:
    with closing(BundleObjects()) as bundles:
        sha256 = bundles.download(request.uri, file, limit_bytes=scratch.limit_bytes)
    if sha256 != request.sha256:
        raise JobFailed(
            f"{request.uri} was changed after the export: its SHA-256 is {sha256},"
            f" that of the export {request.sha256}"
        )


def _hand_over(pod: RerunPod, sha256: str, file: BinaryIO) -> None:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    hand_over(file, size, sha256, (pod.host, pod.port), within_s=RERUN_LISTENS_WITHIN_S)


def _checked(uri: str, file: BinaryIO) -> dict[str, Any]:
    file.seek(0)
    verdict = verify(file)
    if not verdict.valid:
        where = "" if verdict.member is None else f"{verdict.member}: "
        raise JobFailed(f"{uri} is no valid bundle: {where}{verdict.reason}")
    try:
        found = dry_replay_of_bundle(Bundle(file))
    except NotABundle as error:
        raise JobFailed(f"{uri} is no valid bundle: {error}") from error
    return {"ok": found.ok, **{state: found.payloads.get(state, 0) for state in COUNTED}}
