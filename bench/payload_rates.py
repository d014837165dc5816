"""Content: how fast prompts are redacted, hashed, compressed and stored, and what they take up."""

from __future__ import annotations

import json
import random
import statistics
import string
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import psycopg
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bodies import make_text
from payloads.s3_server import S3Server
from platform_under_test import HERE, Platform, load, postgres, serving, sqlite_url

ROUNDS = 3
PROMPT_BYTES = 10_000
BODIES, SPANS = 60, 100

CONVERSATIONS, TURNS, MESSAGE_BYTES = 20, 50, 2_000


def rates() -> dict[str, Any]:
    """MB/s of prompts through ingest: a folder and S3 beside PostgreSQL, a folder beside SQLite."""
    results: dict[str, Any] = {"prompt_bytes": PROMPT_BYTES, "spans_per_body": SPANS}
    with postgres() as server:
        with serving(server.create_database("prompts")) as platform:
            results["folder_postgres"] = _rounds(platform)
        s3 = S3Server()
        s3.start()
        try:
            bucket = s3.make_bucket("bench")
            database = server.create_database("prompts_s3")
            with serving(database, f"s3://{bucket}", s3.environment) as platform:
                results["s3_postgres"] = _rounds(platform)
        finally:
            s3.remove()
    with sqlite_url() as url, serving(url) as platform:
        results["folder_sqlite"] = _rounds(platform)
    return results


def _rounds(platform: Platform) -> dict[str, Any]:
    orders = {"prompt_bytes": PROMPT_BYTES, "spans_per_body": SPANS, "bodies": BODIES}
    load(platform, **(orders | {"bodies": 10}))
    found = [load(platform, **orders) for _ in range(ROUNDS)]
    rounds = [result["spans"] * PROMPT_BYTES / result["seconds"] / 1e6 for result in found]
    return {"mb_per_s": statistics.median(rounds), "mb_per_s_rounds": rounds}


def dedup() -> dict[str, Any]:
    """Bytes stored for conversations that resend their history, over those of their messages.

    Counted are the objects and the tables of blobs, refs and parts, and beside it their indexes.
    """
    results: dict[str, Any] = {}
    with postgres() as server:
        for name in ("prose", "random"):
            url = server.create_database(f"dedup_{name}")
            with (
                tempfile.TemporaryDirectory(prefix="tf-bench-", dir=HERE.parent) as folder,
                serving(url, Path(folder).as_uri()) as platform,
            ):
                before = _table_bytes(url)
                distinct, sent = _converse(platform, random.Random(name), name)
                tables, indexes = (
                    now - then for now, then in zip(_table_bytes(url), before, strict=True)
                )
                objects = sum(path.stat().st_size for path in Path(folder).rglob("*/*/*"))
            results[name] = {
                "conversations": CONVERSATIONS,
                "turns": TURNS,
                "message_bytes": MESSAGE_BYTES,
                "sent_bytes": sent,
                "distinct_bytes": distinct,
                "object_bytes": objects,
                "table_bytes": tables,
                "index_bytes": indexes,
                "stored_to_distinct": (objects + tables) / distinct,
                "stored_with_indexes_to_distinct": (objects + tables + indexes) / distinct,
                "sent_to_stored": sent / (objects + tables + indexes),
            }
    return results


def _converse(platform: Platform, rng: random.Random, kind: str) -> tuple[int, int]:
    """Each turn sends the whole history and its answer; returns distinct and sent bytes."""
    distinct = sent = 0
    for _ in range(CONVERSATIONS):
        trace_id = rng.randbytes(16)
        history: list[str] = []
        for turn in range(TURNS):
            history.append(_message(rng, "user", kind))
            distinct += len(history[-1])
            request = ExportTraceServiceRequest()
            span = request.resource_spans.add().scope_spans.add().spans.add()
            span.trace_id, span.span_id, span.name = trace_id, rng.randbytes(8), f"chat {turn}"
            span.start_time_unix_nano = span.end_time_unix_nano = time.time_ns()
            value = "[" + ",".join(history) + "]"
            sent += len(value)
            span.attributes.add(key="gen_ai.input.messages").value.string_value = value
            _post(platform, request.SerializeToString())
    return distinct, sent


def _message(rng: random.Random, role: str, kind: str) -> str:
    if kind == "prose":
        text = make_text(rng, MESSAGE_BYTES - 40)
    else:
        text = "".join(rng.choices(string.ascii_lowercase + " ", k=MESSAGE_BYTES - 40))
    return json.dumps({"role": role, "content": text})


def _post(platform: Platform, body: bytes) -> None:
    request = urllib.request.Request(  # noqa: S310 - our own address
        platform.otlp + "/v1/traces", body, {"content-type": "application/x-protobuf"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own address
        assert answer.status == 200


def _table_bytes(url: str) -> tuple[int, int]:
    """Bytes of the payload tables, and of their indexes."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT sum(pg_table_size(c.oid)), sum(pg_indexes_size(c.oid)) FROM pg_class c"
            " WHERE c.relkind = 'r' AND"
            " c.relname ~ '^(payload_blobs|payload_list_parts|span_payload_refs)'"
        ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])
