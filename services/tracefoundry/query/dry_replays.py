"""``POST /api/traces/{trace_id}/dry-replay``: whether all that a replay would need is here.

It reads every payload of a trace, so it wants the role that may read content and has its entry in
the audit log. The answer itself holds no content.
"""

from __future__ import annotations

import threading
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from tracefoundry.payloads.errors import UnknownKey
from tracefoundry.query.access import Audit, EngineerCaller, readable, the_trace
from tracefoundry.query.answers import json_response
from tracefoundry.query.errors import ApiError
from tracefoundry.query.exporting import ContentSource
from tracefoundry.query.openapi import answers
from tracefoundry.query.parameters import Parameters, TraceIdPath
from tracefoundry.schemas.replay import DryReplay
from tracefoundry.store.api import Reader

DRY_REPLAYS_AT_ONCE: Final = 2
"""Each holds a connection of the reader while it reads payloads."""


def dry_replay_router(reader: Reader, source: ContentSource) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/api", tags=["bundles"])
    places = threading.BoundedSemaphore(DRY_REPLAYS_AT_ONCE)

    @router.post(
        "/traces/{trace_id}/dry-replay",
        summary="Check that a trace can be replayed",
        responses=answers(DryReplay, errors=(404, 409, 410)),
    )
    def dry_replay(
        trace_id: TraceIdPath,
        caller: EngineerCaller,
        record: Audit,
        asked: Annotated[Parameters, Query()],
    ) -> Response:
        """Rebuilds the tree, and reads every payload and compares it with its hash. Nothing is run
        and nothing is changed. The time that it takes grows with the payloads of the trace."""
        # A process in which nobody asks for this does not load what it needs.
        from tracefoundry.bundle.export_contents import ContentReader
        from tracefoundry.replay.stored import dry_replay_of_stored

        if not places.acquire(blocking=False):
            raise ApiError(
                503,
                "too_many_replays",
                f"{DRY_REPLAYS_AT_ONCE} dry replays are running already",
                "Try again when one of them is done.",
            )
        try:
            with reader.snapshot() as snapshot:
                projects = readable(snapshot, asked.project, caller)
                trace = the_trace(snapshot, projects, trace_id)
                project = projects.names[trace.project_id]
                record("trace.replay", target=trace_id.hex(), project=project)
                contents = ContentReader(snapshot, source.objects, source.keys, source.read_again)
                found = dry_replay_of_stored(snapshot, contents, source.read_again, trace, project)
        except UnknownKey as error:
            raise ApiError(
                503,
                "payload_key_missing",
                str(error),
                "Configure the key that the payload was encrypted with, then ask again.",
            ) from None
        finally:
            places.release()
        return json_response(found)

    return router
