"""OpenLLMetry's instrumentation of the Anthropic client."""

from __future__ import annotations

from anthropic import Anthropic
from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
from tracing import chat_with_anthropic, provider

AnthropicInstrumentor().instrument(tracer_provider=provider())
chat_with_anthropic(Anthropic())
