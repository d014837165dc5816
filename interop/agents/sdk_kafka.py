"""A producer and consumers of Kafka, traced by the SDK: ``sdk_kafka.py ADDRESS``.

Prints the ids of the producer's trace and span.
"""

from __future__ import annotations

import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka import Consumer, Producer

import tracefoundry_sdk as tf
from tracefoundry_sdk.propagation import inject, kafka

TOPIC = "orders"
WITHIN_S = 60


def produce_with_confluent(address: str) -> None:
    """Headers as a list, and as a mapping."""
    producer = Producer({"bootstrap.servers": address})
    producer.produce(TOPIC, b"by list", headers=kafka.headers([("kind", b"order")]))
    headers: dict[str, str] = {}
    inject(headers)
    producer.produce(TOPIC, b"by mapping", headers=headers)
    assert producer.flush(WITHIN_S) == 0


async def produce_with_aiokafka(address: str) -> None:
    """The same list of headers."""
    async with AIOKafkaProducer(bootstrap_servers=address) as producer:
        await producer.send_and_wait(TOPIC, b"by aiokafka", headers=kafka.headers())


def consume_with_confluent(address: str) -> None:
    """One by one, and then all of them as a batch."""
    consumer = Consumer(
        {"bootstrap.servers": address, "group.id": "one", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([TOPIC])
    messages: list[object] = []
    while len(messages) < 3:
        message = consumer.poll(WITHIN_S)
        assert message is not None
        assert message.error() is None
        with kafka.consume(message, group="one"), tf.tool_call("confluent"):
            messages.append(message)
    with kafka.consume(messages, group="batch"):
        pass
    consumer.close()


async def consume_with_aiokafka(address: str) -> None:
    """One by one, and then what ``getmany`` gives."""
    consumer = AIOKafkaConsumer(
        TOPIC, bootstrap_servers=address, group_id="two", auto_offset_reset="earliest"
    )
    async with consumer:
        for _ in range(3):
            message = await asyncio.wait_for(consumer.getone(), WITHIN_S)
            async with kafka.consume(message, group="two"):
                with tf.tool_call("aiokafka"):
                    await asyncio.sleep(0)
        await consumer.seek_to_beginning()
        with kafka.consume(await consumer.getmany(timeout_ms=WITHIN_S * 1000), group="many"):
            pass


def main(address: str) -> None:
    """Produce within a run, and consume outside it."""
    with tf.quick_start(service="kafka"):
        with tf.trace_agent_run("sender") as run:
            where = run.span.get_span_context()
            produce_with_confluent(address)
            asyncio.run(produce_with_aiokafka(address))
        consume_with_confluent(address)
        asyncio.run(consume_with_aiokafka(address))
    print(f"{where.trace_id:032x} {where.span_id:016x}")


main(sys.argv[1])
