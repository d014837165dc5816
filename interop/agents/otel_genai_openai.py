"""The successor of ``openai_v2``; messages are attributes of spans."""

from __future__ import annotations

import os

os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"

from openai import OpenAI
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from tracing import chat_with_openai, provider

OpenAIInstrumentor().instrument(tracer_provider=provider())
chat_with_openai(OpenAI())
