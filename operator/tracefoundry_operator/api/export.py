"""``TraceExport``: one request for a bundle. Meanings and units stand in the schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from tracefoundry_operator.api.instance import InvalidSpec, RedactionMode
from tracefoundry_operator.api.references import NameRef, Resource

PLURAL = "traceexports"
KIND = "TraceExport"


class TraceQuery(Resource, frozen=True, kw_only=True):
    """Selects traces; times are RFC 3339."""

    service: str | None = None
    status: Literal["ok", "error", "unset"] | None = None
    start: str | None = None
    end: str | None = None
    limit: int = 1000


class ExportDestination(Resource, frozen=True, kw_only=True):
    """Where the bundle goes; without a bucket, under ``exports/`` in the instance's."""

    bucket: str | None = None
    prefix: str = ""


class DryReplay(Resource, frozen=True, kw_only=True):
    """How the bundle is checked."""

    mode: Literal["None", "Verify", "Rerun"] = "None"
    image: str | None = None
    command: tuple[str, ...] = ()


class TraceExportSpec(Resource, frozen=True, kw_only=True):
    """``spec`` of a TraceExport."""

    instance_ref: NameRef
    trace_ids: tuple[str, ...] | None = None
    query: TraceQuery | None = None
    payloads: Literal["Include", "Exclude"] = "Exclude"
    redaction: RedactionMode = "strict"
    destination: ExportDestination = ExportDestination()
    dry_replay: DryReplay = DryReplay()
    suspend: bool = False
    active_deadline_seconds: int = 3600
    backoff_limit: int = 2
    ttl_seconds_after_finished: int = 86400
    object_ttl: str = msgspec.field(default="30d", name="objectTTL")


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """A TraceExport as the operator works with it."""

    name: str
    namespace: str
    generation: int
    spec: TraceExportSpec


def read_export(body: Mapping[str, Any]) -> Export:
    """The export in a resource from the API server.

    Raises:
        InvalidSpec: the resource does not fit; the message names the field.
    """
    metadata = body["metadata"]
    try:
        spec = msgspec.convert(body.get("spec") or {}, TraceExportSpec)
    except msgspec.ValidationError as error:
        raise InvalidSpec(f"TraceExport {metadata['name']!r}: {error}") from error
    return Export(
        name=metadata["name"],
        namespace=metadata["namespace"],
        generation=metadata.get("generation", 1),
        spec=spec,
    )
