"""A real Kafka broker, and both clients: consumers go on with the producer's trace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sdk_agents import run_sdk_agent
from servers.kafka_broker import KafkaBroker

from platform_process import Platform


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A broker without topics."""
    started = KafkaBroker(tmp_path_factory.mktemp("kafka"))
    started.start()
    yield started
    started.stop()


def test_messages_of_both_clients_are_children_or_linked(
    broker: KafkaBroker, platform: Platform
) -> None:
    """Three messages, read by each client one by one (children) and as a batch (links)."""
    done = run_sdk_agent("sdk_kafka", broker.address, endpoint=platform.otlp)
    trace_id, span_id = done.stdout.split()
    spans = platform.get(f"/api/traces/{trace_id}/spans")["spans"]
    consumed = [span for span in spans if span["name"] == "process orders"]
    assert [span_id] * 6 == [span["parent_span_id"] for span in consumed]
    places = sorted(
        (
            span["attributes"]["messaging.consumer.group.name"],
            span["attributes"]["messaging.kafka.offset"],
        )
        for span in consumed
    )
    assert [(group, offset) for group in ("one", "two") for offset in range(3)] == places
    tools = [span for span in spans if span["name"].startswith("execute_tool")]
    assert {span["span_id"] for span in consumed} == {span["parent_span_id"] for span in tools}
    assert len(spans) == 1 + 6 + 6

    batches: list[dict[str, Any]] = []
    for trace in platform.get("/api/traces", service="kafka")["traces"]:
        if trace["trace_id"] != trace_id:
            batches += platform.get(f"/api/traces/{trace['trace_id']}/spans")["spans"]
    assert sorted(span["attributes"]["messaging.consumer.group.name"] for span in batches) == [
        "batch",
        "many",
    ]
    for span in batches:
        assert [(trace_id, span_id)] == [
            (link["trace_id"], link["span_id"]) for link in span["links"]
        ]
