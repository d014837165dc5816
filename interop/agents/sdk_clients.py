"""Streams of the OpenAI and Anthropic clients inside ``llm_call``, with the extra ``httpx``.

``sdk_clients.py official`` also loads the official instrumentation of the OpenAI client.
"""

from __future__ import annotations

import sys

from anthropic import Anthropic
from openai import OpenAI
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor

import tracefoundry_sdk as tf

MESSAGES = [{"role": "user", "content": "Where is order 7?"}]


def main(official: bool) -> None:
    """One stream and one whole answer of OpenAI's client, one stream of Anthropic's."""
    with tf.quick_start(service="official" if official else "clients"):
        HTTPX2ClientInstrumentor().instrument()  # both clients use httpx2
        if official:
            from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

            OpenAIInstrumentor().instrument()
        openai, anthropic = OpenAI(), Anthropic()
        with tf.trace_agent_run("clients"):
            asked = {"model": "gpt-4o", "messages": MESSAGES}
            with tf.llm_call("openai", model="gpt-4o", input=MESSAGES) as call:
                chunks = openai.chat.completions.create(
                    **asked, stream=True, stream_options={"include_usage": True}
                )
                for _ in call.stream(chunks):
                    pass
            with tf.llm_call("openai", model="gpt-4o", input=MESSAGES):
                openai.chat.completions.create(**asked)
            with tf.llm_call("anthropic", model="claude-sonnet-4-5", input=MESSAGES) as call:
                events = anthropic.messages.create(
                    model="claude-sonnet-4-5", max_tokens=10, messages=MESSAGES, stream=True
                )
                for _ in call.stream(events):
                    pass


main(sys.argv[1:] == ["official"])
