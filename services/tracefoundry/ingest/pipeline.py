"""The write path without sockets: decode, redact, offload, encode rows, put contents, commit.

``prepare`` runs the stages from a body to its encoded rows. ``commit`` puts the contents of several
prepared bodies into the object store, stores their rows in one transaction, and returns an outcome
for each body.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from tracefoundry.ingest.batch import Batch, outcomes, over_quota
from tracefoundry.ingest.messages import IngestRequest, Outcome
from tracefoundry.ingest.projects import Projects, Refused, Rules
from tracefoundry.model.genai import registry
from tracefoundry.model.genai.cost import bounded_lookups
from tracefoundry.model.payload import Content, PayloadRows
from tracefoundry.model.times import day_of
from tracefoundry.otlp import json as otlp_json
from tracefoundry.otlp import protobuf as otlp_protobuf
from tracefoundry.otlp.compression import decompress
from tracefoundry.otlp.decoded import (
    DEFAULT_LIMITS,
    BodyLimits,
    Decoded,
    TooLarge,
    Undecodable,
    UnsupportedEncoding,
)
from tracefoundry.payloads.errors import ObjectStoreError, ObjectStoreUnavailable
from tracefoundry.payloads.offload import Offloader
from tracefoundry.payloads.storing import PayloadWriter
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.report import Report
from tracefoundry.store.api import CommitResult, PayloadsGone, StoreUnavailable, Writer

PAYLOAD_ATTEMPTS = 3
"""Attempts of one commit, if stored payloads are deleted between lookup and lock."""

PAYLOAD_PAUSE_S = (0.5, 10.0)
"""Shortest and longest pause after a failure of the object store. Within these limits the pause is
as long as the failed call took. During the pause, batches with content are refused at once. So
spans without content wait for an object store that hangs at most half of the time."""

_DECODERS = {
    ("traces", "protobuf"): otlp_protobuf.decode_traces,
    ("traces", "json"): otlp_json.decode_traces,
    ("logs", "protobuf"): otlp_protobuf.decode_logs,
    ("logs", "json"): otlp_json.decode_logs,
}


class Pipeline:
    """The stages for one store. ``prepare`` may run in one thread and ``commit`` in another.

    Only ``prepare`` uses ``projects``, which must not share the writer's connection. ``commit``
    calls ``open_payloads`` for the first batch with content, and again until it succeeds.
    """

    def __init__(
        self,
        writer: Writer,
        projects: Projects,
        open_payloads: Callable[[], PayloadWriter],
        *,
        max_body_bytes: int,
        limits: BodyLimits = DEFAULT_LIMITS,
    ) -> None:
        self._writer = writer
        self._projects = projects
        self._open_payloads = open_payloads
        self._payloads: PayloadWriter | None = None
        self._payload_failure = ("", "")
        self._payload_pause_until = float("-inf")
        self._offloader = Offloader()
        self._max_body_bytes = max_body_bytes
        self._limits = limits

    def prepare(self, request: IngestRequest, body: bytes) -> Batch | Outcome:
        """All stages before the commit; returns an outcome if there is nothing to commit."""
        try:
            plain_body = decompress(body, request.content_encoding, self._max_body_bytes)
            decoded = _DECODERS[request.signal, request.encoding](plain_body, self._limits)
        except Undecodable as error:
            return Outcome(request.id, "undecodable", str(error))
        except TooLarge as error:
            return Outcome(request.id, "too_large", str(error))
        except UnsupportedEncoding as error:
            return Outcome(request.id, "unsupported_encoding", str(error))
        batch = Batch(request, plain_bytes=len(plain_body))
        for rejected in decoded.rejected:
            batch.details.setdefault(rejected.reason, rejected.detail)
        batch.rejected.update(decoded.rejected_count)
        if decoded.other_logs:
            batch.reject(
                "not_a_genai_event",
                "only logs that are GenAI events (gen_ai.*, claude_code.*, codex.*, gemini_cli.*)"
                " and that name a span are kept",
                decoded.other_logs,
            )
        self._projects.start_body()
        scan = _BodyScan(plain_body if request.encoding == "protobuf" else None)
        try:
            with bounded_lookups():
                self._prepare_spans(decoded, batch, scan)
                self._prepare_logs(decoded, batch, scan)
        except StoreUnavailable as error:
            return Outcome(request.id, "unavailable", error.public, detail=str(error))
        batch.redactions = self._projects.totals()
        batch.quotas = self._projects.quota_reports(
            batch.plain_bytes, len(decoded.spans) + len(decoded.logs)
        )
        if not batch.spans and not batch.logs:
            return over_quota(batch) or outcomes([batch], CommitResult(), 0.0)[0]
        return batch

    def _prepare_spans(self, decoded: Decoded, batch: Batch, scan: _BodyScan) -> None:
        if not decoded.spans:
            return
        now_ns = time.time_ns()
        prepare, derive = self._writer.prepare_span, registry.derive
        offload = self._offloader.offload_span
        resource = None
        rules: Rules | Refused | None = None
        clean = False
        for span in decoded.spans:
            if span.resource is not resource or rules is None:
                resource = span.resource
                rules = self._projects.rules(resource, batch.request, now_ns)
                if not isinstance(rules, Refused):
                    redact, version = rules.redactor.redact_span, rules.redactor.version
                    clean = scan.is_clean(rules.redactor)
            if isinstance(rules, Refused):
                _refuse(batch, rules)
                continue
            start = span.start_time_ns
            if not rules.oldest_ns <= start <= rules.newest_ns:
                batch.reject("outside_window", _window_detail(start, now_ns, rules))
                continue
            report = redact(span, text_is_clean=clean)
            span.policy_version = version
            if report:
                span.redactions = _counts(report)
            span.genai = derive(
                span.attributes,
                span.events,
                span.scope.name,
                span_name=span.name,
                start_time_ns=start,
            )
            offload(span, report.withheld, store=start >= rules.payloads_from_ns)
            batch.spans.append(prepare(rules.project_id, span))
            if rules.quotas is not None:
                rules.quotas.spans += 1
            if span.contents:
                _add_contents(batch, rules, start, span.contents)
                span.contents = ()

    def _prepare_logs(self, decoded: Decoded, batch: Batch, scan: _BodyScan) -> None:
        if not decoded.logs:
            return
        now_ns = time.time_ns()
        resource = None
        rules: Rules | Refused | None = None
        for log in decoded.logs:
            if log.resource is not resource or rules is None:
                resource = log.resource
                rules = self._projects.rules(resource, batch.request, now_ns)
            if isinstance(rules, Refused):
                _refuse(batch, rules)
                continue
            if not rules.oldest_ns <= log.time_ns <= rules.newest_ns:
                batch.reject("outside_window", _window_detail(log.time_ns, now_ns, rules))
                continue
            redactor = rules.redactor
            report = redactor.redact_log(log, text_is_clean=scan.is_clean(redactor))
            log.policy_version = redactor.version
            log.redactions = _counts(report)
            log.genai = registry.derive_from_event(log.name, log.attributes, log.body, log.time_ns)
            self._offloader.offload_log(
                log, report.withheld, store=log.time_ns >= rules.payloads_from_ns
            )
            batch.logs.append(self._writer.prepare_log(rules.project_id, log))
            if rules.quotas is not None:
                rules.quotas.spans += 1
            if log.contents:
                _add_contents(batch, rules, log.time_ns, log.contents)
                log.contents = ()

    def commit(self, batches: Sequence[Batch]) -> list[Outcome]:
        """Store the batches in one transaction; an outcome for each, in order.

        If the object store fails, batches without content are stored all the same; the others are
        answered as unavailable, and their senders send them again.
        """
        if not any(batch.contents for batch in batches):
            return self._commit(batches, None)
        if time.monotonic() < self._payload_pause_until:
            return self._commit_without_content(batches)
        for _ in range(PAYLOAD_ATTEMPTS):
            started = time.monotonic()
            try:
                rows = self._store_contents(batches)
            except StoreUnavailable as error:
                return _unavailable(batches, error.public, str(error))
            except ObjectStoreError as error:
                self._payload_failure = (_public(error), f"payload store: {error}")
                now, (least, most) = time.monotonic(), PAYLOAD_PAUSE_S
                self._payload_pause_until = now + min(max(now - started, least), most)
                return self._commit_without_content(batches)
            try:
                return self._commit(batches, rows)
            except PayloadsGone:
                continue
        return _unavailable(batches, "stored payloads were deleted during the commit")

    def _store_contents(self, batches: Sequence[Batch]) -> PayloadRows:
        if self._payloads is None:
            self._payloads = self._open_payloads()
        together: dict[tuple[int, str, int], list[Content]] = {}
        for batch in batches:
            for key, contents in batch.contents.items():
                together.setdefault(key, []).extend(contents)
        return self._payloads.store(together, self._writer.stored_payloads)

    def _commit_without_content(self, batches: Sequence[Batch]) -> list[Outcome]:
        plain = [batch for batch in batches if not batch.contents]
        committed = self._commit(plain, None) if plain else []
        with_content = [batch for batch in batches if batch.contents]
        committed += _unavailable(with_content, *self._payload_failure)
        by_id = {outcome.id: outcome for outcome in committed}
        return [by_id[batch.request.id] for batch in batches]

    def _commit(self, batches: Sequence[Batch], payloads: PayloadRows | None) -> list[Outcome]:
        spans = [span for batch in batches for span in batch.spans]
        logs = [log for batch in batches for log in batch.logs]
        started = time.perf_counter()
        try:
            metered = set().union(*(batch.metered for batch in batches if batch.quotas))
            result = self._writer.commit(spans, logs, payloads, metered=metered)
        except StoreUnavailable as error:
            return _unavailable(batches, error.public, str(error))
        seconds = time.perf_counter() - started
        stored = 0 if payloads is None else sum(blob.stored_bytes for blob in payloads.blobs)
        return outcomes(batches, result, seconds, stored)


class _BodyScan:
    """Whether a whole protobuf body needs no redaction, computed once for each policy.

    JSON bodies are not scanned as a whole, because escapes can hide text in them.
    """

    def __init__(self, body: bytes | None) -> None:
        self._body = body
        self._clean: dict[int, bool] = {}

    def is_clean(self, redactor: Redactor) -> bool:
        if self._body is None:
            return False
        clean = self._clean.get(redactor.version)
        if clean is None:
            clean = self._clean[redactor.version] = redactor.body_is_clean(self._body)
        return clean


def _refuse(batch: Batch, refused: Refused) -> None:
    batch.reject(refused.reason, refused.detail)
    if refused.quotas is not None:
        refused.quotas.refused += 1


def _add_contents(batch: Batch, rules: Rules, time_ns: int, contents: tuple[Content, ...]) -> None:
    batch.add_contents((rules.project_id, rules.project, day_of(time_ns)), contents)


def _counts(report: Report) -> tuple[tuple[str, int], ...]:
    return tuple((entry.rule, entry.count) for entry in report.counts)


def _public(error: ObjectStoreError) -> str:
    if isinstance(error, ObjectStoreUnavailable):
        return error.public
    return "the payload store cannot be used"


def _unavailable(batches: Sequence[Batch], reason: str, detail: str = "") -> list[Outcome]:
    return [Outcome(batch.request.id, "unavailable", reason, detail=detail) for batch in batches]


def _window_detail(time_ns: int, now_ns: int, rules: Rules) -> str:
    seconds = (time_ns - now_ns) / 1e9
    when = f"{seconds:.0f} s ahead of" if seconds > 0 else f"{-seconds:.0f} s before"
    return (
        f"time {time_ns} is {when} now; accepted are {(now_ns - rules.oldest_ns) / 1e9:.0f} s"
        f" before to {(rules.newest_ns - now_ns) / 1e9:.0f} s ahead (the project's span retention"
        " or TRACEFOUNDRY_RETENTION_SPANS sets the first)"
    )
