"""Audit entries for content that answers hold: previews of payloads, log bodies, search results.

``GET /api/payloads/{ref}`` is not the only way by which content leaves. A page of spans has the
beginnings of payloads and the bodies of logs, and a search in content tells what stands in it, by
what it finds and by what it does not. Each such answer has one entry, however much it holds,
written before it is sent. Answers without content have none.
"""

from __future__ import annotations

from collections.abc import Iterable

from tracefoundry.query.access import Recorder
from tracefoundry.schemas.spans import Span

PREVIEW_READ = "payload.preview"
SEARCHED = "payload.search"


def record_spans(record: Recorder, shown: Iterable[Span], *, project: str, trace_id: bytes) -> None:
    """Record the content that these spans of a trace show, if they show any.

    Raises:
        StoreUnavailable: it could not be recorded, so they must not be sent.
    """
    previews = bodies = 0
    for span in shown:
        previews += sum(1 for entry in span.payloads if entry.preview)
        bodies += sum(1 for log in span.logs if log.body is not None)
    if previews or bodies:
        record(
            PREVIEW_READ,
            target=trace_id.hex(),
            project=project,
            detail=f"payload previews: {previews}, log bodies: {bodies}",
        )


def record_search(record: Recorder, *, project: str | None, found: int) -> None:
    """Record a search that looked into content. Its text is not kept: it may be a secret.

    Raises:
        StoreUnavailable: it could not be recorded, so the answer must not be sent.
    """
    record(SEARCHED, project=project, detail=f"traces found: {found}")
