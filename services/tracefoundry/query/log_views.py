"""The GenAI view of a span, completed by what its log records say.

Some libraries put the model, the usage or why a model stopped into events that come as log records,
often after their span. They are joined at read: what the span leaves open is taken from them, and
its usage from one of them only where it has none at all, so that nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tracefoundry.model.event_facts import completed_view
from tracefoundry.model.genai.view import GenAI
from tracefoundry.store.records import StoredLog, StoredSpan

FIELDS = tuple(field.name for field in msgspec.structs.fields(GenAI))


def view_of(span: StoredSpan, logs: Iterable[StoredLog] = ()) -> GenAI | None:
    """The view of a span, completed by its logs; None where neither says anything."""
    events = [view for log in logs if (view := log.view()) is not None]
    return completed_view(span.view(), events, span.start_time_ns)
