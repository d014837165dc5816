"""What the Jobs of a TraceExport are told by the operator, and what they report to it.

Everything comes in environment variables: JSON in ``TRACEFOUNDRY_EXPORT_JOB``,
``TRACEFOUNDRY_EXPORT_BOUNDS``, ``TRACEFOUNDRY_REPLAY_JOB`` and ``TRACEFOUNDRY_RERUN_JOB``. The
report is the termination message of the container, which Kubernetes limits to 4 KiB: JSON after
success, else one sentence.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from tracefoundry.server.errors import CommandError
from tracefoundry.settings import REDACTION_MODES, SettingsError, parse_duration_ns

EXPORT_VARIABLE = "TRACEFOUNDRY_EXPORT_JOB"
BOUNDS_VARIABLE = "TRACEFOUNDRY_EXPORT_BOUNDS"
SIGNING_KEY_VARIABLE = "TRACEFOUNDRY_EXPORT_SIGNING_KEY"
REPLAY_VARIABLE = "TRACEFOUNDRY_REPLAY_JOB"
RERUN_VARIABLE = "TRACEFOUNDRY_RERUN_JOB"
SCRATCH_VARIABLE = "TRACEFOUNDRY_SCRATCH"
SCRATCH_BYTES_VARIABLE = "TRACEFOUNDRY_SCRATCH_BYTES"

MESSAGE_LIMIT_BYTES = 4096

Mode = Literal["strict", "standard", "off"]
TraceId = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]


class JobFailed(CommandError):
    """A Job cannot succeed, however often it is tried: it exits with 2, not 1."""


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Selects traces; times are RFC 3339."""

    service: str | None = None
    status: Literal["ok", "error", "unset"] | None = None
    start: str
    end: str
    limit: Annotated[int, Meta(ge=1, le=10_000)]


class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the bundle is written."""

    bucket: str
    key: str

    @property
    def uri(self) -> str:
        """As one address."""
        return f"s3://{self.bucket}/{self.key}"


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A TraceExport.

    Attributes:
        name: ``namespace/name``, for the audit log.
        project: of the traces; None for all.
        trace_ids: what to export; None where ``query`` selects.
        own_bucket: the bundle goes under ``exports/`` in the bucket of the instance.
        object_ttl: how long the bundle is kept, like ``30d``.
    """

    name: str
    project: str | None = None
    trace_ids: Annotated[list[TraceId], Meta(min_length=1)] | None = None
    query: Query | None = None
    payloads: bool
    redaction: Mode
    destination: Place
    own_bucket: bool
    object_ttl: str

    @property
    def object_ttl_ns(self) -> int:
        """``object_ttl`` in nanoseconds.

        Raises:
            JobFailed: it is no duration.
        """
        try:
            return parse_duration_ns(self.object_ttl, "objectTTL")
        except SettingsError as error:
            raise JobFailed(str(error)) from error


class AllowedPlace(msgspec.Struct, frozen=True):
    """A bucket, and the prefix that keys must be under."""

    bucket: str
    prefix: str = ""


class ExportBounds(msgspec.Struct, frozen=True):
    """What the instance allows (``spec.exports``)."""

    weakest_redaction: Mode
    payloads: bool
    destinations: list[AllowedPlace] = []

    def check(self, request: ExportRequest) -> None:
        """Refuse what the instance does not allow now; it may have allowed it at acceptance.

        Raises:
            JobFailed: it is refused.
        """
        weakest, wanted = self.weakest_redaction, request.redaction
        found = []
        if REDACTION_MODES.index(wanted) > REDACTION_MODES.index(weakest):
            found.append(f"redaction {wanted} is weaker than {weakest}")
        if request.payloads and not self.payloads:
            found.append("payloads may not be included")
        if not request.own_bucket and not self._allows(request.destination):
            found.append(f"{request.destination.uri} is not among the destinations")
        if found:
            raise JobFailed(
                f"the TraceFoundry does not allow it any more (spec.exports): {'; '.join(found)}"
            )

    def _allows(self, place: Place) -> bool:
        return any(
            place.bucket == allowed.bucket
            and (not allowed.prefix or place.key.startswith(f"{allowed.prefix}/"))
            for allowed in self.destinations
        )


Port = Annotated[int, Meta(ge=1, le=65535)]


class RerunPod(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pod in which the agent runs again, which waits for the bundle."""

    host: str
    port: Port


class ReplayRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bundle to check.

    Attributes:
        uri: of the bundle.
        sha256: of the bundle, in hex.
        mode: ``Rerun`` hands the bundle to a pod after the check.
        rerun: that pod.
    """

    uri: str
    sha256: str
    mode: Literal["Verify", "Rerun"]
    rerun: RerunPod | None = None


class RerunRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bundle to answer an agent from.

    Attributes:
        sha256: of the bundle, in hex.
        port: where the bundle is handed over.
        ready_port: connections are taken when the agent may start.
        socket: path at which the agent finds the server of the replay.
    """

    sha256: str
    port: Port
    ready_port: Port
    socket: str


_Document = TypeVar("_Document", ExportRequest, ExportBounds, ReplayRequest, RerunRequest)


def read_document(
    variable: str, kind: type[_Document], environment: Mapping[str, str] = os.environ
) -> _Document:
    """The JSON document in an environment variable.

    Raises:
        JobFailed: there is none, or it has another form.
    """
    text = environment.get(variable)
    if not text:
        raise JobFailed(f"{variable} is not set", "the operator starts this command in a Job")
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise JobFailed(
            f"{variable} has another form: {error}",
            "operator and services must have the same version",
        ) from error


@dataclass(frozen=True, slots=True)
class Scratch:
    """Disk space for the bundle; ``limit_bytes`` None: as much as there is."""

    folder: Path
    limit_bytes: int | None

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Scratch:
        """The space that the pod has."""
        limit = environment.get(SCRATCH_BYTES_VARIABLE)
        return cls(
            folder=Path(environment.get(SCRATCH_VARIABLE) or tempfile.gettempdir()),
            limit_bytes=int(limit) if limit else None,
        )

    def too_small(self) -> JobFailed:
        """The error of a bundle that does not fit."""
        space = "" if self.limit_bytes is None else f" of {self.limit_bytes:,} bytes"
        return JobFailed(
            f"the bundle does not fit into the scratch space{space}",
            "raise spec.exports.scratchSize of the TraceFoundry, or export fewer traces",
        )


def write_report(file: Path, report: Mapping[str, Any] | str) -> None:
    """Leave the termination message. Where there is no such file, nothing is left: the command
    also prints it."""
    data = report.encode() if isinstance(report, str) else msgspec.json.encode(report)
    if file.exists():
        file.write_text(data[:MESSAGE_LIMIT_BYTES].decode(errors="ignore"), encoding="utf-8")
