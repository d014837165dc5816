"""``GET /api/payloads/{ref}``: the content of a payload, to those who may read content.

Everything is verified before the first byte goes out, and recorded in the audit log before that.
The content comes from outside, from a model or a user, so a browser must never run it: the answer
has the media type of data, a sandbox policy, and headers that forbid sniffing and caching.
"""

from __future__ import annotations

import re
import time
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Response

from tracefoundry.model.payload import digest_of
from tracefoundry.model.times import rfc3339_microseconds
from tracefoundry.payloads.errors import PayloadCorrupt, UnknownKey
from tracefoundry.query.access import Audit, EngineerCaller, readable
from tracefoundry.query.answers import json_response
from tracefoundry.query.errors import ApiError, invalid_parameter
from tracefoundry.query.openapi import answers
from tracefoundry.query.parameters import Parameters
from tracefoundry.query.payload_reading import PayloadReader
from tracefoundry.schemas.errors import ErrorAnswer, PayloadGoneAnswer, PayloadGoneError, Tombstone
from tracefoundry.store.api import Reader
from tracefoundry.store.records import PayloadFate

_REF = re.compile(r"(?:sha256:)?([0-9a-fA-F]{64})")
_JSON = msgspec.json.Decoder(msgspec.Raw)

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox",
    "Cache-Control": "private, no-store",
}


_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The bytes, as JSON, text or binary, as they look.",
        "content": {
            "application/json": {"schema": {"description": "Any JSON object or array."}},
            "text/plain": {"schema": {"type": "string"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    },
    404: answers(ErrorAnswer, status=404, describe="No span refers to it.")[404],
    410: answers(
        PayloadGoneAnswer,
        status=410,
        describe="It was there; `tombstone` says when and why it went.",
    )[410],
}


def payload_router(reader: Reader, payloads: PayloadReader) -> APIRouter:
    """``/api/payloads/{ref}``."""
    router = APIRouter(prefix="/api", tags=["payloads"])

    @router.get(
        "/payloads/{ref}",
        summary="The content of a payload",
        responses=_RESPONSES,
        response_class=Response,
    )
    def get_payload(
        ref: Annotated[
            str,
            Path(
                description="`sha256:` and 64 hex digits, or these alone.",
                examples=["sha256:" + 64 * "0"],
            ),
        ],
        caller: EngineerCaller,
        record: Audit,
        asked: Annotated[Parameters, Query()],
    ) -> Response:
        """Any copy in the projects that may be read is served, once it has been verified against
        its SHA-256. At most 64 MiB."""
        wanted = ref_of(ref)
        with reader.snapshot() as snapshot:
            projects = readable(snapshot, asked.project, caller)
        try:
            found = payloads.read(projects.names, wanted)
        except UnknownKey as error:
            raise ApiError(
                503,
                "payload_key_missing",
                str(error),
                "Configure the key that the payload was encrypted with, then ask again.",
            ) from None
        except PayloadCorrupt as error:
            raise ApiError(
                500,
                "payload_corrupt",
                str(error),
                "Restore the object from a backup; what differs is never served.",
            ) from None
        if found is None:
            with reader.snapshot() as snapshot:
                fate = snapshot.payload_fate(projects.ids, digest_of(wanted), time.time_ns())
            return _gone(wanted, fate)
        record("payload.read", target=wanted, project=found.project)
        return Response(
            found.content,
            headers={
                **_HEADERS,
                "Content-Type": media_type_of(found.content),
                "ETag": f'"{wanted}"',
            },
        )

    return router


def ref_of(text: str) -> str:
    """The ref that a path names; 400 when it is none."""
    match = _REF.fullmatch(text)
    if match is None:
        raise invalid_parameter(
            "ref",
            f"{text[:80]!r} is not a payload ref",
            "Give sha256: and 64 hex digits, as `payloads` of a span shows them.",
        )
    return f"sha256:{match[1].lower()}"


def media_type_of(content: bytes) -> str:
    """What the content is typed as: JSON for objects and arrays alone, else text or binary."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "application/octet-stream"
    if content.lstrip(b" \t\r\n")[:1] in (b"{", b"["):
        try:
            _JSON.decode(content)  # checks the form, and makes no objects of 64 MiB
        except (msgspec.DecodeError, RecursionError):
            return "text/plain; charset=utf-8"
        return "application/json"
    return "text/plain; charset=utf-8"


def _gone(ref: str, fate: PayloadFate | None) -> Response:
    if fate is None:
        raise ApiError(
            404,
            "payload_not_found",
            f"there is no payload {ref}",
            "Look at the ref and the project; only what a span refers to is stored.",
        )
    ways = {
        "expired": "has expired",
        "deleted": "was deleted with its trace",
        "missing": "is not stored any more",
    }
    tombstone = Tombstone(
        fate.state, None if fate.at_ns is None else rfc3339_microseconds(fate.at_ns), fate.reason
    )
    error = PayloadGoneError(
        code="payload_gone",
        message=f"payload {ref} {ways[fate.state]}",
        remedy="Its content cannot be had back; the span that referred to it stays.",
        tombstone=tombstone,
    )
    return json_response(PayloadGoneAnswer(error), 410)
