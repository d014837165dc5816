"""Kafka messages: a child or a linked span, whatever the client's message looks like."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from opentelemetry import baggage
from opentelemetry.trace import SpanKind, StatusCode

import tracefoundry_sdk as tf
from tracefoundry_sdk.propagation import kafka

TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C
PRODUCER_ID = 0xB7AD6B7169203331
TRACEPARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = b"00-11111111111111111111111111111111-2222222222222222-01"


@dataclass
class Record:
    """A message as aiokafka gives it."""

    topic: str = "orders"
    partition: int = 3
    offset: int = 42
    value: bytes | None = b"{}"
    headers: tuple[tuple[str, Any], ...] = (("traceparent", TRACEPARENT),)
    key: bytes | None = field(default=b"secret-key")


class Message:
    """A message as confluent-kafka gives it: everything is a method."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def topic(self) -> str:
        """The topic."""
        return self._record.topic

    def partition(self) -> int:
        """The partition."""
        return self._record.partition

    def offset(self) -> int:
        """The offset."""
        return self._record.offset

    def value(self) -> bytes | None:
        """The value."""
        return self._record.value

    def headers(self) -> list[tuple[str, Any]] | None:
        """The headers; None if there are none."""
        return list(self._record.headers) or None


@pytest.mark.parametrize("client", ["aiokafka", "confluent-kafka"])
def test_a_message_gives_a_child_of_its_producer(client: str, spans: Any) -> None:
    """With the place of the message, and neither its key nor its value."""
    message: Any = Record() if client == "aiokafka" else Message(Record())
    with kafka.consume(message, group="billing"), tf.tool_call("charge"):
        pass
    span = spans["process orders"]
    assert (TRACE_ID, PRODUCER_ID) == (span.context.trace_id, span.parent.span_id)
    assert SpanKind.CONSUMER == span.kind
    assert () == span.links
    assert {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "orders",
        "messaging.destination.partition.id": "3",
        "messaging.kafka.offset": 42,
        "messaging.message.body.size": 2,
        "messaging.consumer.group.name": "billing",
    } == dict(span.attributes)
    assert span.context.span_id == spans["execute_tool charge"].parent.span_id


def test_link_starts_a_trace_of_its_own(spans: Any) -> None:
    """For work that comes long after the producer's."""
    with kafka.consume(Record(), link=True):
        pass
    span = spans["process orders"]
    assert span.parent is None
    assert span.context.trace_id != TRACE_ID
    assert [PRODUCER_ID] == [link.context.span_id for link in span.links]


def test_inside_another_span_a_message_is_linked(spans: Any) -> None:
    """The span stays in the trace of the consumer's run."""
    with tf.trace_agent_run("worker"), kafka.consume(Record()):
        pass
    span = spans["process orders"]
    assert spans["invoke_agent worker"].context.span_id == span.parent.span_id
    assert [PRODUCER_ID] == [link.context.span_id for link in span.links]


@pytest.mark.parametrize(("link", "trace_id"), [(False, TRACE_ID), (True, None)])
def test_link_counts_inside_another_span_too(link: bool, trace_id: int | None, spans: Any) -> None:
    """False is the producer's child, True is a trace of its own."""
    with tf.trace_agent_run("worker"), kafka.consume(Record(), link=link):
        pass
    span = spans["process orders"]
    outer = spans["invoke_agent worker"]
    assert span.context.trace_id != outer.context.trace_id
    assert (trace_id is None) == (span.parent is None)


@pytest.mark.parametrize("shape", ["list", "by partition"])
def test_a_batch_is_linked_to_each_producer_once(shape: str, spans: Any) -> None:
    """Lists, and what ``getmany`` gives."""
    other = Record(headers=(("traceparent", OTHER),))
    messages = [Record(), Record(), other, Record(headers=())]
    with kafka.consume(messages if shape == "list" else {0: messages[:2], 1: messages[2:]}):
        pass
    span = spans["process orders"]
    assert span.parent is None
    assert [PRODUCER_ID, 0x2222222222222222] == [link.context.span_id for link in span.links]
    assert 4 == span.attributes["messaging.batch.message_count"]
    assert "messaging.kafka.offset" not in span.attributes


def test_a_batch_of_several_topics_names_none(spans: Any) -> None:
    """There is no one destination."""
    with kafka.consume([Record(), Record(topic="returns")]):
        pass
    assert "messaging.destination.name" not in spans["process"].attributes


def test_a_batch_has_no_more_links_than_a_span_may_have(spans: Any) -> None:
    """The first producers are linked."""
    headers = [b"00-%032x-%016x-01" % (number, number) for number in range(1, 301)]
    with kafka.consume([Record(headers=(("traceparent", each),)) for each in headers]):
        pass
    links = spans["process orders"].links
    assert list(range(1, 129)) == [link.context.span_id for link in links]


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("traceparent", b"\xff\xfe"),),
        (("traceparent", b"00-zz-zz-01"),),
        (("traceparent", None),),
        (("other", b"x"),),
        (("traceparent", 7),),
    ],
)
def test_without_a_readable_header_a_trace_begins(headers: Any, spans: Any) -> None:
    """A message of a producer that is not traced is processed all the same."""
    with kafka.consume(Record(headers=headers)) as processing:
        processing.event("seen")
    span = spans["process orders"]
    assert span.parent is None
    assert ["seen"] == [event.name for event in span.events]


def test_the_last_header_of_a_name_counts(spans: Any) -> None:
    """A message that was sent on has the header of each sender."""
    with kafka.consume(Record(headers=(("traceparent", OTHER), ("traceparent", TRACEPARENT)))):
        pass
    assert PRODUCER_ID == spans["process orders"].parent.span_id


def test_a_tombstone_is_marked(spans: Any) -> None:
    """A message without a value deletes its key."""
    with kafka.consume(Record(value=None)):
        pass
    attributes = spans["process orders"].attributes
    assert attributes["messaging.kafka.message.tombstone"] is True
    assert "messaging.message.body.size" not in attributes


@pytest.mark.parametrize("message", [None, object(), [], {}, 7])
def test_what_is_no_message_does_no_harm(message: Any, spans: Any) -> None:
    """The block runs, within a span without a destination."""
    with kafka.consume(message):
        ran = True
    assert ran
    assert "process" == spans["process"].name


def test_an_error_is_recorded_once_and_raised(spans: Any) -> None:
    """On the innermost span."""
    with pytest.raises(ValueError, match="bad order"), kafka.consume(Record()), tf.tool_call("t"):
        raise ValueError("bad order")
    assert StatusCode.ERROR == spans["process orders"].status.status_code
    assert [0, 1] == [len(spans[name].events) for name in ("process orders", "execute_tool t")]


@pytest.mark.asyncio
async def test_it_is_an_async_context_manager_too(spans: Any) -> None:
    """As aiokafka's consumers need it."""
    async with kafka.consume(Record()):
        pass
    assert PRODUCER_ID == spans["process orders"].parent.span_id


def test_baggage_of_the_producer_is_current(spans: Any) -> None:
    """W3C Baggage travels in the headers too."""
    headers = (("traceparent", TRACEPARENT), ("baggage", b"tenant=blue"))
    with kafka.consume(Record(headers=headers)):
        inside = baggage.get_baggage("tenant")
    assert ("blue", None) == (inside, baggage.get_baggage("tenant"))
    assert TRACE_ID == spans["process orders"].context.trace_id


def test_headers_carry_the_producer_to_the_consumer(spans: Any) -> None:
    """In the form that both clients take; a header that is there already is replaced."""
    with tf.trace_agent_run("sender") as run:
        made = kafka.headers([("traceparent", OTHER), ("kind", b"order")])
        where = run.span.get_span_context()
    assert ["kind", "traceparent"] == [name for name, _ in made]
    assert all(isinstance(value, bytes) for _, value in made)
    with kafka.consume(Record(headers=tuple(made))):
        pass
    span = spans["process orders"]
    assert (where.trace_id, where.span_id) == (span.context.trace_id, span.parent.span_id)
