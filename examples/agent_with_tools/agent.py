"""An agent's loop without a framework: ask the model, run the tools it wants, until it answers."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import requests

import tracefoundry_sdk as tf

MODEL = "gpt-5-mini"
MAX_TURNS = 8
MAX_TRIES = 3
ORDERS = {"48213": {"status": "shipped", "parcel": "PX-9921"}}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "lookup_order",
            "description": "Find an order by its number.",
            "parameters": {
                "type": "object",
                "properties": {"order_id": {"type": "string"}},
                "required": ["order_id"],
            },
        },
    }
]


@tf.tool_call
def lookup_order(order_id: str) -> dict[str, str]:
    """Find an order by its number."""
    return ORDERS[order_id]


def ask_model(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """One turn of the model. A request that is refused for a while is tried again."""
    with tf.llm_call("openai", model=MODEL, input=messages, tools=TOOLS) as call:
        for attempt in range(1, MAX_TRIES + 1):
            response = requests.post(
                os.environ["OPENAI_BASE_URL"] + "/chat/completions",
                headers={"authorization": f"Bearer {os.environ.get('OPENAI_API_KEY', 'none')}"},
                json={"model": MODEL, "messages": messages, "tools": TOOLS},
                timeout=60,
            )
            if response.status_code != 429 or attempt == MAX_TRIES:
                break
            wait_s = float(response.headers.get("retry-after", attempt))
            call.retry(attempt, error="429 Too Many Requests", wait_s=wait_s)
            time.sleep(wait_s)
        response.raise_for_status()
        reply: dict[str, Any] = response.json()
        call.record(reply)
    message: dict[str, Any] = reply["choices"][0]["message"]
    return message


def answer(question: str) -> str:
    """Run the agent."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": question}]
    with tf.trace_agent_run("order-agent", conversation_id="c-1", input=question) as run:
        for _ in range(MAX_TURNS):
            message = ask_model(messages)
            messages.append(message)
            if not message.get("tool_calls"):
                run.output = message["content"]
                return str(message["content"])
            for wanted in message["tool_calls"]:
                result = lookup_order(**json.loads(wanted["function"]["arguments"]))
                messages.append(
                    {"role": "tool", "tool_call_id": wanted["id"], "content": json.dumps(result)}
                )
        raise RuntimeError(f"no answer after {MAX_TURNS} turns")


if __name__ == "__main__":
    tf.quick_start(service="agent-with-tools")
    print(answer("Where is my order 48213?"))
    tf.flush(timeout_s=30)
