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


_Name = Annotated[str, msgspec.Meta(max_length=256)]
_Note = Annotated[str, msgspec.Meta(max_length=1024)]


class RerunResult(msgspec.Struct, frozen=True, kw_only=True):
    """What ``tracefoundry rerun-job`` reports. Counts are of calls.

    Attributes:
        guards: what kept live calls from being made.
        notes: what a reader has to know, as sentences.
        unanswered: names of the first calls that the recording did not answer.
    """

    matched: _Count
    missed: _Count
    diverged: _Count
    unused: _Count
    guards: Annotated[tuple[_Name, ...], msgspec.Meta(max_length=16)]
    notes: Annotated[tuple[_Note, ...], msgspec.Meta(max_length=8)] = ()
    unanswered: Annotated[tuple[_Note, ...], msgspec.Meta(max_length=16)] = ()


_Result = TypeVar("_Result", BundleResult, ReplayResult, RerunResult)


def bundle(job: str, snapshot: ExportSnapshot) -> dict[str, Any] | None:
    """The bundle that the Job with this name wrote; None when none of its pods reports one."""
    return _builtins(_read(job, snapshot, BundleResult))


def replay(job: str, snapshot: ExportSnapshot) -> dict[str, Any] | None:
    """What the Job with this name found in the bundle."""
    return _builtins(_read(job, snapshot, ReplayResult))


def rerun(job: str, snapshot: ExportSnapshot) -> RerunResult | None:
    """What happened when the Job with this name ran the agent again."""
    return _read(job, snapshot, RerunResult)


def _builtins(found: BundleResult | ReplayResult | None) -> dict[str, Any] | None:
    if found is None:
        return None
    result: dict[str, Any] = msgspec.to_builtins(found)
    return result


def _read(job: str, snapshot: ExportSnapshot, kind: type[_Result]) -> _Result | None:
    for pod in snapshot.pods:
        if pod.job != job or pod.result is None:
            continue
        try:
            return msgspec.json.decode(pod.result, type=kind)
        except (msgspec.DecodeError, msgspec.ValidationError):
            continue
    return None
