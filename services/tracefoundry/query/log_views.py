"""The GenAI view of a span, completed by what its log records say.

Some libraries put the model, the usage or why a model stopped into events that come as log records,
often after their span. They are joined at read: what the span leaves open is taken from them, and
its usage from one of them only where it has none at all, so that nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import orjson

from tracefoundry.model.genai import plain
from tracefoundry.model.genai.events import CHOICE, DETAILS, view_of_event
from tracefoundry.model.genai.merging import complete
from tracefoundry.model.genai.view import GenAI
from tracefoundry.store.sql.reader.row import Row

_REST = ("operation", "provider", "finish_reasons", "tool_call_id", "price_version")
_COLUMNS = (
    "request_model",
    "response_model",
    "response_id",
    "agent",
    "tool",
    "conversation_id",
    "user_id",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_usd",
    "cost_source",
)
FIELDS = tuple(field.name for field in msgspec.structs.fields(GenAI))


def view_of(row: Row, logs: Iterable[Row] = ()) -> GenAI | None:
    """The view of a full row, completed by its logs; None where neither says anything."""
    view: GenAI | None = None
    if row.genai_kind is not None:
        rest: dict[str, Any] = {} if row.genai is None else orjson.loads(row.genai)
        view = GenAI(
            kind=row.genai_kind,
            dialect=rest.get("dialect", plain.DIALECT),
            **{name: rest.get(name) for name in _REST},
            **{name: row._mapping[name] for name in _COLUMNS},
        )
    for log in logs:
        if log.name == DETAILS or log.name == CHOICE:
            body = None if log.body is None else orjson.loads(log.body)
            told = view_of_event(log.name, orjson.loads(log.attributes), body)
            if told is not None:
                view = told if view is None else complete(view, told)
    return view
