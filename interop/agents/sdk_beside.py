"""The SDK beside Logfire, Langfuse and OpenInference, all on one tracer provider."""

from __future__ import annotations

import logfire
from langfuse import Langfuse
from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace

import tracefoundry_sdk as tf


def main() -> None:
    """A span of each library within a run of the SDK."""
    logfire.configure(send_to_logfire=False, console=False, service_name="beside")
    handle = tf.quick_start()
    langfuse = Langfuse(
        public_key="pk-lf-none",
        secret_key="sk-lf-none",  # noqa: S106 - nobody's key
        base_url="http://127.0.0.1:9",
        tracer_provider=trace.get_tracer_provider(),
    )
    OpenAIInstrumentor().instrument(tracer_provider=trace.get_tracer_provider())
    with tf.trace_agent_run("beside"):
        with logfire.span("of logfire"):
            pass
        with langfuse.start_as_current_observation(name="of langfuse"):
            pass
        OpenAI().chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "hello"}]
        )
    handle.stop()


main()
