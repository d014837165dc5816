"""Durable ingest: through HTTP, against raw COPY of the same rows into the same indexed table."""

from __future__ import annotations

import statistics
import time
from typing import Any

import psycopg

from bodies import BodyTemplate, make_body
from platform_under_test import Platform, load, postgres, serving, sqlite_url
from postgres_server import PostgresServer
from tracefoundry.otlp.protobuf import decode_traces
from tracefoundry.store.postgres.rows import COPY_HEADER, COPY_TRAILER, span_row

ROUNDS = 5
BODIES = 400
COMMIT_ROWS = 5_000


def on_postgres() -> dict[str, Any]:
    """Rates on PostgreSQL, rounds of HTTP and raw COPY in turn so that noise hits both."""
    with postgres() as server:
        url = server.create_database("ingest")
        with serving(url) as platform:
            load(platform, bodies=40)
            rows, bytes_per_span = _rows()
            _make_raw_table(url)
            rounds = []
            for _ in range(ROUNDS):
                cpu = platform.cpu_s()
                through_http = load(platform, bodies=BODIES)
                through_http["server_cpu_s"] = platform.cpu_s() - cpu
                rounds.append((through_http, _raw_copy(url, rows)))
            split = load(platform, bodies=BODIES // 2, trace_spans=2_000, spans_per_body=200)
            small = load(platform, bodies=BODIES // 2, trace_spans=5)
            latency = _latency_at_half(platform, [http for http, _ in rounds])
            under_load = platform.pss_bytes()
        version = server_version(server)
    rates = [http["spans_per_s"] for http, _ in rounds]
    raw = [copy for _, copy in rounds]
    return {
        "database": version,
        "bytes_per_span": bytes_per_span,
        "spans_per_round": BODIES * 500,
        "http_spans_per_s": statistics.median(rates),
        "http_spans_per_s_rounds": rates,
        "raw_copy_spans_per_s": statistics.median(raw),
        "raw_copy_spans_per_s_rounds": raw,
        "ratio_to_raw_copy": statistics.median(
            rate / copy for rate, copy in zip(rates, raw, strict=True)
        ),
        "generator_cpu_us_per_span": statistics.median(
            http["generator_cpu_s"] / http["spans"] * 1e6 for http, _ in rounds
        ),
        "server_cpu_us_per_span": statistics.median(
            http["server_cpu_s"] / http["spans"] * 1e6 for http, _ in rounds
        ),
        "traces_of_5_spans_spans_per_s": small["spans_per_s"],
        "bodies_of_200_spans_spans_per_s": split["spans_per_s"],
        "ack_at_half_rate": latency,
        "pss_after_load_bytes": under_load,
    }


def on_sqlite() -> dict[str, Any]:
    """Rates on SQLite."""
    with sqlite_url() as url, serving(url) as platform:
        load(platform, bodies=40)
        rounds = [load(platform, bodies=BODIES // 2) for _ in range(ROUNDS)]
        latency = _latency_at_half(platform, rounds)
    rates = [result["spans_per_s"] for result in rounds]
    return {
        "http_spans_per_s": statistics.median(rates),
        "http_spans_per_s_rounds": rates,
        "ack_at_half_rate": latency,
    }


def _latency_at_half(platform: Platform, rounds: list[dict[str, Any]]) -> dict[str, float]:
    half = statistics.median(result["spans_per_s"] for result in rounds) / 2
    result = load(platform, spans_per_s=half, bodies=300)
    return {
        "offered_spans_per_s": half,
        "p50_s": result["latency_p50_s"],
        "p99_s": result["latency_p99_s"],
    }


def _rows() -> tuple[list[bytes], float]:
    """COPY rows of the spans that the load generator sends, and the bytes of one on the wire."""
    rows = []
    size = spans = 0
    for seed in range(BODIES):
        body = BodyTemplate(make_body(500, seed % 20)).renewed()
        size += len(body)
        for span in decode_traces(body).spans:
            rows.append(span_row(1, span, bytes(16), bytes(16))[0])
            spans += 1
    return rows, size / spans


def _make_raw_table(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE TABLE raw_spans (LIKE spans INCLUDING ALL) PARTITION BY RANGE (start_time_ns)"
        )
        connection.execute(
            "CREATE TABLE raw_spans_all PARTITION OF raw_spans"
            " FOR VALUES FROM (MINVALUE) TO (MAXVALUE)"
        )


def _raw_copy(url: str, rows: list[bytes]) -> float:
    """Spans a second of bare COPY BINARY, 5,000 rows a commit, one connection."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("TRUNCATE raw_spans")
        batches = [
            b"".join((COPY_HEADER, *rows[first : first + COMMIT_ROWS], COPY_TRAILER))
            for first in range(0, len(rows), COMMIT_ROWS)
        ]
        began = time.monotonic()
        for batch in batches:
            with (
                connection.cursor() as cursor,
                cursor.copy("COPY raw_spans FROM STDIN (FORMAT BINARY)") as copy,
            ):
                copy.write(batch)
        return len(rows) / (time.monotonic() - began)


def server_version(server: PostgresServer) -> str:
    """``PostgreSQL 15.18``."""
    with psycopg.connect(server.url()) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    assert row is not None
    return f"PostgreSQL {row[0].split()[0]}"
