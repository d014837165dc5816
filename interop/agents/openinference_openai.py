"""OpenInference's instrumentation of the OpenAI client."""

from __future__ import annotations

from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from tracing import chat_with_openai, provider

OpenAIInstrumentor().instrument(tracer_provider=provider())
chat_with_openai(OpenAI())
