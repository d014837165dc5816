"""decode > redact > offload > prepare > commit: the write path, free of sockets and processes.

``prepare`` runs all stages up to the encoded rows of one body; ``commit`` stores several prepared
bodies in one transaction and says for each what became of it.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate

import msgspec

from tracefoundry import payloads, redaction
from tracefoundry.ingest.messages import IngestRequest, Outcome
from tracefoundry.model.genai import plain
from tracefoundry.otlp import json as otlp_json
from tracefoundry.otlp import protobuf as otlp_protobuf
from tracefoundry.otlp.compression import decompress
from tracefoundry.otlp.decoded import Decoded
from tracefoundry.otlp.errors import TooLarge, Undecodable, UnsupportedEncoding
from tracefoundry.store.contract import (
    CommitResult,
    PreparedLog,
    PreparedSpan,
    SpanWriter,
    StoreUnavailable,
)

DEFAULT_PROJECT = "default"
PROJECTS_FRESH_S = 30.0
"""How long the list of projects is believed."""
ASK_AGAIN_S = 1.0
"""Least time between two questions for it: for a name that is not in it, or after a failure."""
MESSAGE_REASONS = 5

_DECODERS = {
    ("traces", "protobuf"): otlp_protobuf.decode_traces,
    ("traces", "json"): otlp_json.decode_traces,
    ("logs", "protobuf"): otlp_protobuf.decode_logs,
    ("logs", "json"): otlp_json.decode_logs,
}


class Batch(msgspec.Struct):
    """One body on its way to the store."""

    request: IngestRequest
    spans: list[PreparedSpan]
    logs: list[PreparedLog]
    rejected: Counter[str]
    details: dict[str, str]
    plain_bytes: int = 0
    """Size of the body after decompression, which is what it weighs in memory."""

    def reject(self, reason: str, detail: str, count: int = 1) -> None:
        """Count spans or logs that will never be stored; the first detail of a reason is told."""
        self.rejected[reason] += count
        self.details.setdefault(reason, detail)


class Pipeline:
    """The stages over one store. ``prepare`` may run in one thread and ``commit`` in another;
    ``find_projects`` is called by ``prepare`` and must not share the writer's connection."""

    def __init__(
        self,
        writer: SpanWriter,
        find_projects: Callable[[], dict[str, int]],
        *,
        retention_ns: int,
        ahead_ns: int,
        max_body_bytes: int,
    ) -> None:
        self._writer = writer
        self._find_projects = find_projects
        self._retention_ns = retention_ns
        self._ahead_ns = ahead_ns
        self._max_body_bytes = max_body_bytes
        self._projects: dict[str, int] = {}
        self._projects_at = float("-inf")

    def prepare(self, request: IngestRequest, body: bytes) -> Batch | Outcome:
        """Everything up to the commit; an outcome at once when there is nothing to commit."""
        try:
            plain_body = decompress(body, request.content_encoding, self._max_body_bytes)
            decoded = _DECODERS[request.signal, request.encoding](plain_body)
        except Undecodable as error:
            return Outcome(request.id, "undecodable", str(error))
        except TooLarge as error:
            return Outcome(request.id, "too_large", str(error))
        except UnsupportedEncoding as error:
            return Outcome(request.id, "unsupported_encoding", str(error))
        batch = Batch(request, [], [], Counter(), {}, len(plain_body))
        for rejected in decoded.rejected:
            batch.details.setdefault(rejected.reason, rejected.detail)
        batch.rejected.update(decoded.rejected_count)
        if decoded.other_logs:
            batch.reject(
                "not_a_genai_event",
                "only logs whose event name begins with gen_ai. and that name a span are kept",
                decoded.other_logs,
            )
        try:
            self._prepare_spans(decoded, batch)
            self._prepare_logs(decoded, batch)
        except StoreUnavailable as error:
            return Outcome(request.id, "unavailable", str(error))
        if not batch.spans and not batch.logs:
            return _outcomes([batch], CommitResult(), 0.0)[0]
        return batch

    def _prepare_spans(self, decoded: Decoded, batch: Batch) -> None:
        if not decoded.spans:
            return
        now_ns = time.time_ns()
        oldest, newest = now_ns - self._retention_ns, now_ns + self._ahead_ns
        prepare, derive = self._writer.prepare_span, plain.derive
        redact, offload = redaction.redact_span, payloads.offload_span
        resource = None
        project_id: int | None = None
        for span in decoded.spans:
            if span.resource is not resource:
                resource = span.resource
                project_id = self._project_id(resource.project, batch.request.project)
            if not oldest <= span.start_time_ns <= newest:
                batch.reject("outside_window", self._window_detail(span.start_time_ns, now_ns))
                continue
            if project_id is None:
                batch.reject("unknown_project", _project_detail(resource, batch.request.project))
                continue
            span = redact(span)
            span.genai = derive(span.attributes)
            batch.spans.append(prepare(project_id, offload(span)))

    def _prepare_logs(self, decoded: Decoded, batch: Batch) -> None:
        if not decoded.logs:
            return
        now_ns = time.time_ns()
        oldest, newest = now_ns - self._retention_ns, now_ns + self._ahead_ns
        for log in decoded.logs:
            project_id = self._project_id(log.resource.project, batch.request.project)
            if not oldest <= log.time_ns <= newest:
                batch.reject("outside_window", self._window_detail(log.time_ns, now_ns))
            elif project_id is None:
                batch.reject(
                    "unknown_project", _project_detail(log.resource, batch.request.project)
                )
            else:
                kept = payloads.offload_log(redaction.redact_log(log))
                batch.logs.append(self._writer.prepare_log(project_id, kept))

    def _window_detail(self, time_ns: int, now_ns: int) -> str:
        seconds = (time_ns - now_ns) / 1e9
        when = f"{seconds:.0f} s ahead of" if seconds > 0 else f"{-seconds:.0f} s before"
        return (
            f"time {time_ns} is {when} now; accepted are {self._retention_ns / 1e9:.0f} s before"
            f" to {self._ahead_ns / 1e9:.0f} s ahead (TRACEFOUNDRY_RETENTION_SPANS sets the first)"
        )

    def _project_id(self, attribute: str | None, header: str | None) -> int | None:
        """The id of the project that resource, header or default names; None when unknown."""
        name = attribute or header or DEFAULT_PROJECT
        age = time.monotonic() - self._projects_at
        if age > PROJECTS_FRESH_S or (name not in self._projects and age > ASK_AGAIN_S):
            try:
                self._projects = self._find_projects()
                self._projects_at = time.monotonic()
            except StoreUnavailable:
                if name not in self._projects:
                    raise
                # Believe the old list a little longer rather than wait once for every resource.
                self._projects_at = time.monotonic() - PROJECTS_FRESH_S + ASK_AGAIN_S
        return self._projects.get(name)

    def commit(self, batches: Sequence[Batch]) -> list[Outcome]:
        """Store the batches in one transaction; an outcome for each, in order."""
        spans = [span for batch in batches for span in batch.spans]
        logs = [log for batch in batches for log in batch.logs]
        started = time.perf_counter()
        try:
            result = self._writer.commit(spans, logs)
        except StoreUnavailable as error:
            return [Outcome(batch.request.id, "unavailable", str(error)) for batch in batches]
        seconds = time.perf_counter() - started
        return _outcomes(batches, result, seconds)


def _project_detail(resource: object, header: str | None) -> str:
    name = getattr(resource, "project", None) or header
    return f"project {name!r} does not exist; create it first, or leave the project out"


def _outcomes(batches: Sequence[Batch], result: CommitResult, seconds: float) -> list[Outcome]:
    """What a commit's result says of each batch. Linear: batches may be many and all resent."""
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
        )
        for at, batch in enumerate(batches)
    ]


def _message(batch: Batch, conflicts: int) -> str:
    """What a partial success says, empty when all is well."""
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
