"""MLflow's tracing of the OpenAI client, which exports to the OTLP endpoint of the environment."""

from __future__ import annotations

import os

os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf"  # its default is gRPC

import mlflow
from openai import OpenAI
from tracing import chat_with_openai

mlflow.openai.autolog()
chat_with_openai(OpenAI())
mlflow.flush_trace_async_logging()
