"""`make bench`: measure what the project promises, print it, write it as JSON.

Ratios compare things measured in the same run on the same machine; absolute figures carry their
conditions. Nothing here is asserted in tests: machines are noisy.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import footprint
import ingest_rates
import payload_rates
import reads
import retention
import sdk
import sdk_typescript


def main() -> None:
    """Run the parts that were asked for (all of them by default)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--only", action="append", choices=sorted(PARTS), default=[])
    options = parser.parse_args()
    results: dict[str, Any] = {"machine": machine()}
    if options.out.exists() and options.only:
        results = json.loads(options.out.read_text()) | results
    for name, measure in PARTS.items():
        if not options.only or name in options.only:
            print(f"measuring {name} ...", file=sys.stderr, flush=True)
            results[name] = measure()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=2) + "\n")
    print(report(results))


PARTS = {
    "footprint": footprint.of_serve,
    "environment": footprint.of_environment,
    "ingest_sqlite": ingest_rates.on_sqlite,
    "ingest_postgres": ingest_rates.on_postgres,
    "reads_postgres": reads.on_postgres,
    "retention_postgres": retention.on_postgres,
    "payloads": payload_rates.rates,
    "dedup": payload_rates.dedup,
    "sdk": sdk.costs,
    "sdk_typescript": sdk_typescript.costs,
}


def machine() -> dict[str, Any]:
    """Conditions of the run."""
    memory = Path("/proc/meminfo").read_text().split()[1]
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": int(memory) * 1024,
        "python": sys.version.split()[0],
        "same_machine": "load generator, server and database share the cores",
    }


def report(results: dict[str, Any]) -> str:
    """The figures as text, a line each, with the promise beside it."""
    lines = [f"machine: {results['machine']['cores']} cores, Python {results['machine']['python']}"]

    def line(what: str, value: str, promise: str = "") -> None:
        lines.append(f"  {what:<58}{value:>16}   {promise}".rstrip())

    if part := results.get("ingest_postgres"):
        lines.append(
            f"ingest, {part['database']}, {part['bytes_per_span']:.0f}-byte spans, durable"
        )
        line("raw COPY BINARY, same rows, same indexed table",
             f"{part['raw_copy_spans_per_s']:,.0f}/s")  # fmt: skip
        line("through OTLP/HTTP", f"{part['http_spans_per_s']:,.0f}/s", "aim 25,000/s")
        line("ratio of the two (median of rounds)", f"{part['ratio_to_raw_copy']:.2f}", ">= 0.5")
        line("traces of 5 spans", f"{part['traces_of_5_spans_spans_per_s']:,.0f}/s")
        line("CPU of the load generator", f"{part['generator_cpu_us_per_span']:.1f} us/span")
        line("CPU of server and workers", f"{part['server_cpu_us_per_span']:.1f} us/span")
        line("ack p99 at half of that rate", f"{part['ack_at_half_rate']['p99_s'] * 1e3:.0f} ms",
             "< 300 ms")  # fmt: skip
        line("memory after the load (PSS)", f"{part['pss_after_load_bytes'] / 1e6:.0f} MB")
    if part := results.get("ingest_sqlite"):
        lines.append("ingest, SQLite, durable")
        line("through OTLP/HTTP", f"{part['http_spans_per_s']:,.0f}/s", ">= 15,000/s")
        line("ack p99 at half of that rate", f"{part['ack_at_half_rate']['p99_s'] * 1e3:.0f} ms",
             "< 300 ms")  # fmt: skip
    if part := results.get("reads_postgres"):
        lines.append(f"reads, {part['spans']:,} spans in PostgreSQL, through the API")
        line("trace by id, 100 full spans, p99",
             f"{part['trace_by_id_100_spans']['p99_s'] * 1e3:.0f} ms", "< 50 ms")  # fmt: skip
        line("filtered list, worst p99 of the filters",
             f"{part['filtered_list_worst_p99_s'] * 1e3:.0f} ms", "< 150 ms")  # fmt: skip
        line("skeleton of a trace of 100,000 spans",
             f"{part['skeleton_of_100000_spans_s']:.2f} s", "< 1 s")  # fmt: skip
    if part := results.get("payloads"):
        lines.append("spans with 10 kB prompts, standard redaction, durable, payload MB a second")
        for name, what, promise in (
            ("folder_postgres", "into a folder, beside PostgreSQL", ">= 30 MB/s"),
            ("s3_postgres", "into an S3 server, beside PostgreSQL", ">= 10 MB/s"),
            ("folder_sqlite", "into a folder, beside SQLite", ">= 30 MB/s"),
        ):
            line(what, f"{part[name]['mb_per_s']:.1f} MB/s", promise)
    if part := results.get("dedup"):
        lines.append("conversations of 50 turns that resend their history, 2 kB a message")
        for name in ("prose", "random"):
            line(f"stored / distinct, objects and rows, {name} text",
                 f"{part[name]['stored_to_distinct']:.2f}", "< 1.2")  # fmt: skip
            line("  with indexes",
                 f"{part[name]['stored_with_indexes_to_distinct']:.2f}")  # fmt: skip
    if part := results.get("retention_postgres"):
        lines.append(f"retention, {part['spans']:,} expired spans in PostgreSQL")
        line("a run", f"{part['seconds']:.1f} s", "< 10 s")
        line("database before and after",
             f"{part['bytes_before'] / 1e6:.0f} to {part['bytes_after'] / 1e6:.0f} MB")  # fmt: skip
    if part := results.get("sdk"):
        lines.append("Python SDK, on the agent's thread")
        line("helper span / bare span with its attributes, both exported",
             f"{part['helper_to_bare']:.2f}", "< 1.5")  # fmt: skip
        line("10 kB of messages add", f"{part['content_10_kb_us']:.0f} us", "< 60 us")
        line("a tool span, no endpoint set up", f"{part['tool_span_without_sdk_us']:.0f} us")
        line("a tool span, endpoint refuses", f"{part['tool_span_refused_us']:.0f} us")
        line("a tool span, endpoint is silent", f"{part['tool_span_silent_us']:.0f} us")
        line("import, more than opentelemetry-sdk", f"{part['import_more_ms']:.0f} ms", "< 60 ms")
    if part := results.get("sdk_typescript"):
        lines.append("TypeScript SDK, on the agent's thread")
        line("helper span / bare span with its attributes, both exported",
             f"{part['helper_to_bare']:.2f}", "< 1.5")  # fmt: skip
        line("10 kB of messages add", f"{part['content_10_kb_us']:.0f} us", "< 60 us")
    if part := results.get("footprint"):
        lines.append("idle")
        line("start of serve until /readyz", f"{part['ready_s']:.2f} s", "< 3 s")
        line("memory of serve, idle (PSS)", f"{part['idle_pss_bytes'] / 1e6:.0f} MB", "< 200 MB")
    if part := results.get("environment"):
        line("installed environment", f"{part['environment_bytes'] / 1e6:.0f} MB", "< 300 MB")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
