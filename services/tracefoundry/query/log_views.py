"""The GenAI view of a span, completed by what its log records say.

Some libraries put the model, the usage or why a model stopped into events that come as log records,
often after their span. They are joined at read: what the span leaves open is taken from them, and
its usage from one of them only where it has none at all, so that nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import orjson

from tracefoundry.model.genai.events import view_of_event
from tracefoundry.model.genai.merging import complete_by_events
from tracefoundry.model.genai.view import GenAI
from tracefoundry.store.records import StoredLog, StoredSpan

FIELDS = tuple(field.name for field in msgspec.structs.fields(GenAI))


def view_of(span: StoredSpan, logs: Iterable[StoredLog] = ()) -> GenAI | None:
    """The view of a span, completed by its logs; None where neither says anything."""
    view = span.view()
    found = []
    for log in logs:
        body = None if log.body is None else orjson.loads(log.body)
        event = view_of_event(log.name, orjson.loads(log.attributes), body)
        if event is not None:
            found.append(event)
    return complete_by_events(view, found) if found else view
