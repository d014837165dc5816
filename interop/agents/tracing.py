"""What the agents have in common: a provider that exports to the platform at once, and the work.

Every agent does the same, as far as its library has it: a chat that calls the tool ``lookup``, a
chat with the tool's result, and a stream.
"""

from __future__ import annotations

import os
from typing import Any

MODEL = "gpt-4o"
QUESTION = "Where is order 7?"
TOOL = {
    "name": "lookup",
    "description": "Finds an order.",
    "parameters": {
        "type": "object",
        "properties": {"order": {"type": "integer"}},
        "required": ["order"],
    },
}
OPENAI_TOOLS: list[Any] = [{"type": "function", "function": TOOL}]


def provider() -> Any:
    """A global tracer provider whose spans are sent as they end."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    made = TracerProvider()
    made.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(made)
    return made


def logger_provider() -> Any:
    """The same for log records."""
    from opentelemetry._logs import set_logger_provider
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor

    made = LoggerProvider()
    made.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter()))
    set_logger_provider(made)
    return made


def chat_with_openai(client: Any) -> None:
    """A tool call, the answer to it, and a stream, by OpenAI's client."""
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=OPENAI_TOOLS)
    asked = first.choices[0].message
    (call,) = asked.tool_calls
    messages.append({"role": "assistant", "tool_calls": [call.model_dump()]})
    messages.append({"role": "tool", "tool_call_id": call.id, "content": "shipped"})
    client.chat.completions.create(model=MODEL, messages=messages, tools=OPENAI_TOOLS)
    stream = client.chat.completions.create(
        model=MODEL, messages=messages, stream=True, stream_options={"include_usage": True}
    )
    for _ in stream:
        pass


def chat_with_anthropic(client: Any) -> None:
    """The same by Anthropic's client."""
    tools = [
        {"name": "lookup", "description": "Finds an order.", "input_schema": TOOL["parameters"]}
    ]
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    asked = {"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": messages, "tools": tools}
    first = client.messages.create(**asked)
    use = next(block for block in first.content if block.type == "tool_use")
    messages.append({"role": "assistant", "content": [use.model_dump(exclude_none=True)]})
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "shipped"}
    messages.append({"role": "user", "content": [result]})
    client.messages.create(**asked)
    for _ in client.messages.create(**asked, stream=True):
        pass


def chat_with_langchain() -> None:
    """The same by LangChain's chat model for OpenAI."""
    from langchain_core.messages import HumanMessage, ToolMessage
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model=MODEL, stream_usage=True)
    with_tools = model.bind_tools(OPENAI_TOOLS)
    messages: list[Any] = [HumanMessage(QUESTION)]
    asked = with_tools.invoke(messages)
    messages += [asked, ToolMessage("shipped", tool_call_id=asked.tool_calls[0]["id"])]
    with_tools.invoke(messages)
    for _ in with_tools.stream(messages):
        pass


def base_url() -> str:
    """Address of the model server's OpenAI API."""
    return os.environ["OPENAI_BASE_URL"]
