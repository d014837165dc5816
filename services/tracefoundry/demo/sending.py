"""Sending the demo by OpenTelemetry's OTLP/HTTP exporter, and reporting the result.

Our SDK's own exporter keeps trying in the background, as an agent needs it; a command must say what
did not arrive. OpenTelemetry's exporter returns success or failure and logs the reason. The demo
must report the reason, and also a partial success, which the exporter treats as success. So a hook
on the exporter's session reads every answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

import requests
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from tracefoundry.demo.recording import RunningTrace
from tracefoundry_sdk.export.log_encoding import encode_logs

BATCH_SPANS = 512
"""Approximate spans per export; a trace is never split. The SDK's batch processor has the same."""

TIMEOUT_S = 30.0
"""Longest time for one export, the exporter's own retries included."""

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class ExportFailed(Exception):
    """Spans did not arrive, or were refused. The message is one line with the reason."""


class SpansRefused(ExportFailed):
    """The receiver will never take these spans: sending them again changes nothing."""


@dataclass(frozen=True, slots=True)
class Sent:
    """How many traces and spans were delivered."""

    traces: int
    spans: int
    running: int = 0
    """How many of the traces are shown as running."""


class _Answers:
    """The receiver's answers, read by a response hook of the session."""

    def __init__(self) -> None:
        self.refused = 0
        self.warning = ""
        self.failure = ""

    def watch(self, response: requests.Response, *_args: Any, **_kwargs: Any) -> None:
        """Record refusals and the reason of a failure."""
        body = response.content
        try:
            if response.ok:
                partial = ExportTraceServiceResponse.FromString(body).partial_success
                self.refused += partial.rejected_spans
                self.warning = partial.error_message or self.warning
                return
            self.failure = Status.FromString(body).message
        except DecodeError:
            self.failure = "" if not response.ok else self.failure
        reason = f"{response.status_code} {response.reason or ''}".strip()
        self.failure = f"{reason}: {self.failure}" if self.failure else reason


class _Bearer(requests.auth.AuthBase):
    """Sets the token, and prevents ``requests`` from using credentials of a ``.netrc`` file."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def send(
    traces: Iterable[list[ReadableSpan]],
    *,
    endpoint: str,
    token: str | None = None,
    project: str | None = None,
    running: RunningTrace | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Sent:
    """Export all traces to ``endpoint`` (the full URL), in batches, one after another.

    A run that is still going on comes last, with the log record of its start; a receiver without an
    endpoint for logs is not sent that run. ``on_progress`` is called after each batch with the
    number of traces delivered by it.

    Raises:
        ExportFailed: a batch did not arrive after the exporter's retries. Batches before it are
            stored; sending the same again is safe.
        SpansRefused: the receiver refused spans permanently.
    """
    answers = _Answers()
    session = requests.Session()
    session.auth = _Bearer(token)
    session.trust_env = (urlsplit(endpoint).hostname or "") not in LOOPBACK_HOSTS
    headers = {"x-tracefoundry-project": project} if project else {}
    is_running = running is not None and _send_start(running, endpoint, session, headers)
    if running is not None and is_running:
        traces = chain(traces, [running.spans])
    session.hooks["response"].append(answers.watch)
    exporter = OTLPSpanExporter(
        endpoint=endpoint,
        headers=headers or None,
        timeout=TIMEOUT_S,
        compression=Compression.Gzip,
        session=session,
    )
    sent_traces = sent_spans = 0
    try:
        with _quiet_exporter():
            for count, batch in _batches(traces):
                answers.failure = ""
                if exporter.export(batch) is not SpanExportResult.SUCCESS:
                    reason = answers.failure or "no answer"
                    raise ExportFailed(
                        f"{endpoint} took {sent_spans} spans and failed on the next {len(batch)}: "
                        f"{reason}"
                    )
                if answers.refused:
                    why = answers.warning or "no reason given"
                    raise SpansRefused(
                        f"{endpoint} refused {answers.refused} of {len(batch)} spans: {why}"
                    )
                sent_traces += count
                sent_spans += len(batch)
                if on_progress is not None:
                    on_progress(count)
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call]
    return Sent(sent_traces, sent_spans, int(is_running))


def _send_start(
    running: RunningTrace, endpoint: str, session: requests.Session, headers: dict[str, str]
) -> bool:
    """Send the record that the run has begun; False if the receiver takes no logs."""
    url = endpoint.removesuffix("/traces") + "/logs"
    try:
        answer = session.post(
            url,
            data=encode_logs(running.started),
            headers={**headers, "content-type": "application/x-protobuf"},
            timeout=TIMEOUT_S,
        )
    except requests.RequestException as error:
        raise ExportFailed(f"{url} gave no answer: {type(error).__name__}") from error
    if answer.status_code in (404, 405, 501):
        return False
    if not answer.ok:
        raise ExportFailed(f"{url} answered {answer.status_code} {answer.reason}")
    return True


def _batches(
    traces: Iterable[list[ReadableSpan]],
) -> Iterator[tuple[int, list[ReadableSpan]]]:
    batch: list[ReadableSpan] = []
    count = 0
    for spans in traces:
        batch.extend(spans)
        count += 1
        if len(batch) >= BATCH_SPANS:
            yield count, batch
            batch, count = [], 0
    if batch:
        yield count, batch


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Keep the exporter's log lines off the terminal while its results are being reported here."""
    logger = logging.getLogger("opentelemetry.exporter")
    propagated = logger.propagate
    silent = logging.NullHandler()
    logger.addHandler(silent)
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = propagated
        logger.removeHandler(silent)
