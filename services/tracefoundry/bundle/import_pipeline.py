"""From spans and logs of a file to staged rows: put contents back, redact, derive, offload, store.

Two ways lead here. Spans of a bundle were redacted and offloaded when they were stored first: their
entries stay as they are, and contents go back only to derive the GenAI view from the whole span.
With a redactor, as for the files of other platforms, spans go through the stages of ingest instead.

A second thread stores a batch while the next one is prepared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Protocol, Self

from tracefoundry.bundle.import_options import ImportTarget
from tracefoundry.model.contents import restore_log, restore_span, restored_attributes
from tracefoundry.model.genai import registry
from tracefoundry.model.genai.cost import bounded_lookups
from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.payload import Content, PayloadEntry, PayloadRows
from tracefoundry.model.span import LogRecord, Span
from tracefoundry.model.summary import TraceKey
from tracefoundry.payloads.offload import Offloader
from tracefoundry.payloads.storing import PayloadWriter
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.report import Report
from tracefoundry.store.api import PayloadsGone, PreparedLog, PreparedSpan
from tracefoundry.store.import_api import ImportRun

BATCH_RECORDS = 2_000
"""Spans or logs staged in one transaction: no more than a commit of ingest takes, so that a SQLite
file is never locked for long."""
BATCH_CONTENT_BYTES = 8 * 1024 * 1024
"""A batch ends with the record that takes its contents past this size."""
PAYLOAD_ATTEMPTS = 3

_Contents = dict[tuple[int, str, int], dict[str, bytes]]
"""Contents by (project id, project, day) and ref."""

Find = Callable[[Collection[str]], Mapping[str, bytes]]
"""From refs to those contents that the file holds; a text that is no ref has none."""


class _Record(Protocol):
    payloads: tuple[PayloadEntry, ...]
    redactions: tuple[tuple[str, int], ...]


def no_contents(_refs: Collection[str]) -> Mapping[str, bytes]:
    """The contents of a file that keeps them in its spans."""
    return {}


class ImportPipeline:
    """Stages records of one import, in a ``with`` block. One instance serves one thread.

    Args:
        run: the import.
        payloads: stores contents; None where there is no payload store.
        find: reads contents of the file.
    """

    def __init__(
        self, run: ImportRun, payloads: PayloadWriter | None, find: Find = no_contents
    ) -> None:
        self._run = run
        self._payloads = payloads
        self._find = find
        self._offloader = Offloader()
        self._present = run.admit(())
        self._admitted: set[TraceKey] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="import")
        self._staging: Future[None] | None = None
        self._spans: list[PreparedSpan] = []
        self._logs: list[PreparedLog] = []
        self._contents: _Contents = {}
        self._content_bytes = 0
        self.redactions: Counter[str] = Counter()
        self.contents = 0
        """Contents handed to the payload store, each as often as a batch had it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.shutdown(wait=True)

    def add_spans(
        self, target: ImportTarget, spans: Sequence[Span], *, redactor: Redactor | None, policy: int
    ) -> None:
        """Prepare spans of one project, and stage them when a batch is full.

        Args:
            redactor: applies a policy; None keeps what was redacted before.
            policy: the version of the policy by which it was.
        """
        self.admit({(target.project_id, span.trace_id) for span in spans})
        prepare = self._run.prepare_span
        with bounded_lookups():
            for span in spans:
                found = self._find(_refs_of(span)) if span.payloads else {}
                if redactor is None:
                    self._derive_span(span, found)
                    span.policy_version = policy
                else:
                    span, found = self._redacted_span(span, found, redactor)
                self._spans.append(prepare(target.project_id, span))
                self._add_contents(target, span.trace_id, found)
                if self._is_full():
                    self.flush()

    def add_logs(
        self,
        target: ImportTarget,
        logs: Sequence[LogRecord],
        *,
        redactor: Redactor | None,
        policy: int,
    ) -> None:
        """Prepare log records of one project; see :meth:`add_spans`."""
        self.admit({(target.project_id, log.trace_id) for log in logs})
        prepare = self._run.prepare_log
        with bounded_lookups():
            for log in logs:
                found = self._find(_refs_of(log)) if log.payloads else {}
                if redactor is None:
                    whole = restore_log(log, found) if found else log
                    log.genai = _event_view(whole)
                    log.policy_version = policy
                else:
                    log, found = self._redacted_log(log, found, redactor)
                self._logs.append(prepare(target.project_id, log))
                self._add_contents(target, log.trace_id, found)
                if self._is_full():
                    self.flush()

    def admit(self, keys: Collection[TraceKey]) -> None:
        """Say which traces come; see :meth:`ImportRun.admit`."""
        new = set(keys) - self._admitted
        if new:
            self._wait()
            self._present = self._run.admit(new)
            self._admitted |= new

    def _derive_span(self, span: Span, found: Mapping[str, bytes]) -> None:
        attributes, events = span.attributes, span.events
        if found:
            attributes, events = restored_attributes(span, found)
        span.genai = registry.derive(
            attributes,
            events,
            span.scope.name,
            span_name=span.name,
            start_time_ns=span.start_time_ns,
        )

    def _redacted_span(
        self, span: Span, found: Mapping[str, bytes], redactor: Redactor
    ) -> tuple[Span, Mapping[str, bytes]]:
        span = restore_span(span, found)
        left = span.payloads
        report = redactor.redact_span(span)
        span.policy_version = redactor.version
        self._derive_span(span, {})
        self._offloader.offload_span(span, report.withheld)
        self._note(span, report, left)
        return span, _taken(span.contents)

    def _redacted_log(
        self, log: LogRecord, found: Mapping[str, bytes], redactor: Redactor
    ) -> tuple[LogRecord, Mapping[str, bytes]]:
        log = restore_log(log, found)
        left = log.payloads
        report = redactor.redact_log(log)
        log.policy_version = redactor.version
        log.genai = _event_view(log)
        self._offloader.offload_log(log, report.withheld)
        self._note(log, report, left)
        return log, _taken(log.contents)

    def _note(self, record: _Record, report: Report, left: tuple[PayloadEntry, ...]) -> None:
        """Keep entries of contents that the file does not hold, and count what was taken out now
        with what was before."""
        if left:
            record.payloads = (*left, *record.payloads)
        if report:
            counts = Counter(dict(record.redactions))
            for one in report.counts:
                counts[one.rule] += one.count
                self.redactions[one.rule] += one.count
            record.redactions = tuple(sorted(counts.items()))

    def _add_contents(
        self, target: ImportTarget, trace_id: bytes, found: Mapping[str, bytes]
    ) -> None:
        if not found or (target.project_id, trace_id) in self._present:
            return
        key = (target.project_id, target.name, self._run.day)
        of_project = self._contents.setdefault(key, {})
        for ref, value in found.items():
            if ref not in of_project:
                of_project[ref] = value
                self._content_bytes += len(value)

    def _is_full(self) -> bool:
        records = len(self._spans) + len(self._logs)
        return records >= BATCH_RECORDS or self._content_bytes >= BATCH_CONTENT_BYTES

    def flush(self) -> None:
        """Begin to stage what is prepared, once the batch before is staged.

        Raises:
            ObjectStoreUnavailable: contents cannot be stored.
            StoreError: as :meth:`ImportRun.stage`.
        """
        self._wait()
        if self._spans or self._logs:
            self._staging = self._thread.submit(
                self._stage, self._spans, self._logs, self._contents
            )
            self._spans, self._logs, self._contents, self._content_bytes = [], [], {}, 0

    def finish(self) -> None:
        """Stage what is left; raises as :meth:`flush`."""
        self.flush()
        self._wait()

    def _wait(self) -> None:
        """Wait for the batch that is being staged."""
        if self._staging is not None:
            staging, self._staging = self._staging, None
            staging.result()

    def _stage(
        self, spans: list[PreparedSpan], logs: list[PreparedLog], contents: _Contents
    ) -> None:
        for attempt in range(1, PAYLOAD_ATTEMPTS + 1):
            rows = self._store_contents(contents)
            try:
                self._run.stage(spans, logs, rows)
            except PayloadsGone:
                if attempt == PAYLOAD_ATTEMPTS:
                    raise
            else:
                return

    def _store_contents(self, contents: _Contents) -> PayloadRows | None:
        if not contents or self._payloads is None:
            return None
        listed = {
            key: [Content(ref, value) for ref, value in found.items()]
            for key, found in contents.items()
        }
        self.contents += sum(map(len, listed.values()))
        return self._payloads.store(listed, self._run.stored_payloads)


def _refs_of(record: Span | LogRecord) -> set[str]:
    """The refs of contents that the file may hold."""
    return {
        entry.ref for entry in record.payloads if entry.ref is not None and entry.state == "present"
    }


def _taken(contents: Iterable[Content]) -> dict[str, bytes]:
    return {content.ref: content.value for content in contents}


def _event_view(log: LogRecord) -> GenAI | None:
    return registry.derive_from_event(log.name, log.attributes, log.body, log.time_ns)
