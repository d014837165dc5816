"""Concurrent senders that keep a ledger of what was acknowledged, and the check against the store.

Each sender does what an OTLP exporter does: it sends one body, and sends it again until it is
acknowledged, whatever happens to the platform meanwhile. An answer that would make a real sender
drop its data (400, 413, 500, a partial success) is recorded as a failure.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from ingest.bodies import PROTOBUF, body, new_span_id, new_trace_id, recent_ns, span
from platform_process import DEADLINE_S, eventually
from store.reading import rows

PAUSE_S = 0.1
"""Between a refused try and the next: far below Retry-After, so that outages see many tries."""
SPANS_A_BODY = 20
SHARED_TRACES = 5

SpanKey = tuple[bytes, bytes]


@dataclass
class Ledger:
    """What senders know. Read it when they have ended."""

    acknowledged: set[SpanKey] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)
    retry_after_missing: int = 0
    fatal: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, answer: httpx.Response, keys: list[SpanKey]) -> bool:
        """Record an answer; True when the body is acknowledged (or can never be)."""
        with self.lock:
            self.answers[str(answer.status_code)] += 1
            if answer.status_code == 200 and not answer.content:
                self.acknowledged.update(keys)
                return True
            if answer.status_code in (429, 503):
                # uvicorn's own 503 while it shuts down has no such header; it is not ours to set.
                self.retry_after_missing += "retry-after" not in answer.headers
                return False
            self.fatal.append(f"{answer.status_code}: {answer.content[:300]!r}")
            return True

    def note_silence(self, error: httpx.HTTPError) -> None:
        """Record a try without an answer."""
        with self.lock:
            self.answers[type(error).__name__] += 1

    def count(self, answer: str) -> int:
        """How often an answer was seen so far."""
        with self.lock:
            return self.answers[answer]


class Senders:
    """Threads that send until they are asked to finish."""

    def __init__(self, otlp: Callable[[], str], ledger: Ledger, count: int, padding: int) -> None:
        self.ledger = ledger
        self._otlp = otlp
        self._padding = "x" * padding
        self._traces = [new_trace_id() for _ in range(SHARED_TRACES)]
        self._stop = threading.Event()
        self._give_up = threading.Event()
        self._threads = [
            threading.Thread(target=self._send_all, args=(number,)) for number in range(count)
        ]

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def wait_for(self, answer: str, more: int) -> None:
        """Wait until so many more tries had this answer."""
        enough = self.ledger.count(answer) + more
        eventually(lambda: self.ledger.count(answer) >= enough, what=f"{more} more {answer}")

    def abandon(self) -> None:
        """Stop at once; what is pending stays without an answer."""
        self._stop.set()
        self._give_up.set()
        for thread in self._threads:
            thread.join()

    def finish(self, within_s: float = DEADLINE_S) -> None:
        """Send no new bodies; wait until every pending one is acknowledged."""
        self._stop.set()
        deadline = time.monotonic() + within_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        late = sum(thread.is_alive() for thread in self._threads)
        self._give_up.set()
        for thread in self._threads:
            thread.join()
        assert 0 == late, f"{late} senders were not acknowledged: {self.ledger.answers}"

    def _send_all(self, number: int) -> None:
        own = new_trace_id()
        round_number = 0
        with httpx.Client(timeout=120, trust_env=False) as client:
            while not self._stop.is_set():
                shared = self._traces[(number + round_number) % SHARED_TRACES]
                content, keys = self._body(own, shared)
                round_number += 1
                while not self._try(client, content, keys):
                    if self._give_up.wait(PAUSE_S):
                        return

    def _try(self, client: httpx.Client, content: bytes, keys: list[SpanKey]) -> bool:
        try:
            answer = client.post(
                self._otlp() + "/v1/traces", content=content, headers={"content-type": PROTOBUF}
            )
        except httpx.HTTPError as error:
            self.ledger.note_silence(error)
            return False
        return self.ledger.note(answer, keys)

    def _body(self, own: bytes, shared: bytes) -> tuple[bytes, list[SpanKey]]:
        keys = [
            (own if position % 2 else shared, new_span_id()) for position in range(SPANS_A_BODY)
        ]
        start = recent_ns()
        attributes = {"padding": self._padding} if self._padding else {"gen_ai.tool.name": "t"}
        spans = [
            span(trace_id, span_id=span_id, start_ns=start + position, attributes=attributes)
            for position, (trace_id, span_id) in enumerate(keys)
        ]
        return body(spans), keys


@contextmanager
def load(otlp: Callable[[], str], *, senders: int = 6, padding: int = 0) -> Iterator[Senders]:
    """Senders at work; when the block is left normally they finish and nothing was fatal."""
    running = Senders(otlp, Ledger(), senders, padding)
    running.start()
    try:
        yield running
    except BaseException:
        running.abandon()
        raise
    running.finish()
    assert [] == running.ledger.fatal


def assert_stored_once(url: str, ledger: Ledger, *, others: bool = False) -> None:
    """Every acknowledged span is a row, and the summaries count the rows.

    ``others`` allows rows that were never acknowledged: their senders have given up.
    """
    stored = [
        (bytes(row["trace_id"]), bytes(row["span_id"]))
        for row in rows(url, "SELECT trace_id, span_id FROM spans")
    ]
    assert set() == ledger.acknowledged - set(stored)
    assert len(set(stored)) == len(stored)
    if not others:
        assert len(ledger.acknowledged) == len(stored)
    counted = Counter(trace_id for trace_id, _ in stored)
    summaries = rows(url, "SELECT trace_id, span_count FROM traces")
    assert dict(counted) == {bytes(row["trace_id"]): row["span_count"] for row in summaries}
