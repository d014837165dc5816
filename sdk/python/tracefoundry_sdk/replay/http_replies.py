"""A recorded reply of a model as a reply of HTTP, for the client library inside the call.

Recorded exchanges of HTTP are taken as they were, event streams event by event. Without them, a
reply that the agent passed to ``call.record`` is the JSON body, and chunks that went through
``call.stream`` are an event stream: named by their ``type`` where they have one (Anthropic, and
OpenAI's responses), else ended by ``[DONE]`` (OpenAI's chat).
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from tracefoundry_sdk.json_text import dumps

_EVENT = re.compile(r".*?(?:\r?\n\r?\n|\Z)", re.DOTALL)


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


def http_replies(record: dict[str, Any]) -> list[HttpReply]:
    """The replies that a recorded call had, in order; none if it cannot be told."""
    raw = record["raw_response"]
    if not isinstance(raw, dict):
        return []
    if (exchanges := member(raw, "exchanges")) is not None:
        return [_exchange(exchange) for exchange in exchanges if isinstance(exchange, dict)]
    if (chunks := member(raw, "chunks")) is not None:
        return [HttpReply(content_type="text/event-stream", chunks=_events(chunks))]
    return [HttpReply(chunks=[dumps(raw).encode()])]


def member(raw: Any, name: Literal["exchanges", "chunks", "reply"]) -> Any:
    """A member of a recorded raw response; None if it has no such member.

    A raw response is the reply itself, or ``{"chunks": [...]}``, or ``{"exchanges": [...]}``, which
    may have ``reply`` or ``chunks`` beside it.
    """
    if not isinstance(raw, dict) or not raw.keys() <= {"exchanges", "chunks", "reply"}:
        return None
    found = raw.get(name)
    if name == "reply":
        return found if "exchanges" in raw else None
    return found if isinstance(found, list) else None


def _exchange(exchange: dict[str, Any]) -> HttpReply:
    content_type = str(exchange.get("content_type") or "application/octet-stream")
    if "body_base64" in exchange:
        chunks = [base64.b64decode(exchange["body_base64"])]
    else:
        body = str(exchange.get("body") or "")
        events = "event-stream" in content_type
        chunks = [piece.encode() for piece in (_EVENT.findall(body) if events else [body]) if piece]
    status = exchange.get("status")
    return HttpReply(
        status=status if isinstance(status, int) else 200, content_type=content_type, chunks=chunks
    )


def _events(chunks: list[Any]) -> list[bytes]:
    events = [_event(chunk) for chunk in chunks]
    named = any(isinstance(chunk, dict) and isinstance(chunk.get("type"), str) for chunk in chunks)
    return events if named else [*events, b"data: [DONE]\n\n"]


def _event(chunk: Any) -> bytes:
    name = chunk.get("type") if isinstance(chunk, dict) else None
    head = f"event: {name}\n" if isinstance(name, str) else ""
    return f"{head}data: {dumps(chunk)}\n\n".encode()
