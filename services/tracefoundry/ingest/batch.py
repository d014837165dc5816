"""One body on its way to the store, and the outcome that its sender is told."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

import msgspec

from tracefoundry.ingest.messages import IngestRequest, Outcome, QuotaReport
from tracefoundry.model.payload import Content
from tracefoundry.store.api import CommitResult, PreparedLog, PreparedSpan

MESSAGE_REASONS = 5
"""Most reasons of refusal in the message of a partial success."""

ContentKey = tuple[int, str, int]
"""Project id, project name, day since the epoch."""


class Batch(msgspec.Struct):
    """One decoded, redacted and prepared body."""

    request: IngestRequest
    spans: list[PreparedSpan] = []
    logs: list[PreparedLog] = []
    contents: dict[ContentKey, list[Content]] = {}
    rejected: Counter[str] = msgspec.field(default_factory=Counter)
    details: dict[str, str] = {}
    redactions: dict[str, int] = {}
    payload_bytes: int = 0
    """Length of all contents together, repeated ones included."""
    plain_bytes: int = 0
    """Size of the body after decompression."""
    quotas: list[QuotaReport] = []
    """What was counted for projects that have quotas."""

    @property
    def metered(self) -> set[int]:
        """Ids of the projects whose usage of the day must be counted."""
        return {
            report.project_id
            for report in self.quotas
            if report.spans and report.limits.any_for_a_day
        }

    def reject(self, reason: str, detail: str, count: int = 1) -> None:
        """Count spans or logs that will never be stored; the first detail of a reason is kept."""
        self.rejected[reason] += count
        self.details.setdefault(reason, detail)

    def add_contents(self, key: ContentKey, contents: Sequence[Content]) -> None:
        """Add contents, to be stored before the commit."""
        self.contents.setdefault(key, []).extend(contents)
        self.payload_bytes += sum(len(content.value) for content in contents)


def outcomes(
    batches: Sequence[Batch], result: CommitResult, seconds: float, stored_bytes: int = 0
) -> list[Outcome]:
    """The outcome of each batch from the result of their commit.

    The time is linear in the number of batches and of indices in the result: there may be many
    batches, and all of their spans may be duplicates.
    """
    last_span = list(accumulate(len(batch.spans) for batch in batches))
    last_log = list(accumulate(len(batch.logs) for batch in batches))
    duplicates, conflicts, refused = ([0] * len(batches) for _ in range(3))
    for indices, last, counts in (
        (result.duplicates, last_span, duplicates),
        (result.duplicate_logs, last_log, duplicates),
        (result.conflicts, last_span, conflicts),
    ):
        for index in indices:
            counts[bisect_right(last, index)] += 1
    for refusals, last in ((result.refused_spans, last_span), (result.refused_logs, last_log)):
        for refusal in refusals:
            at = bisect_right(last, refusal.index)
            batches[at].reject(refusal.reason, refusal.detail)
            refused[at] += 1
    return [
        Outcome(
            batch.request.id,
            "ok",
            _message(batch, conflicts[at]),
            len(batch.spans) + len(batch.logs) - duplicates[at] - conflicts[at] - refused[at],
            duplicates[at],
            conflicts[at],
            dict(batch.rejected),
            seconds,
            batch.redactions,
            batch.payload_bytes,
            stored_bytes if at == 0 else 0,
            quotas=batch.quotas,
        )
        for at, batch in enumerate(batches)
    ]


def over_quota(batch: Batch) -> Outcome | None:
    """The outcome of a body of which nothing is accepted, if quotas are among the reasons. It may
    be sent again, because the quota comes back; all of it was refused, so nothing is lost."""
    exceeded = [report.exceeded for report in batch.quotas if report.exceeded is not None]
    if not exceeded:
        return None
    return Outcome(
        batch.request.id,
        "over_quota",
        _message(batch, 0),
        retry_after_s=max(each.retry_after_s for each in exceeded),
        quotas=batch.quotas,
    )


def _message(batch: Batch, conflicts: int) -> str:
    """The message of a partial success; empty if there is nothing to report."""
    noun = "spans" if batch.request.signal == "traces" else "log records"
    parts = [
        f"{count} {noun} refused: {reason} ({batch.details.get(reason, '')})"
        for reason, count in batch.rejected.most_common(MESSAGE_REASONS)
    ]
    left = len(batch.rejected) - MESSAGE_REASONS
    if left > 0:
        parts.append(f"and {left} more reasons")
    if conflicts:
        parts.append(
            f"{conflicts} {noun} were stored before with other content; the first ones stay"
        )
    return "; ".join(parts)
