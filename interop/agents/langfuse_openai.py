"""Langfuse's SDK around the OpenAI client; it posts to its vendor's path."""

from __future__ import annotations

import os

os.environ["LANGFUSE_HOST"] = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
os.environ.update(LANGFUSE_PUBLIC_KEY="none", LANGFUSE_SECRET_KEY=os.environ["OPENAI_API_KEY"])

from langfuse import get_client
from langfuse.openai import OpenAI
from tracing import chat_with_openai

chat_with_openai(OpenAI())
get_client().flush()
