"""``TraceExport``: a request for one bundle. Its schema in ``crds/`` describes fields and units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from tracefoundry_operator.api.instance import RedactionMode
from tracefoundry_operator.api.references import NameRef, Resource, read_spec

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
    """Where the bundle is written. Default: under ``exports/`` in the instance's bucket."""

    bucket: str | None = None
    prefix: str = ""


class DryReplay(Resource, frozen=True, kw_only=True):
    """How the bundle is verified."""

    mode: Literal["None", "Verify", "Rerun"] = "None"
    image: str | None = None
    command: tuple[str, ...] = ()


class TraceExportSpec(Resource, frozen=True, kw_only=True):
    """``spec`` of a TraceExport."""

    instance_ref: NameRef
    project: str | None = None
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
    """A TraceExport as a Python type; ``created_at`` is RFC 3339."""

    name: str
    namespace: str
    uid: str
    created_at: str
    generation: int
    spec: TraceExportSpec


def read_export(body: Mapping[str, Any]) -> Export:
    """The export in a resource from the API server.

    Raises:
        InvalidSpec: the resource does not match its schema; the message names the field.
    """
    metadata = body["metadata"]
    return Export(
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        created_at=metadata["creationTimestamp"],
        generation=metadata.get("generation", 1),
        spec=read_spec(KIND, body, TraceExportSpec),
    )
