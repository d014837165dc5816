"""A streamed reply on its way through ``call.stream()`` to the agent.

Chunks pass through unchanged, and so do the exceptions of the stream. What was seen is recorded
when the stream ends, when it is closed, when the ``with`` around it is left, or when nobody holds
it any more.
"""

from __future__ import annotations

from typing import Any, Protocol

from tracefoundry_sdk.json_text import snapshot
from tracefoundry_sdk.messages.chunks import ReplyBuilder
from tracefoundry_sdk.messages.replies import Reply
from tracefoundry_sdk.messages.unknown_reply import warn_of_unknown_reply
from tracefoundry_sdk.safety import never_raises

MAX_RECORDED_CHUNKS = 100_000


class StreamedCall(Protocol):
    """The call that a stream belongs to."""

    @property
    def keeps_chunks(self) -> bool:
        """Chunks are recorded for replay."""

    def first_chunk(self) -> None:
        """The first piece of the answer has come."""

    def stream_finished(
        self, reply: Reply, chunks: list[Any], error: BaseException | None, *, early: bool
    ) -> None:
        """The stream has ended, was left, or failed."""


class Stream:
    """Both an iterator and an async iterator; other attributes are those of the stream."""

    def __init__(self, source: Any, call: StreamedCall) -> None:
        self._source = source
        self._call = call
        self._iterator: Any = None
        self._builder = ReplyBuilder()
        self._chunks: list[Any] = []
        self._finished = False
        self.started = False

    def __iter__(self) -> Stream:
        self._iterator = iter(self._source)
        return self

    def __next__(self) -> Any:
        if self._iterator is None:
            self._iterator = iter(self._source)
        try:
            chunk = next(self._iterator)
        except StopIteration:
            self._finish(None, early=False)
            raise
        except BaseException as error:
            self._finish(error, early=True)
            raise
        self._take(chunk)
        return chunk

    def __aiter__(self) -> Stream:
        self._iterator = aiter(self._source)
        return self

    async def __anext__(self) -> Any:
        if self._iterator is None:
            self._iterator = aiter(self._source)
        try:
            chunk = await anext(self._iterator)
        except StopAsyncIteration:
            self._finish(None, early=False)
            raise
        except BaseException as error:
            self._finish(error, early=True)
            raise
        self._take(chunk)
        return chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def __enter__(self) -> Stream:
        enter = getattr(self._source, "__enter__", None)
        if enter is not None:
            self._source = enter()
        return self

    def __exit__(self, *raised: Any) -> Any:
        self._finish(raised[1], early=True)
        leave = getattr(self._source, "__exit__", None)
        return leave(*raised) if leave is not None else None

    async def __aenter__(self) -> Stream:
        enter = getattr(self._source, "__aenter__", None)
        if enter is not None:
            self._source = await enter()
        return self

    async def __aexit__(self, *raised: Any) -> Any:
        self._finish(raised[1], early=True)
        leave = getattr(self._source, "__aexit__", None)
        return await leave(*raised) if leave is not None else None

    def close(self) -> Any:
        """Close the stream; a coroutine if the stream's own ``close`` is one."""
        self._finish(None, early=True)
        close = getattr(self._source, "close", None)
        return close() if close is not None else None

    def close_recording(self, error: BaseException | None) -> None:
        """The ``with`` is left: record what has come."""
        self._finish(error, early=True)

    def __del__(self) -> None:
        if not self.__dict__.get("_finished", True):
            self._finish(None, early=True)

    @never_raises(None)
    def _take(self, chunk: Any) -> None:
        if not self.started:
            self.started = True
            self._call.first_chunk()
        self._builder.add(chunk)
        if self._call.keeps_chunks and len(self._chunks) < MAX_RECORDED_CHUNKS:
            self._chunks.append(snapshot(chunk))

    @never_raises(None)
    def _finish(self, error: BaseException | None, *, early: bool) -> None:
        if self._finished:
            return
        self._finished = True
        if (unknown := self._builder.unknown_chunk) is not None:
            warn_of_unknown_reply(unknown)
        self._call.stream_finished(self._builder.reply(), self._chunks, error, early=early)
