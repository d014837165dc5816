"""OpenAI's own client: a reply is recorded as it is, a stream as it is read."""

from __future__ import annotations

from openai import OpenAI

import tracefoundry_sdk as tf

MODEL = "gpt-5-mini"

tf.quick_start(service="openai-client")
client = OpenAI()  # address and key from OPENAI_BASE_URL and OPENAI_API_KEY
messages = [{"role": "user", "content": "Name a colour."}]

with tf.trace_agent_run("painter", input=messages) as run:
    with tf.llm_call("openai", model=MODEL, input=messages) as call:
        reply = client.chat.completions.create(model=MODEL, messages=messages)
        call.record(reply)
    messages.append({"role": "assistant", "content": reply.choices[0].message.content})
    messages.append({"role": "user", "content": "And one that goes with it?"})
    options = {"stream": True, "stream_options": {"include_usage": True}}
    with tf.llm_call("openai", model=MODEL, input=messages) as call:
        stream = client.chat.completions.create(model=MODEL, messages=messages, **options)
        for chunk in call.stream(stream):
            for choice in chunk.choices:
                print(choice.delta.content or "", end="", flush=True)
    print()
    run.output = call.output
tf.flush(timeout_s=30)
