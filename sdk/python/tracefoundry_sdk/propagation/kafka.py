"""Kafka: the trace of a producer goes on in its consumers.

The official instrumentations write the headers of messages, but leave what a consumer does with a
message outside the producer's trace. :func:`consume` makes that span. It reads messages of
confluent-kafka and of aiokafka (and kafka-python, whose records look the same), and imports none of
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind

from tracefoundry_sdk.propagation.carriers import Texts, extract_into, inject, texts
from tracefoundry_sdk.safety import never_raises
from tracefoundry_sdk.spans.base import Operation, context_of_call, without_parent
from tracefoundry_sdk.spans.helper import Helper

# Semantic conventions for messaging and Kafka.
SYSTEM: Final = "messaging.system"
OPERATION_NAME: Final = "messaging.operation.name"
OPERATION_TYPE: Final = "messaging.operation.type"
DESTINATION_NAME: Final = "messaging.destination.name"
PARTITION_ID: Final = "messaging.destination.partition.id"
OFFSET: Final = "messaging.kafka.offset"
TOMBSTONE: Final = "messaging.kafka.message.tombstone"
BODY_SIZE: Final = "messaging.message.body.size"
BATCH_MESSAGE_COUNT: Final = "messaging.batch.message_count"
CONSUMER_GROUP_NAME: Final = "messaging.consumer.group.name"

MAX_LINKS: Final = 128
"""Links of one span; OpenTelemetry keeps no more by default."""


def headers(
    existing: Iterable[tuple[str, bytes | None]] | None = None,
) -> list[tuple[str, bytes]]:
    """Headers for a message to be produced: those given, with the current trace context.

    Both clients take this list: ``producer.produce(topic, value, headers=kafka.headers())`` and
    ``await producer.send(topic, value, headers=kafka.headers())``.
    """
    made: list[Any] = list(existing or ())
    inject(made)
    return made


def consume(
    message: Any, *, link: bool | None = None, group: str | None = None
) -> Helper[Consumption]:
    """Trace the processing of a message: ``with kafka.consume(message):``, also ``async with``.

    Args:
        message: one message, or a batch: a list of messages, or what aiokafka's ``getmany`` gives.
        link: False makes the span a child of the producer's span. True starts a trace of its own
            that links to the producer's: for work that comes long after, or that is big. By
            default a message gives a child; a batch, and a message that is processed inside another
            span, gives a linked span.
        group: name of the consumer group, which messages do not tell.

    A batch has many producers, so it is always linked.
    """
    return Helper(lambda: Consumption(message, link=link, group=group))


@dataclass(frozen=True, slots=True)
class _Received:
    """What is read of a message."""

    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    body_bytes: int | None = None  # None for a tombstone, and where it is not bytes
    tombstone: bool = False
    headers: Texts = field(default_factory=dict)


class Consumption(Operation):
    """The processing of one message, or of a batch."""

    kind = SpanKind.CONSUMER

    def __init__(self, message: Any, *, link: bool | None, group: str | None) -> None:
        super().__init__()
        batch = _batch_of(message)
        given = [message] if batch is None else batch
        self._is_batch = batch is not None
        self._messages = [found for found in map(_read, given) if found is not None]
        self._link = link
        self._group = group

    def span_name(self) -> str:
        """``process {topic}``."""
        topic = self._topic()
        return f"process {topic}" if topic else "process"

    def start_attributes(self) -> dict[str, Any]:
        """Where the message came from; neither its key nor its value, which are content."""
        attributes: dict[str, Any] = {
            SYSTEM: "kafka",
            OPERATION_NAME: "process",
            OPERATION_TYPE: "process",
            DESTINATION_NAME: self._topic(),
            CONSUMER_GROUP_NAME: self._group,
        }
        if self._is_batch:
            attributes[BATCH_MESSAGE_COUNT] = len(self._messages)
        elif self._messages:
            (one,) = self._messages
            attributes[PARTITION_ID] = None if one.partition is None else str(one.partition)
            attributes[OFFSET] = one.offset
            attributes[BODY_SIZE] = one.body_bytes
            attributes[TOMBSTONE] = True if one.tombstone else None
        return attributes

    def origin(self, current: Context) -> tuple[Context, Sequence[Link]]:
        """The producer's context, or the current one with links to the producers."""
        inside = trace.get_current_span(context_of_call()).get_span_context().is_valid
        linked = self._link if self._link is not None else inside
        if not self._is_batch and not linked:
            brought = self._messages[0].headers if self._messages else {}
            return extract_into(current, brought), ()
        if self._link:
            current = without_parent(current)
        return current, self._links()

    def _links(self) -> list[Link]:
        producers: dict[tuple[int, int], Link] = {}
        for message in self._messages:
            brought = extract_into(Context(), message.headers)
            where = trace.get_current_span(brought).get_span_context()
            if where.is_valid and len(producers) < MAX_LINKS:
                producers[where.trace_id, where.span_id] = Link(where)
        return list(producers.values())

    def _topic(self) -> str | None:
        topics = {message.topic for message in self._messages}
        return topics.pop() if len(topics) == 1 else None


def _batch_of(message: Any) -> list[Any] | None:
    """The messages of a batch; None for a single message."""
    if isinstance(message, Mapping):  # aiokafka's getmany: records by partition
        return [record for records in message.values() for record in records]
    return list(message) if isinstance(message, list | tuple) and not _is_record(message) else None


def _is_record(message: Any) -> bool:
    """Records of kafka-python are tuples with names."""
    return hasattr(message, "topic")


@never_raises(None)
def _read(message: Any) -> _Received | None:
    """What a message of either client tells; None for no message."""
    if message is None:
        return None
    value = _value(message, "value")
    return _Received(
        topic=_of_type(_value(message, "topic"), str),
        partition=_of_type(_value(message, "partition"), int),
        offset=_of_type(_value(message, "offset"), int),
        body_bytes=len(value) if isinstance(value, bytes | bytearray | str) else None,
        tombstone=value is None,
        headers=_newest(texts(_value(message, "headers"))),
    )


def _value(message: Any, name: str) -> Any:
    """A field of aiokafka's record, or what a method of confluent-kafka's message gives."""
    found = getattr(message, name, None)
    return found() if callable(found) else found


def _of_type(value: Any, kind: type) -> Any:
    return value if isinstance(value, kind) else None


def _newest(found: Texts) -> Texts:
    """The last header of each name: a message that is sent on has those of each sender."""
    return {name: values[-1:] for name, values in found.items()}
