"""A recorded reply of a model as a reply of HTTP, for the client library inside the call.

A reply that the agent passed to ``call.record`` is the JSON body; chunks that went through
``call.stream`` are an event stream, named by their ``type`` where they have one (Anthropic, and
OpenAI's responses), else ended by ``[DONE]`` (OpenAI's chat).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from tracefoundry_sdk.json_text import dumps


@dataclass(slots=True)
class HttpReply:
    """A reply: its status, the type of its content, and its body in the pieces that came."""

    status: int = 200
    content_type: str = "application/json"
    chunks: list[bytes] = field(default_factory=list)

    @property
    def headers(self) -> dict[str, str]:
        """No more than what a client needs; recorded headers do not exist."""
        return {"content-type": self.content_type}

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.chunks)


def http_replies(record: dict[str, Any]) -> list[HttpReply]:
    """The replies that a recorded call had, in order; none if it cannot be told."""
    raw = record["raw_response"]
    if not isinstance(raw, dict):
        return []
    if isinstance(raw.get("exchanges"), list):
        return [_exchange(exchange) for exchange in raw["exchanges"]]
    if isinstance(raw.get("chunks"), list):
        return [HttpReply(content_type="text/event-stream", chunks=_events(raw["chunks"]))]
    return [HttpReply(chunks=[dumps(raw).encode()])]


def _exchange(exchange: dict[str, Any]) -> HttpReply:
    pieces = exchange.get("chunks") or []
    decoded = base64.b64decode if exchange.get("encoding") == "base64" else str.encode
    return HttpReply(
        status=int(exchange.get("status") or 200),
        content_type=str(exchange.get("content_type") or "application/json"),
        chunks=[decoded(str(piece)) for piece in pieces],
    )


def _events(chunks: list[Any]) -> list[bytes]:
    events = [_event(chunk) for chunk in chunks]
    named = any(isinstance(chunk, dict) and isinstance(chunk.get("type"), str) for chunk in chunks)
    return events if named else [*events, b"data: [DONE]\n\n"]


def _event(chunk: Any) -> bytes:
    name = chunk.get("type") if isinstance(chunk, dict) else None
    head = f"event: {name}\n" if isinstance(name, str) else ""
    return f"{head}data: {dumps(chunk)}\n\n".encode()
