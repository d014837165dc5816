"""What the server answers: a list of replies that are used one after the other."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, fields
from typing import Any

MOST_REPLIES = 10_000
MOST_REQUESTS = 1_000
"""Most requests that are remembered; of more, the latest."""


class BadScript(ValueError):
    """A script that cannot be used; the message names the reply and the field."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the model.

    Attributes:
        text: what it says.
        tool_calls: ``{"name": ..., "arguments": {...}}`` for each tool that it calls.
        input_tokens: usage; includes ``cached_tokens``.
        output_tokens: usage; includes ``reasoning_tokens``.
        status: HTTP status; one from 400 on is an error of the provider's form.
        retry_after_s: the ``Retry-After`` header of an error, in seconds.
        delay_s: wait before the first byte.
        chunk_delay_s: wait before each further piece of a stream.
        cut: a stream that ends in the middle, without usage.
    """

    text: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()
    input_tokens: int = 120
    output_tokens: int = 30
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    status: int = 200
    retry_after_s: float | None = None
    delay_s: float = 0.0
    chunk_delay_s: float = 0.0
    cut: bool = False

    @property
    def pieces(self) -> list[str]:
        """The text as a stream sends it, word by word."""
        return [word + " " for word in self.text.split(" ")[:-1]] + [self.text.split(" ")[-1]]


DEFAULT = Reply(text="Hello from the model server.")
_FIELDS = {field.name for field in fields(Reply)}


def read_script(script: Any) -> list[Reply]:
    """The replies of a script: a list of objects with the fields of :class:`Reply`.

    Raises:
        BadScript: it is something else.
    """
    if not isinstance(script, list) or len(script) > MOST_REPLIES:
        raise BadScript(f"a script is a list of at most {MOST_REPLIES} replies")
    replies = []
    for number, entry in enumerate(script):
        if not isinstance(entry, dict):
            raise BadScript(f"reply {number} is no object")
        unknown = sorted(entry.keys() - _FIELDS)
        if unknown:
            raise BadScript(
                f"reply {number} has unknown fields {unknown}; known are {sorted(_FIELDS)}"
            )
        replies.append(Reply(**{**entry, "tool_calls": tuple(entry.get("tool_calls", ()))}))
    return replies


class Script:
    """The replies that are left, and the requests that came. Serves any number of threads."""

    def __init__(self, replies: list[Reply] | None = None) -> None:
        self._lock = threading.Lock()
        self._replies = deque(replies or [])
        self._requests: deque[dict[str, Any]] = deque(maxlen=MOST_REQUESTS)
        self._answered = 0

    def replace(self, replies: list[Reply]) -> None:
        """Begin a new script; the remembered requests are forgotten."""
        with self._lock:
            self._replies = deque(replies)
            self._requests.clear()

    def next(self, path: str, headers: dict[str, str], body: dict[str, Any]) -> tuple[int, Reply]:
        """The number of an answer and the reply; :data:`DEFAULT` once the script is used up."""
        with self._lock:
            self._requests.append(
                {"path": path, "traceparent": headers.get("traceparent"), "body": body}
            )
            self._answered += 1
            return self._answered, self._replies.popleft() if self._replies else DEFAULT

    def requests(self) -> list[dict[str, Any]]:
        """The requests that came since the script began: path, ``traceparent`` header and body."""
        with self._lock:
            return list(self._requests)
