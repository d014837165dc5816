"""Agents on real client libraries, recorded and then replayed in one process.

``sdk_replay.py NAME URL`` runs the agent NAME against the model server at URL, replays it, and
prints what both gave, how many requests reached the server in the replay, and the report.
"""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.request
from collections.abc import Callable
from typing import Any

from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from replays import recorded_spans, replayed

import tracefoundry_sdk as tf

runs = [True, False]  # whether this run, from the last on, is the second
MESSAGES: Any = [{"role": "user", "content": "Where is order 7?"}]


def openai_streams() -> list[Any]:
    """Two streams of the asynchronous client at once; in the replay they begin in other order."""
    from openai import AsyncOpenAI

    async def one(client: Any, text: str) -> str:
        messages: Any = [{"role": "user", "content": text}]
        with tf.llm_call("openai", model="gpt-4o", input=messages) as call:
            chunks = await client.chat.completions.create(
                model="gpt-4o", messages=messages, stream=True
            )
            return "".join([c.choices[0].delta.content or "" async for c in call.stream(chunks)])

    async def run() -> list[str]:
        async with AsyncOpenAI(max_retries=0) as client:
            order = "ba" if runs.pop() else "ab"
            found = await asyncio.gather(*[one(client, text) for text in order])
            return sorted(zip(order, found, strict=True))

    return asyncio.run(run())


def openai_whole() -> list[Any]:
    """One whole answer, whose reply the agent does not record by itself, and a typed function."""
    from openai import OpenAI
    from openai.types.chat import ChatCompletion

    @tf.llm_call("openai")
    def ask(messages: Any, model: str) -> ChatCompletion:
        return OpenAI().chat.completions.create(model=model, messages=messages)

    with tf.llm_call("openai", model="gpt-4o", input=MESSAGES):
        first = OpenAI().chat.completions.create(model="gpt-4o", messages=MESSAGES)
    second = ask(MESSAGES, "gpt-4o-mini")
    return [
        first.choices[0].message.content,
        second.choices[0].message.content,
        second.usage.total_tokens,
    ]


def anthropic() -> list[Any]:
    """A whole answer, and one by the client's helper for streams."""
    from anthropic import Anthropic

    client = Anthropic()
    asked: Any = {"model": "claude-sonnet-4-5", "max_tokens": 10, "messages": MESSAGES}
    with tf.llm_call("anthropic", model="claude-sonnet-4-5", input=MESSAGES) as call:
        whole = client.messages.create(**asked)
        call.record(whole)
    with (
        tf.llm_call("anthropic", model="claude-sonnet-4-5", input=[*MESSAGES, *MESSAGES]),
        client.messages.stream(**asked) as events,
    ):
        texts = list(events.text_stream)
    return [whole.content[0].text, texts]


def mcp() -> list[Any]:
    """A tool of an MCP server over stdio."""
    from mcp import Client, StdioServerParameters

    script = (
        "from mcp.server import MCPServer\n"
        "from pathlib import Path\n"
        "import sys\n"
        "server = MCPServer('orders')\n"
        "@server.tool()\n"
        "def lookup(order_id: str) -> str:\n"
        "    with Path(sys.argv[1]).open('a') as file: file.write('hit\\n')\n"
        "    return f'order {order_id}: shipped'\n"
        "server.run()\n"
    )

    async def run() -> list[Any]:
        server = StdioServerParameters(command=sys.executable, args=["-c", script, sys.argv[3]])
        async with Client(server) as client, tf.trace_agent_run("a"):
            found = []
            for order in ("7", "8"):
                arguments = {"order_id": order}
                with tf.tool_call("lookup", arguments=arguments) as tool:
                    tool.result = await client.call_tool("lookup", arguments)
                found.append(tool.result.content[0].text)
            return found

    return asyncio.run(run())


def langchain() -> list[Any]:
    """Tools of LangChain, asked for by hand and by a model, and a chat model."""
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI

    @tool
    @tf.tool_call
    def lookup(order_id: str, deep: bool = False) -> str:
        """Find an order."""
        urllib.request.urlopen(sys.argv[2] + "/requests").close()  # noqa: S310 - our server
        return f"order {order_id}: shipped"

    @tool
    @tf.tool_call
    async def count(order_id: str) -> int:
        """Count the parts of an order."""
        return len(order_id)

    call = {"name": "lookup", "args": {"order_id": "8"}, "id": "call_8", "type": "tool_call"}
    model = ChatOpenAI(model="gpt-4o", max_retries=0)
    with tf.trace_agent_run("a"):
        with tf.llm_call("openai", model="gpt-4o", input=MESSAGES) as asked:
            reply = model.invoke(MESSAGES)
            asked.record(reply)
        message = lookup.invoke(call)
        return [
            reply.content, lookup.invoke({"order_id": "7"}), message.content,
            message.tool_call_id, asyncio.run(count.ainvoke({"order_id": "7"})),
        ]  # fmt: skip


def main(run: Callable[[], list[Any]]) -> None:
    """Record, replay, and tell."""
    handle = tf.quick_start(isolated=True, record=True, endpoint="http://127.0.0.1:9")
    exporter = InMemorySpanExporter()
    handle.tracer_provider.add_span_processor(SimpleSpanProcessor(exporter))
    recorded = run()
    handle.stop()
    before = requests_of_server()
    with replayed(recorded_spans(exporter.get_finished_spans())) as server:
        again = run()
    hits = requests_of_server() - before
    print(json.dumps({
        "recorded": recorded, "replayed": again, "hits": hits, "report": server.report(),
    }))  # fmt: skip


def requests_of_server() -> int:
    """How many requests the model server has had."""
    with urllib.request.urlopen(sys.argv[2] + "/requests", timeout=10) as reply:  # noqa: S310 - ours
        return len(json.load(reply))


AGENTS = {
    "openai_streams": openai_streams, "openai_whole": openai_whole, "anthropic": anthropic,
    "mcp": mcp, "langchain": langchain,
}  # fmt: skip
main(AGENTS[sys.argv[1]])
