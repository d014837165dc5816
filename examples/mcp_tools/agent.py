"""An agent that calls a tool of an MCP server; both are parts of one trace."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from mcp import Client, StdioServerParameters

import tracefoundry_sdk as tf

SERVER = StdioServerParameters(
    command=sys.executable,
    args=[str(Path(__file__).with_name("server.py"))],
    env=dict(os.environ),  # by default a server is given almost nothing of it
)


async def main() -> None:
    """One run with one tool call."""
    async with (
        tf.trace_agent_run("order-agent", input="Where is my order 48213?") as run,
        Client(SERVER) as client,
    ):
        arguments = {"order_id": "48213"}
        async with tf.tool_call("lookup_order", arguments=arguments) as tool:
            answer = await client.call_tool("lookup_order", arguments)
            tool.result = answer.content[0].text
        run.output = tool.result
    print(run.output)


tf.quick_start(service="mcp-agent")
asyncio.run(main())
tf.flush(timeout_s=30)
