"""Reads on millions of stored spans, through the API."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any
from urllib.request import Request, urlopen

from bodies import make_body
from platform_under_test import Platform, load, postgres, serving

SPANS = 5_000_000
LARGE_TRACE = 100_000
READS = 300


def on_postgres(spans: int = SPANS) -> dict[str, Any]:
    """Latencies of a trace by id, of filtered lists, and of the skeleton of a large trace."""
    with postgres() as server, serving(server.create_database("reads")) as platform:
        stored = 0
        began = time.monotonic()
        while stored < spans:
            bodies = min(2_000, (spans - stored + 499) // 500)
            stored += load(platform, bodies=bodies, seconds=600)["spans"]
        filled_s = time.monotonic() - began
        large = _send_large_trace(platform)
        traces = _some_traces(platform)
        rng = random.Random(7)
        by_id = _percentiles(
            lambda: platform.get(f"/api/traces/{rng.choice(traces)}/spans?limit=1000")
        )
        filters = [
            "service=agent-3", "status=error", "min_duration_ms=500", "environment=none",
            "service=agent-7&sort=slowest", "max_duration_ms=200", "tool=search", "min_tokens=1",
            "sort=expensive", "sort=newest",
        ]  # fmt: skip
        lists = {
            query: _percentiles(lambda: platform.get(f"/api/traces?start=0&{query}"), READS // 6)  # noqa: B023 - called at once
            for query in filters
        }
        skeleton = [_skeleton(platform, large) for _ in range(5)]
    return {
        "spans": stored,
        "filled_s": filled_s,
        "trace_by_id_100_spans": by_id,
        "filtered_lists": lists,
        "filtered_list_worst_p99_s": max(result["p99_s"] for result in lists.values()),
        "skeleton_of_100000_spans_s": sorted(skeleton)[2],
    }


def _percentiles(read: Callable[[], object], times: int = READS) -> dict[str, float]:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        read()
        took.append(time.perf_counter() - began)
    took.sort()
    return {"p50_s": took[times // 2], "p99_s": took[int(times * 0.99)]}


def _some_traces(platform: Platform) -> list[str]:
    found: list[str] = []
    cursor = ""
    while len(found) < 5_000:
        page = platform.get(f"/api/traces?start=0&limit=1000{cursor}")
        found += [trace["trace_id"] for trace in page["traces"] if trace["span_count"] == 100]
        if not page["next_cursor"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    return found


def _send_large_trace(platform: Platform) -> str:
    """Send one trace of 100,000 spans in one body; returns its id."""
    request = Request(  # noqa: S310 - our own address
        platform.otlp + "/v1/traces",
        make_body(LARGE_TRACE, 99, trace_spans=LARGE_TRACE),
        {"content-type": "application/x-protobuf"},
    )
    with urlopen(request, timeout=120) as answer:  # noqa: S310 - our own address
        answer.read()
    page = platform.get("/api/traces?start=0&sort=slowest&limit=1")
    trace = page["traces"][0]
    if trace["span_count"] != LARGE_TRACE:
        raise RuntimeError("the large trace was not found")
    return str(trace["trace_id"])


def _skeleton(platform: Platform, trace_id: str) -> float:
    """Seconds to read the skeleton of all spans of a trace, page after page."""
    began = time.perf_counter()
    spans = 0
    cursor = ""
    while True:
        page = platform.get(f"/api/traces/{trace_id}/spans?view=skeleton&limit=10000{cursor}")
        spans += len(page["spans"])
        if not page["next_cursor"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    took = time.perf_counter() - began
    if spans != LARGE_TRACE:
        raise RuntimeError(f"{spans} spans came instead of {LARGE_TRACE}")
    return took
