"""One request to the server, and what its answer means.

The session is made anew in a forked child: a connection that two processes share would mix their
requests. Our own requests are kept out of the traces of HTTP instrumentations.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

import requests
from opentelemetry import context
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tracefoundry_sdk.settings import ExportSettings

_RETRYABLE = frozenset({408, 429, 502, 503, 504})
_MAX_RETRY_AFTER_S = 300.0
_CONNECT_TIMEOUT_S = 5.0
_SUPPRESS_KEYS = ("suppress_instrumentation", "suppress_http_instrumentation")


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request."""

    delivered: bool
    retryable: bool = False
    too_large: bool = False
    rejected: int = 0  # spans that the server refused by partial success
    retry_after_s: float | None = None
    reason: str = ""


class Transport(Protocol):
    """How the worker sends; replaced in tests."""

    def send(self, url: str, body: bytes, *, timeout_s: float) -> Answer:
        """Send one body. Never raises for what the network or the server does."""

    def after_fork(self) -> None:
        """Share no connection with the parent process."""

    def close(self) -> None:
        """Nothing more will be sent."""


class HttpTransport:
    """OTLP over HTTP, with the `requests` library that OpenTelemetry's exporter uses too."""

    def __init__(self, settings: ExportSettings) -> None:
        self._settings = settings
        self._session: requests.Session | None = None
        self._headers = {
            "user-agent": "tracefoundry-sdk",
            **settings.headers,
            "content-type": "application/x-protobuf",
        }
        if settings.compression == "gzip":
            self._headers["content-encoding"] = "gzip"

    def send(self, url: str, body: bytes, *, timeout_s: float) -> Answer:
        """POST the body; the timeout holds for connecting and for each wait for the answer."""
        if self._settings.compression == "gzip":
            body = gzip.compress(body, compresslevel=1)
        timeout_s = min(timeout_s, self._settings.timeout_s)
        ctx = context.get_current()
        for key in _SUPPRESS_KEYS:
            ctx = context.set_value(key, True, ctx)
        context.attach(ctx)  # this thread does nothing else, so it stays
        try:
            response = self._opened().post(
                url,
                data=body,
                headers=self._headers,
                timeout=(min(timeout_s, _CONNECT_TIMEOUT_S), timeout_s),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            # The message of the error may hold the URL with its user name and password.
            return Answer(delivered=False, retryable=True, reason=type(error).__name__)
        return _answer_of(response)

    def after_fork(self) -> None:
        """Forget the session; closing it would end the parent's TLS connection."""
        self._session = None

    def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _opened(self) -> requests.Session:
        if self._session is None:
            session = requests.Session()
            settings = self._settings
            if settings.certificate_file:
                session.verify = settings.certificate_file
            if settings.client_certificate_file and settings.client_key_file:
                session.cert = (settings.client_certificate_file, settings.client_key_file)
            if "authorization" in self._headers:
                # Else requests may replace our token by an entry of ~/.netrc.
                session.auth = _KeepHeaders()
            self._session = session
        return self._session


class _KeepHeaders(requests.auth.AuthBase):
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def _answer_of(response: requests.Response) -> Answer:
    status = response.status_code
    if 200 <= status < 300:
        rejected, reason = _partial_success(response.content)
        return Answer(delivered=True, rejected=rejected, reason=reason)
    return Answer(
        delivered=False,
        retryable=status in _RETRYABLE,
        too_large=status == 413,
        retry_after_s=_retry_after_s(response.headers.get("retry-after")),
        reason=f"HTTP {status}",
    )


def _partial_success(content: bytes) -> tuple[int, str]:
    if not content:
        return 0, ""
    message = ExportTraceServiceResponse()
    try:
        message.ParseFromString(content)
    except Exception:  # noqa: BLE001 - a proxy may answer 200 with a page; protobuf raises its own
        return 0, ""
    partial = message.partial_success
    return max(0, partial.rejected_spans), partial.error_message


def _retry_after_s(text: str | None) -> float | None:
    """Seconds of a Retry-After header, given as a number or as a date; at most 5 minutes."""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER_S) if seconds == seconds else None
