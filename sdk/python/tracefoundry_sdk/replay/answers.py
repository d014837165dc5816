"""What a decorated function gives in a replay: its recorded value, chunks or error.

The recording holds values as JSON. A return annotation says what they were. Without one, replies
of models are dicts whose keys are attributes too, so that ``reply.choices[0].message`` works.
"""

from __future__ import annotations

import typing
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from tracefoundry_sdk.json_text import dumps
from tracefoundry_sdk.replay.errors import ReplayMiss, error_of
from tracefoundry_sdk.replay.http_replies import member
from tracefoundry_sdk.replay.typed_values import typed


class RecordedObject(dict[str, Any]):
    """A recorded object of a library: a dict whose keys are attributes too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the recorded object has no {name!r}") from None


class RecordedStream:
    """The chunks of a recorded stream, for both ``for`` and ``async for``."""

    def __init__(self, record: dict[str, Any]) -> None:
        self._items = items(record)

    def __iter__(self) -> Iterator[Any]:
        return self._items

    def __next__(self) -> Any:
        return next(self._items)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        for item in self._items:
            return item
        raise StopAsyncIteration


def value(record: dict[str, Any], function: Callable[..., Any]) -> Any:
    """What the function returns.

    Raises:
        Exception: the recorded call ended with this error.
        ReplayMiss: the recording has only the messages of a reply, which was an object.
    """
    if record["error"] is not None:
        raise error_of(record["error"])
    annotation = _return_annotation(function)
    if record["kind"] == "llm":
        raw = record["raw_response"]
        if member(raw, "chunks") is not None:
            return RecordedStream(record)
        if (reply := _reply(raw)) is not None:
            return typed(as_objects(reply), annotation)
        return _text_of_messages(record, annotation)
    if annotation is str:
        found = record["result"]  # parsed, where another instrumentation has recorded it
        return found if isinstance(found, str) else dumps(found)
    return typed(record["result"], annotation)


def items(record: dict[str, Any]) -> Iterator[Any]:
    """What the generator yields, one by one; then its error, if it ended with one."""
    raw = record["raw_response"]
    if record["kind"] == "llm" and (chunks := member(raw, "chunks")) is not None:
        yield from map(as_objects, chunks)
    elif record["kind"] == "llm":
        found = _reply(raw)
        if found is not None or record["error"] is None:
            yield as_objects(found) if found is not None else _text_of_messages(record, str)
    elif isinstance(record["result"], list):
        yield from record["result"]
    elif record["result"] is not None:
        yield record["result"]
    if record["error"] is not None:
        raise error_of(record["error"])


def as_objects(found: Any) -> Any:
    """The value with its dicts as :class:`RecordedObject`."""
    if isinstance(found, dict):
        return RecordedObject({key: as_objects(item) for key, item in found.items()})
    if isinstance(found, list):
        return [as_objects(item) for item in found]
    return found


def _reply(raw: Any) -> Any:
    """The reply of a raw response; None if only the exchanges of HTTP were kept."""
    return raw if member(raw, "exchanges") is None else member(raw, "reply")


def _return_annotation(function: Callable[..., Any]) -> Any:
    """The return annotation; None where there is none or it cannot be read."""
    try:
        return typing.get_type_hints(function).get("return")
    except Exception:  # noqa: BLE001 - evaluates annotations of the agent, which may raise anything
        return None


def _text_of_messages(record: dict[str, Any], annotation: Any) -> str:
    """The text of a reply of which only the messages were recorded."""
    parts = [
        part
        for message in record["result"] or ()
        if isinstance(message, dict)
        for part in message.get("parts") or ()
    ]
    if annotation not in (str, None) or any(part.get("type") != "text" for part in parts):
        raise ReplayMiss(
            f"replay: of the recorded llm call {record['name']!r} only the messages were kept, not "
            "the reply; record with quick_start(record=True)"
        )
    return "".join(str(part.get("content") or "") for part in parts)
