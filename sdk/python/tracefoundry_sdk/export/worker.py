"""The exporter's thread: takes batches from the queue and delivers them.

It starts with the first item and not with ``quick_start``, so that a process that forks its workers
later (``gunicorn --preload``) forks without a second thread. After a fork the child begins anew
with an empty queue: what waited there is the parent's, which delivers it.

The end of the process waits at most ``EXIT_TIMEOUT_S`` for the rest. ``atexit`` does that in
ordinary processes and forked children; children of ``multiprocessing`` leave by ``os._exit``
without it, and get a finalizer of their own.
"""

from __future__ import annotations

import atexit
import math
import os
import random
import sys
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from tracefoundry_sdk import conventions as c
from tracefoundry_sdk.export.encoding import encode
from tracefoundry_sdk.export.items import Item, LogItem, SpanItem
from tracefoundry_sdk.export.log_encoding import encode_logs
from tracefoundry_sdk.export.queue import Batch, ByteQueue
from tracefoundry_sdk.export.transport import Answer, Transport
from tracefoundry_sdk.safety import REPORT_INTERVAL_S, logger, warn_rarely

_BATCH_BYTES = 3 << 20
"""Estimated; leaves room below the limit of a request for what the estimate misses."""
_DELAY_S = 0.5
_FIRST_BACKOFF_S = 0.5
_MAX_BACKOFF_S = 30.0
_GIVE_UP_AFTER_S = 300.0
"""A request that cannot be delivered for so long is dropped, so that newer ones get their turn."""
_TRIES_AT_END = 3
"""So often a request is tried when the process ends; then this and all after it are given up."""
_LOG_TIMEOUT_S = 1.0
"""A server that is slow to take logs leaves the spans the rest of the time at the end."""
_LAST_TRY_S = 0.25
"""The least time that a last request is given when the process ends."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where spans and logs go."""

    traces_url: str
    logs_url: str


class ExportWorker:
    """Queue and thread of one ``quick_start``."""

    def __init__(
        self,
        transport: Transport,
        target: Target,
        *,
        max_queue_bytes: int = c.MAX_QUEUE_BYTES,
        timeout_s: float = 10.0,
    ) -> None:
        self._transport = transport
        self._target = target
        self._timeout_s = timeout_s
        self._max_queue_bytes = max_queue_bytes
        self._start_lock = threading.Lock()
        self._begin()
        self._logs_refused = False
        self._reported_lost = 0
        self._last_report_s: float | None = None
        self._flushed_lost = 0
        if hasattr(os, "register_at_fork"):
            _call_weakly(self._after_fork, os.register_at_fork)
        atexit.register(_exit_of(self))

    def _begin(self) -> None:
        self._queue = ByteQueue(
            max_bytes=self._max_queue_bytes, batch_bytes=_BATCH_BYTES, delay_s=_DELAY_S
        )
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()  # ends a wait between two tries
        self._stop_at_s: float | None = None  # when the process must be able to end
        self._given_up = False  # at the end of the process, because the server did not answer

    def put(self, item: Item, *, urgent: bool = False) -> bool:
        """Queue an item; False if it was dropped."""
        if self._thread is None:
            self._start()
        return self._queue.put(item, urgent=urgent)

    def flush(self, timeout_s: float) -> bool:
        """Deliver what was put so far. True if all of it arrived, and none was lost before.

        A loss is told once: by the first flush after it.
        """
        self._wake.set()
        in_time = self._queue.wait_delivered(max(0.0, timeout_s))
        lost = self._queue.lost
        complete = in_time and lost == self._flushed_lost
        self._flushed_lost = lost
        return complete

    def stop(self, timeout_s: float = c.EXIT_TIMEOUT_S) -> bool:
        """Deliver the rest and end the thread, in at most ``timeout_s``; drop what comes later."""
        if self._stop_at_s is None:
            self._stop_at_s = time.monotonic() + timeout_s
        self._queue.close()
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, self._stop_at_s - time.monotonic()))
        unfinished = self._queue.unfinished
        if unfinished or self._queue.lost > self._reported_lost:
            self._report(unfinished)
        return not unfinished

    @property
    def lost(self) -> int:
        """Items that were dropped or refused."""
        return self._queue.lost

    @property
    def held_bytes(self) -> int:
        """Estimated memory of what waits."""
        return self._queue.held_bytes

    def _start(self) -> None:
        with self._start_lock:
            if self._thread is not None or self._stop_at_s is not None:
                return
            thread = threading.Thread(target=self._run, name="tracefoundry-export", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is ending
                warn_rarely("TraceFoundry: the exporter's thread cannot start; spans are lost")
                return
            self._thread = thread
            _stop_with_multiprocessing_child(self)

    def _after_fork(self) -> None:
        warn_rarely.after_fork()
        self._start_lock = threading.Lock()
        self._transport.after_fork()
        self._begin()
        self._reported_lost = 0
        self._flushed_lost = 0

    def _run(self) -> None:
        queue = self._queue
        while (batch := queue.take()) is not None:
            lost = len(batch.items)
            try:
                lost = self._deliver(batch)
            except Exception:  # noqa: BLE001 - the thread must outlive whatever one batch does
                warn_rarely("TraceFoundry: a batch failed and is dropped", exc_info=True)
            queue.finish(batch, lost=lost)
            if queue.lost > self._reported_lost:
                self._report_at_times()
        self._transport.close()

    def _deliver(self, batch: Batch) -> int:
        """Send a batch; gives how many items were lost."""
        if self._given_up:
            return len(batch.items)
        lost = self._send_spans([item for item in batch.items if isinstance(item, SpanItem)])
        logs = [item for item in batch.items if isinstance(item, LogItem)]
        if logs and not self._logs_refused and not self._given_up:
            self._send_logs(logs)
        return lost

    def _send_spans(self, spans: list[SpanItem]) -> int:
        """Before the logs of a batch: the end of the process may leave time for one request."""
        requests, lost = encode(spans)
        for request in requests:
            answer = self._send(self._target.traces_url, request.body)
            if answer.too_large and request.count > 1:
                lost += self._send_in_halves(spans)
            elif not answer.delivered:
                lost += request.count
                warn_rarely("TraceFoundry: spans were not accepted (%s)", answer.reason)
            elif answer.rejected or answer.reason:
                lost += answer.rejected
                warn_rarely("TraceFoundry: the server says: %s", answer.reason[:500])
        return lost

    def _send_in_halves(self, spans: list[SpanItem]) -> int:
        """For a server or proxy that takes less than we may send: one request a span."""
        lost = 0
        for span in spans:
            requests, failed = encode([span])
            lost += failed
            for request in requests:
                if not self._send(self._target.traces_url, request.body).delivered:
                    lost += 1
        return lost

    def _send_logs(self, logs: list[LogItem]) -> None:
        """Logs only tell that a run has begun; they are never worth holding up spans for."""
        answer = self._try(self._target.logs_url, encode_logs(logs), most_s=_LOG_TIMEOUT_S)
        if not answer.delivered and not answer.retryable:
            self._logs_refused = True  # a backend without logs; its spans are delivered

    def _send(self, url: str, body: bytes) -> Answer:
        """Send with retries, for at most five minutes or until the process must end."""
        give_up_s = time.monotonic() + _GIVE_UP_AFTER_S
        backoff_s = _FIRST_BACKOFF_S
        tries_at_end = 0
        while True:
            answer = self._try(url, body)
            if answer.delivered or not answer.retryable:
                return answer
            if self._stop_at_s is not None:
                tries_at_end += 1
                if tries_at_end >= _TRIES_AT_END or not self._has_time_left():
                    self._given_up = True
                    return answer
            wait_s = answer.retry_after_s
            if wait_s is None:
                wait_s = backoff_s * (0.5 + random.random() / 2)  # noqa: S311 - jitter, no secret
                backoff_s = min(backoff_s * 2, _MAX_BACKOFF_S)
            if time.monotonic() + wait_s > give_up_s:
                return answer
            self._wait(wait_s, server_asked=answer.retry_after_s is not None)

    def _try(self, url: str, body: bytes, *, most_s: float = math.inf) -> Answer:
        timeout_s = min(self._timeout_s, most_s)
        if self._stop_at_s is not None:
            timeout_s = max(_LAST_TRY_S, min(timeout_s, self._stop_at_s - time.monotonic()))
        return self._transport.send(url, body, timeout_s=timeout_s)

    def _has_time_left(self) -> bool:
        return self._stop_at_s is None or time.monotonic() + _LAST_TRY_S < self._stop_at_s

    def _wait(self, wait_s: float, *, server_asked: bool) -> None:
        """Wait before the next try, reporting drops meanwhile.

        A flush ends the wait unless the server asked for it; the end of the process always does.
        """
        deadline = time.monotonic() + wait_s
        while (rest_s := deadline - time.monotonic()) > 0:
            if self._stop_at_s is not None:
                self._wake.clear()
                self._wake.wait(min(rest_s, _LAST_TRY_S))
                return
            self._report_at_times()
            if self._wake.wait(min(rest_s, REPORT_INTERVAL_S)):
                self._wake.clear()
                if not server_asked or self._stop_at_s is not None:
                    return

    def _report_at_times(self) -> None:
        now = time.monotonic()
        if self._queue.lost == self._reported_lost:
            return
        if self._last_report_s is None or now - self._last_report_s >= REPORT_INTERVAL_S:
            self._last_report_s = now
            self._report(0)

    def _report(self, unfinished: int) -> None:
        lost = self._queue.lost
        dropped = lost - self._reported_lost + unfinished
        self._reported_lost = lost
        logger.warning(
            "TraceFoundry: %d spans were dropped, because %s did not take them in time",
            dropped,
            self._target.traces_url.split("?")[0].rpartition("@")[2],
        )


def _exit_of(worker: ExportWorker) -> Callable[[], None]:
    reference = weakref.ref(worker)

    def at_exit() -> None:
        if (living := reference()) is not None:
            living.stop()

    return at_exit


def _call_weakly(method: Callable[[], None], register: Callable[..., None]) -> None:
    reference = weakref.WeakMethod(method)

    def after_in_child() -> None:
        if (living := reference()) is not None:
            living()

    register(after_in_child=after_in_child)


def _stop_with_multiprocessing_child(worker: ExportWorker) -> None:
    """In a child of multiprocessing, stop before its ``os._exit``, which skips atexit."""
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(None, _exit_of(worker), exitpriority=100)
