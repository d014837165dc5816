"""Traces with content, of any age, sent through the collector as agents send them."""

from __future__ import annotations

import json
import secrets
import time

import httpx

from instance import Instance
from kube import wait_for

DAY_NS = 86_400 * 1_000_000_000
OTLP_HTTP_PORT = 4318
CONTENT_KEY = "gen_ai.input.messages"


def send(instance: Instance, text: str, *, service: str, age_days: float = 0) -> str:
    """Send a trace of one span whose message is ``text``; its id."""
    trace_id = secrets.token_hex(16)
    start = time.time_ns() - int(age_days * DAY_NS) - 1_000_000_000
    message = [{"role": "user", "parts": [{"type": "text", "content": text}]}]
    span = {
        "traceId": trace_id,
        "spanId": secrets.token_hex(8),
        "name": "chat",
        "kind": 3,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 1_000_000),
        "attributes": [_attribute("gen_ai.operation.name", "chat"),
                       _attribute(CONTENT_KEY, json.dumps(message))],
    }  # fmt: skip
    body = {
        "resourceSpans": [
            {
                "resource": {"attributes": [_attribute("service.name", service)]},
                "scopeSpans": [{"spans": [span]}],
            }
        ]
    }
    target = f"service/{instance.name}-collector"
    with instance.kube.forwarded(target, OTLP_HTTP_PORT, instance.namespace) as port:
        answer = httpx.post(f"http://127.0.0.1:{port}/v1/traces", json=body, timeout=30)
    answer.raise_for_status()
    return trace_id


def wait_found(instance: Instance, *traces: str) -> None:
    """Wait until the query API has them all."""
    with instance.api() as api:

        def all_found() -> bool:
            return all(api.ask(f"/api/traces/{trace}").status_code == 200 for trace in traces)

        wait_for("the traces sent", all_found, deadline_s=60)


def _attribute(key: str, text: str) -> dict[str, object]:
    return {"key": key, "value": {"stringValue": text}}
