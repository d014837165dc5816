"""OpenLLMetry's instrumentation of LangChain."""

from __future__ import annotations

from opentelemetry.instrumentation.langchain import LangchainInstrumentor
from tracing import chat_with_langchain, provider

LangchainInstrumentor().instrument(tracer_provider=provider())
chat_with_langchain()
