"""What the pods of export Jobs report: the JSON of their termination messages.

A termination message comes from a container, so it is checked before it becomes part of a status:
fields of another type or size would make the API server refuse the whole status.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec

from tracefoundry_operator.snapshot import ExportSnapshot

_Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_Count = Annotated[int, msgspec.Meta(ge=0, le=9007199254740991)]


class BundleResult(msgspec.Struct, frozen=True, kw_only=True):
    """What ``tracefoundry export-job`` reports; ``status.bundle``."""

    uri: Annotated[str, msgspec.Meta(pattern="^s3://", max_length=1024)]
    sha256: _Sha256
    root: _Sha256
    bytes: _Count
    traces: _Count
    spans: _Count
    payloads: _Count
    redactions: _Count


class ReplayResult(msgspec.Struct, frozen=True, kw_only=True):
    """What ``tracefoundry replay-job`` reports; ``status.dryReplay``. Counts are of payloads."""

    ok: bool
    missing: _Count = 0
    expired: _Count = 0
    dangling: _Count = 0
    redacted: _Count = 0
    excluded: _Count = 0


_Result = TypeVar("_Result", BundleResult, ReplayResult)


def bundle(job: str, snapshot: ExportSnapshot) -> dict[str, Any] | None:
    """The bundle that the Job with this name wrote; None when none of its pods reports one."""
    return _read(job, snapshot, BundleResult)


def replay(job: str, snapshot: ExportSnapshot) -> dict[str, Any] | None:
    """What the Job with this name found in the bundle."""
    return _read(job, snapshot, ReplayResult)


def _read(job: str, snapshot: ExportSnapshot, kind: type[_Result]) -> dict[str, Any] | None:
    for pod in snapshot.pods:
        if pod.job != job or pod.result is None:
            continue
        try:
            found = msgspec.json.decode(pod.result, type=kind)
        except (msgspec.DecodeError, msgspec.ValidationError):
            continue
        result: dict[str, Any] = msgspec.to_builtins(found)
        return result
    return None
