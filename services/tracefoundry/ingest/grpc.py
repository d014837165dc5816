"""OTLP/gRPC: TraceService and LogsService. Bodies are not parsed here.

Overload and a project over its quota are RESOURCE_EXHAUSTED with RetryInfo, any other temporary
failure UNAVAILABLE, a body that cannot be decoded INVALID_ARGUMENT (OTLP specification, "OTLP/gRPC
Throttling"). Messages over the limit are refused, counted after decompression.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import unquote

# Without this, gRPC tries to handle the fork of each worker process and logs that it cannot. It
# need not, because a worker execs.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import aio

from tracefoundry.auth.caller import Caller
from tracefoundry.auth.gate import Gate, Reason, Refused
from tracefoundry.ingest.admission import Admission, Holders
from tracefoundry.ingest.messages import IngestRequest, Outcome
from tracefoundry.ingest.service import RETRY_AFTER_S, IngestService, Overloaded, holders_of
from tracefoundry.otlp import answers
from tracefoundry.otlp.answers import Signal
from tracefoundry.otlp.compression import decompress
from tracefoundry.otlp.decoded import TooLarge, Undecodable

SERVICES: dict[str, Signal] = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
}
PROJECT_METADATA = "x-tracefoundry-project"
AUTHORIZATION_METADATA = "authorization"
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Limit of one message after decompression. A message is completely in memory before it can be
admitted, so this times ``MAX_CALLS`` limits the memory. The collector's own limit is 4 MiB."""
MAX_CALLS = 64
"""Calls whose message is read or stored at once. Others wait with their message unread (HTTP/2 flow
control keeps it at the sender), and are refused as overloaded after a time."""
MESSAGE_TIMEOUT_S = 60.0
"""How long a message may take to arrive, once its call is one of the ``MAX_CALLS``."""
MAX_STREAMS = 256
"""Calls at once on one connection; clients queue further ones themselves."""

IDLE_MS = 300_000
"""How long a connection may stay without a call."""
PING_AFTER_MS, PING_TIMEOUT_MS = 60_000, 20_000
"""A connection without traffic is asked for life, and closed if there is no answer."""

_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x78\x01": "deflate",
    b"\x78\x5e": "deflate",
    b"\x78\x9c": "deflate",
    b"\x78\xda": "deflate",
}

_REFUSALS: dict[Reason, grpc.StatusCode] = {
    "unauthenticated": grpc.StatusCode.UNAUTHENTICATED,
    "forbidden": grpc.StatusCode.PERMISSION_DENIED,
    "unavailable": grpc.StatusCode.UNAVAILABLE,
}


def make_server(
    service: IngestService,
    host: str,
    port: int,
    gate: Gate,
    *,
    address_of: Callable[[str], str | None] | None = None,
) -> tuple[aio.Server, int]:
    """A server that is bound to an address but not started, and its port.

    Args:
        service: takes the exports.
        host: an address, or ``unix:PATH``.
        port: a port of the address.
        gate: authenticates the sender before a message is read.
        address_of: the sender's address of what gRPC calls the peer of a call.

    Raises:
        OSError: the address cannot be bound.
    """
    server = aio.server(
        options=[
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_concurrent_streams", MAX_STREAMS),
            ("grpc.so_reuseport", 0),
            # Messages are decompressed here, because gRPC knows no zstd.
            ("grpc.per_message_decompression", 0),
            ("grpc.max_connection_idle_ms", IDLE_MS),
            ("grpc.keepalive_time_ms", PING_AFTER_MS),
            ("grpc.keepalive_timeout_ms", PING_TIMEOUT_MS),
        ],
    )
    slots = Admission(MAX_CALLS)
    for name, signal in SERVICES.items():
        # Declared as a stream of one message, so that this code decides when the message is read.
        handler: Any = grpc.stream_unary_rpc_method_handler(
            _Export(service, gate, slots, signal, address_of or _address).export
        )
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(name, {"Export": handler}),)
        )
    if host.startswith("unix:"):
        address = host
    else:
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address} for OTLP/gRPC: is the port taken?") from error
    if bound == 0:
        raise OSError(f"cannot listen on {address} for OTLP/gRPC: is the port taken?")
    return server, bound


class _Export:
    """The ``Export`` method of one service."""

    def __init__(
        self,
        service: IngestService,
        gate: Gate,
        slots: Admission,
        signal: Signal,
        address_of: Callable[[str], str | None],
    ) -> None:
        self._service = service
        self._address_of = address_of
        self._gate = gate
        self._slots = slots
        self._signal = signal

    async def export(
        self, messages: AsyncIterator[bytes], context: aio.ServicerContext[bytes, bytes]
    ) -> bytes:
        """Answer one call."""
        caller = await self._admit(context)
        project = _project(context)
        holders = holders_of(caller, project)
        request = IngestRequest(0, self._signal, "protobuf", "", project, caller.project)
        try:
            await self._slots.acquire(1, holders)
            try:
                outcome = await self._store(request, messages, holders)
            finally:
                self._slots.release(1, holders)
        except TooLarge:
            await _abort(
                context,
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"the message is larger than max. {MAX_MESSAGE_BYTES} bytes after decompression",
            )
        except TimeoutError:
            await _abort(context, grpc.StatusCode.DEADLINE_EXCEEDED, "the message came too slowly")
        except Overloaded:
            self._service.count_overloaded(self._signal, "grpc")
            await _abort_exhausted(context, "too much in flight; send again", RETRY_AFTER_S)
        if outcome.status == "ok":
            return answers.success(
                self._signal, "protobuf", outcome.rejected_total, outcome.message
            )
        if outcome.status == "unavailable":
            await _abort(context, grpc.StatusCode.UNAVAILABLE, outcome.message)
        if outcome.status == "over_quota":
            await _abort_exhausted(context, outcome.message, outcome.retry_after_s)
        await _abort(context, grpc.StatusCode.INVALID_ARGUMENT, outcome.message)
        raise AssertionError("abort raises")

    async def _admit(self, context: aio.ServicerContext[bytes, bytes]) -> Caller:
        """The sender. Aborts the call of one that may not send."""
        try:
            return await self._gate.admit_sender(
                _metadata(context, AUTHORIZATION_METADATA),
                address=self._address_of(context.peer()),
                target=f"grpc {self._signal}",
            )
        except Refused as refused:
            await _abort(context, _REFUSALS[refused.reason], str(refused))
        raise AssertionError("abort raises")

    async def _store(
        self, request: IngestRequest, messages: AsyncIterator[bytes], holders: Holders
    ) -> Outcome:
        async with asyncio.timeout(MESSAGE_TIMEOUT_S):
            body = await anext(aiter(messages), None)
        if body is None:
            return Outcome(request.id, "undecodable", "the call carried no message")
        async with self._service.reserve(holders) as reservation:
            await reservation.grow_to(len(body))
            compression = _compression(body)
            if compression:
                try:
                    body = await asyncio.to_thread(decompress, body, compression, MAX_MESSAGE_BYTES)
                except Undecodable as error:
                    return Outcome(request.id, "undecodable", str(error))
                await reservation.grow_to(len(body))
            return await self._service.export(request, "grpc", body)


def _compression(message: bytes) -> str:
    """The codec of a message by its first bytes, none of which begin an export in protobuf; empty
    for none. gRPC does not show what the client said, nor the flag of the message."""
    return next((name for start, name in _MAGIC.items() if message.startswith(start)), "")


async def _abort(
    context: aio.ServicerContext[bytes, bytes], code: grpc.StatusCode, message: str
) -> None:
    """End the call with a status, unless it has ended already.

    gRPC itself ends a call whose message is over the limit; this code then sees no message.
    """
    try:
        await context.abort(code, message)
    except aio.AbortError:
        raise
    except aio.BaseError:
        raise asyncio.CancelledError from None


async def _abort_exhausted(
    context: aio.ServicerContext[bytes, bytes], message: str, retry_after_s: int
) -> None:
    """End the call as one to be sent again after a time."""
    details = _retry_details(message, retry_after_s)
    context.set_trailing_metadata((("grpc-status-details-bin", details),))
    await _abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, message)


def _project(context: aio.ServicerContext[bytes, bytes]) -> str | None:
    named = _metadata(context, PROJECT_METADATA)
    return named[0] if named else None


def _metadata(context: aio.ServicerContext[bytes, bytes], wanted: str) -> list[str]:
    return [
        value
        for key, value in context.invocation_metadata() or ()
        if key == wanted and isinstance(value, str)
    ]


def _address(peer: str) -> str | None:
    """The address of ``ipv4:127.0.0.1:5555`` or ``ipv6:%5B::1%5D:5555``."""
    kind, _, place = unquote(peer).partition(":")
    if kind not in ("ipv4", "ipv6"):
        return None
    return place.rpartition(":")[0].strip("[]")


def _retry_details(message: str, retry_after_s: int) -> bytes:
    """A google.rpc.Status with RetryInfo, which makes RESOURCE_EXHAUSTED retryable."""
    detail = AnyMessage()
    detail.Pack(RetryInfo(retry_delay=Duration(seconds=retry_after_s)))
    status = Status(
        code=grpc.StatusCode.RESOURCE_EXHAUSTED.value[0], message=message, details=[detail]
    )
    return bytes(status.SerializeToString())
