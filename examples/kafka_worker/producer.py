"""Sends an order to the worker, as part of an agent's run."""

from __future__ import annotations

import os
import sys

from confluent_kafka import Producer

import tracefoundry_sdk as tf
from tracefoundry_sdk.propagation import kafka

TOPIC = "orders"
DELIVERY_S = 30


@tf.tool_call
def send_order(number: str) -> None:
    """Hand an order over to the worker; its trace goes along in the headers."""
    producer = Producer({"bootstrap.servers": os.environ["KAFKA"]})
    producer.produce(TOPIC, number.encode(), headers=kafka.headers())
    if producer.flush(DELIVERY_S):
        raise TimeoutError(f"Kafka did not take order {number} within {DELIVERY_S} s")


if __name__ == "__main__":
    tf.quick_start(service="order-agent")
    with tf.trace_agent_run("order-agent") as run:
        run.input = f"Please ship order {sys.argv[1]}."
        send_order(sys.argv[1])
        run.output = "It is on its way."
    tf.flush(timeout_s=30)
