"""A load generator for OTLP/HTTP: a process of its own, threads with one connection each.

Reads its orders as JSON from standard input and prints its result as JSON, so that its CPU time
is its own. The load is bounded by the number of bodies or by time, whichever ends first.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from urllib.parse import urlsplit

from bodies import BodyTemplate, make_body


def main() -> None:
    """Send until the bodies are sent or the time is over."""
    orders = json.load(sys.stdin)
    templates = [
        BodyTemplate(
            make_body(
                orders["spans_per_body"],
                seed,
                trace_spans=orders["trace_spans"],
                prompt_bytes=orders.get("prompt_bytes", 0),
            )
        )
        for seed in range(orders["templates"])
    ]
    rate = orders.get("spans_per_s")
    bodies = orders["bodies"]
    ready = [templates[index % len(templates)].renewed() for index in range(bodies)]
    target = urlsplit(orders["url"])
    lock = threading.Lock()
    position = 0
    latencies: list[float] = []
    statuses: dict[int, int] = {}
    print("made", flush=True)
    started = time.monotonic()
    deadline = started + orders["seconds"]

    def send() -> None:
        nonlocal position
        connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=60)
        while True:
            with lock:
                index = position
                if index >= bodies or time.monotonic() >= deadline:
                    break
                position += 1
            began = time.monotonic()
            if rate:
                # Measured from when it was due: a stall delays what should have been sent in it.
                due = started + index * orders["spans_per_body"] / rate
                if due > began:
                    time.sleep(due - began)
                began = due
            connection.request(
                "POST",
                "/v1/traces",
                ready[index],
                {"content-type": "application/x-protobuf"},
            )
            response = connection.getresponse()
            response.read()
            took = time.monotonic() - began
            with lock:
                latencies.append(took)
                statuses[response.status] = statuses.get(response.status, 0) + 1

    cpu = time.process_time()
    threads = [threading.Thread(target=send) for _ in range(orders["connections"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - started
    latencies.sort()
    spans = statuses.get(200, 0) * orders["spans_per_body"]
    print(
        json.dumps(
            {
                "spans": spans,
                "bytes": sum(len(body) for body in ready[:position]),
                "seconds": took,
                "spans_per_s": spans / took,
                "statuses": statuses,
                "latency_p50_s": latencies[len(latencies) // 2],
                "latency_p99_s": latencies[int(len(latencies) * 0.99)],
                "generator_cpu_s": time.process_time() - cpu,
            }
        )
    )


if __name__ == "__main__":
    main()
