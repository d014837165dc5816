"""Ships the orders that come by Kafka. What it does for an order is in the trace of its sender."""

from __future__ import annotations

import argparse
import os

from confluent_kafka import Consumer

import tracefoundry_sdk as tf
from tracefoundry_sdk.propagation import kafka

TOPIC = "orders"
GROUP = "shipping"


@tf.tool_call
def ship(number: str) -> str:
    """Pretend to print a label."""
    return f"PX-{number}"


def work(most: int | None) -> None:
    """Process messages, at most so many."""
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["KAFKA"],
            "group.id": GROUP,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([TOPIC])
    done = 0
    while most is None or done < most:
        message = consumer.poll(1)
        if message is None or message.error():
            continue  # nothing came within a second, or the topic is not there yet
        with kafka.consume(message, group=GROUP):
            print("shipped as", ship(message.value().decode()))
        done += 1
    consumer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, help="end after so many messages (default: never)")
    chosen = parser.parse_args()
    tf.quick_start(service="shipping-worker")
    work(chosen.most)
    tf.flush(timeout_s=30)
