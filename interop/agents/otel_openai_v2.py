"""OpenTelemetry's own instrumentation of the OpenAI client; messages come as log records."""

from __future__ import annotations

from openai import OpenAI
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from tracing import chat_with_openai, logger_provider, provider

OpenAIInstrumentor().instrument(tracer_provider=provider(), logger_provider=logger_provider())
chat_with_openai(OpenAI())
