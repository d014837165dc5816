"""OTLP/HTTP: the protocol's rules around a body that this process never looks into.

Plain ASGI, because this is the hot path. Answers carry the request's encoding, errors a
``google.rpc.Status`` (OTLP specification 1.11). Senders drop a batch on 400, 401, 404, 413, 415 and
500, so these are for what can never succeed; everything temporary is 429 or 503 with Retry-After.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tracefoundry.auth.caller import Caller
from tracefoundry.auth.gate import (
    CHALLENGE,
    Gate,
    Reason,
    Refused,
    authorization_headers,
    peer_address,
)
from tracefoundry.ingest.messages import IngestRequest, Outcome
from tracefoundry.ingest.service import (
    RETRY_AFTER_S,
    UNAVAILABLE_RETRY_AFTER_S,
    ByteReservation,
    IngestService,
    Overloaded,
    holders_of,
)
from tracefoundry.otlp import answers
from tracefoundry.otlp.answers import CONTENT_TYPES, Encoding, Signal, parse_content_type

ROUTES: dict[str, Signal] = {
    "/v1/traces": "traces",
    "/v1/logs": "logs",
    "/otlp/v1/traces": "traces",
    "/otlp/v1/logs": "logs",
    "/otlp": "traces",
    "/api/public/otel/v1/traces": "traces",
    "/api/public/otel/v1/logs": "logs",
}
"""Paths that take OTLP: the specification's, an alias, and the one Langfuse's SDKs insist on."""

PROJECT_HEADER = b"x-tracefoundry-project"
CANCEL_ON_DISCONNECT = "cancel_on_disconnect"
"""Key of a request's ``state`` that asks the server (``server.http_connection``) to cancel the
request when its connection is lost."""

INVALID_ARGUMENT, PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNAVAILABLE = 3, 7, 8, 14
UNAUTHENTICATED = 16
"""google.rpc.Code"""

_REFUSALS: dict[Reason, tuple[int, int]] = {
    "unauthenticated": (401, UNAUTHENTICATED),
    "forbidden": (403, PERMISSION_DENIED),
    "unavailable": (503, UNAVAILABLE),
}
"""HTTP status and google.rpc.Code of what authentication refuses."""
_CHALLENGE = (b"www-authenticate", CHALLENGE.encode())


class _TooLarge(Exception):
    """The body is over the limit as sent."""


class _Gone(Exception):
    """The sender closed the connection, or the server did because the sender was too slow."""


def otlp_routes(
    service: IngestService,
    *,
    gate: Gate,
    max_body_bytes: int,
    middleware: Sequence[Middleware] = (),
) -> list[Route]:
    """The routes of OTLP, each with and without a slash at its end, behind ``middleware``."""
    return [
        Route(
            path + slash,
            OtlpEndpoint(service, signal, gate=gate, max_body_bytes=max_body_bytes),
            middleware=middleware,
        )
        for slash in ("", "/")
        for path, signal in ROUTES.items()
    ]


async def refuse_origin(scope: Scope, send: Send, reason: str) -> None:
    """Answer 403 in the request's encoding, without looking at the body."""
    encoding = parse_content_type(_latin(dict(scope["headers"]).get(b"content-type")))
    if encoding is None:
        await _plain(send, 403, reason)
    else:
        await _status(send, encoding, 403, PERMISSION_DENIED, reason)


class OtlpEndpoint:
    """ASGI application that takes exports of one signal.

    The sender is authenticated before a byte of the body is read.
    """

    def __init__(
        self, service: IngestService, signal: Signal, *, gate: Gate, max_body_bytes: int
    ) -> None:
        self._service = service
        self._signal: Signal = signal
        self._gate = gate
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] != "POST":
            await _plain(send, 405, "OTLP is sent by POST", (b"allow", b"POST"))
            return
        headers = dict(scope["headers"])
        encoding = parse_content_type(_latin(headers.get(b"content-type")))
        if encoding is None:
            await _plain(
                send, 415, "Content-Type must be application/x-protobuf or application/json"
            )
            return
        try:
            caller = await self._gate.admit_sender(
                authorization_headers(scope), address=peer_address(scope), target=scope["path"]
            )
        except Refused as refused:
            status, code = _REFUSALS[refused.reason]
            extra = (_CHALLENGE,) if status == 401 else ()
            retry_after_s = UNAVAILABLE_RETRY_AFTER_S if status == 503 else None
            await _status(send, encoding, status, code, str(refused), retry_after_s, extra)
        else:
            scope.setdefault("state", {})[CANCEL_ON_DISCONNECT] = True
            await self._export(encoding, headers, caller, receive, send)

    async def _export(
        self,
        encoding: Encoding,
        headers: dict[bytes, bytes],
        caller: Caller,
        receive: Receive,
        send: Send,
    ) -> None:
        if b"content-length" not in headers and b"transfer-encoding" not in headers:
            # HTTP/1.0 clients may send a body up to the end of the connection. It would be taken
            # for no body, and an empty export is a success.
            await _status(
                send, encoding, 411, INVALID_ARGUMENT,
                "the request does not say how long its body is: Content-Length is needed",
            )  # fmt: skip
            return
        announced = headers.get(b"content-length", b"0")
        size = int(announced) if announced.isdigit() else 0
        if size > self._max_body_bytes:
            await self._too_large(send, encoding)
            return
        named_project = _latin(headers.get(PROJECT_HEADER))
        request = IngestRequest(
            0,
            self._signal,
            encoding,
            _latin(headers.get(b"content-encoding")) or "",
            named_project,
            caller.project,
        )
        try:
            async with self._service.reserve(holders_of(caller, named_project)) as reservation:
                body = await self._read(receive, reservation)
                outcome = await self._service.export(request, "http", body)
        except Overloaded:
            self._service.count_overloaded(self._signal, "http")
            await _status(
                send, encoding, 429, RESOURCE_EXHAUSTED,
                "too many bytes in flight; send again", RETRY_AFTER_S,
            )  # fmt: skip
        except _TooLarge:
            await self._too_large(send, encoding)
        except _Gone:
            return
        else:
            await self._answer(send, encoding, outcome)

    async def _read(self, receive: Receive, reservation: ByteReservation) -> bytes:
        """The body. The server ends the connection of a sender that is too slow."""
        pieces = []
        received = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            piece: bytes = message.get("body", b"")
            received += len(piece)
            if received > self._max_body_bytes:
                raise _TooLarge
            await reservation.grow_to(received)
            pieces.append(piece)
            if not message.get("more_body", False):
                return b"".join(pieces) if len(pieces) > 1 else piece

    async def _answer(self, send: Send, encoding: Encoding, outcome: Outcome) -> None:
        if outcome.status == "ok":
            body = answers.success(self._signal, encoding, outcome.rejected_total, outcome.message)
            await _respond(send, 200, CONTENT_TYPES[encoding], body)
        elif outcome.status == "undecodable":
            await _status(send, encoding, 400, INVALID_ARGUMENT, outcome.message)
        elif outcome.status == "unsupported_encoding":
            await _status(send, encoding, 415, INVALID_ARGUMENT, outcome.message)
        elif outcome.status == "too_large":
            await _status(send, encoding, 413, INVALID_ARGUMENT, outcome.message)
        elif outcome.status == "over_quota":
            await _status(
                send, encoding, 429, RESOURCE_EXHAUSTED, outcome.message, outcome.retry_after_s
            )
        else:
            await _status(
                send, encoding, 503, UNAVAILABLE, outcome.message, UNAVAILABLE_RETRY_AFTER_S
            )

    async def _too_large(self, send: Send, encoding: Encoding) -> None:
        message = f"the body is larger than {self._max_body_bytes} bytes; send smaller batches"
        await _status(send, encoding, 413, INVALID_ARGUMENT, message)


async def _status(
    send: Send,
    encoding: Encoding,
    status: int,
    code: int,
    message: str,
    retry_after_s: int | None = None,
    extra: tuple[tuple[bytes, bytes], ...] = (),
) -> None:
    if retry_after_s is not None:
        extra = (*extra, (b"retry-after", b"%d" % retry_after_s))
    body = answers.status(encoding, code, message)
    await _respond(send, status, CONTENT_TYPES[encoding], body, *extra)


async def _plain(send: Send, status: int, message: str, *headers: tuple[bytes, bytes]) -> None:
    await _respond(send, status, "text/plain; charset=utf-8", message.encode() + b"\n", *headers)


async def _respond(
    send: Send, status: int, content_type: str, body: bytes, *headers: tuple[bytes, bytes]
) -> None:
    """Send a whole answer."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", content_type.encode()),
                (b"content-length", b"%d" % len(body)),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


def _latin(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
