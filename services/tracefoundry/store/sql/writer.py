"""What the span writers of both databases share: all that touches no connection."""

from __future__ import annotations

import abc
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from tracefoundry.model.payload import PayloadRows
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.store.api import CommitResult, PreparedLog, PreparedSpan
from tracefoundry.store.commit import Committer
from tracefoundry.store.preparation import LogRow, Preparation, SpanRow
from tracefoundry.store.recompute import recompute_deferred
from tracefoundry.store.transaction import Transaction

_Result = TypeVar("_Result")


class SqlWriter(abc.ABC):
    """See :class:`tracefoundry.store.api.Writer`; a database adds how it runs a transaction."""

    def __init__(self, span_row: SpanRow, log_row: LogRow) -> None:
        self._committer = Committer(self)
        self._preparation = Preparation(span_row, log_row)

    @abc.abstractmethod
    def run(self, work: Callable[[Transaction], _Result], days: Callable[[], set[int]]) -> _Result:
        """See :meth:`tracefoundry.store.transaction.Backend.run`."""

    def prepare_span(self, project_id: int, span: Span) -> PreparedSpan:
        return self._preparation.span(project_id, span)

    def prepare_log(self, project_id: int, log: LogRecord) -> PreparedLog:
        return self._preparation.log(project_id, log)

    def commit(
        self,
        spans: Sequence[PreparedSpan],
        logs: Sequence[PreparedLog] = (),
        payloads: PayloadRows | None = None,
        *,
        metered: Collection[int] = (),
    ) -> CommitResult:
        return self._committer.commit(spans, logs, payloads, metered=metered)

    def recompute_deferred_summaries(self, now_ns: int) -> int:
        also = self._committer.expected(now_ns)
        done = self.run(lambda tx: recompute_deferred(tx, now_ns, also), set)
        self._committer.looked_at(also)
        return done
