"""``retrieval``: one search for documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, overload

from opentelemetry.trace import SpanKind

from tracefoundry_sdk import conventions as c
from tracefoundry_sdk.json_text import looks_like_json, snapshot, text_of
from tracefoundry_sdk.replaying import Identity
from tracefoundry_sdk.spans.base import Operation
from tracefoundry_sdk.spans.helper import Helper

P = ParamSpec("P")
R = TypeVar("R")


class Retrieval(Operation):
    """A search: its query and what it found."""

    kind = SpanKind.CLIENT

    def __init__(self, source: str | None, query: Any) -> None:
        super().__init__()
        self._source = source
        self._query = query
        self._documents: Any = None

    @property
    def query(self) -> Any:
        """What is searched for."""
        return self._query

    @query.setter
    def query(self, value: Any) -> None:
        self._query = value
        if value is not None and self._wants_content():
            self.content(c.RETRIEVAL_QUERY_TEXT, text_of(value))
        if self.replay is not None:
            self.replay.identity = self.identity()

    @property
    def documents(self) -> Any:
        """What was found."""
        return self._documents

    @documents.setter
    def documents(self, value: Any) -> None:
        self._documents = value
        if value is not None and self._wants_content():
            self.content(c.RETRIEVAL_DOCUMENTS, snapshot(value))
        if looks_like_json(value):
            self.attribute(c.RESULT_IS_TEXT, True)

    def span_name(self) -> str:
        """``retrieval {source}``."""
        return f"{c.OPERATION_RETRIEVAL} {self._source}" if self._source else c.OPERATION_RETRIEVAL

    def identity(self) -> Identity:
        """The source and the query."""
        query = None if self._query is None else text_of(self._query)
        return Identity("retrieval", self._source or "", {"query": query})

    def start_attributes(self) -> dict[str, Any]:
        """Identity of the search."""
        return {c.OPERATION_NAME: c.OPERATION_RETRIEVAL, c.DATA_SOURCE_ID: self._source}

    def began(self) -> None:
        """Keep the query."""
        self.query = self._query

    def finish(self) -> None:
        """Keep the replies of HTTP, if the call is recorded."""
        if self._exchanges:
            self.keep_raw_response(None)

    def take_arguments(self, name: str, arguments: dict[str, Any]) -> None:
        """The function's name, and its ``query`` or first argument."""
        self._source = self._source or name
        if self._query is None and arguments:
            self._query = arguments.get("query", next(iter(arguments.values())))

    def take_result(self, result: Any) -> Any:
        """What the function returns are the documents, unless it set them."""
        if self._documents is None:
            self.documents = result
        return result


@overload
def retrieval(source: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def retrieval(source: str | None = None, *, query: Any = None) -> Helper[Retrieval]: ...
def retrieval(source: Any = None, *, query: Any = None) -> Any:
    """Trace a search: ``with retrieval("orders", query=q) as r`` or as a decorator."""
    function = source if callable(source) else None
    text = None if function else source
    helper = Helper(lambda: Retrieval(text, query))
    return helper(function) if function else helper
