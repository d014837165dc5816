"""OpenInference's instrumentation of LangChain."""

from __future__ import annotations

from openinference.instrumentation.langchain import LangChainInstrumentor
from tracing import chat_with_langchain, provider

LangChainInstrumentor().instrument(tracer_provider=provider())
chat_with_langchain()
