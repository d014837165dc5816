"""An MCP server with one tool, traced as a service of its own."""

from __future__ import annotations

from mcp.server import MCPServer

import tracefoundry_sdk as tf

server = MCPServer("orders")


@server.tool()
def lookup_order(order_id: str) -> str:
    """Find an order by its number."""
    with tf.retrieval("orders", query=order_id) as found:
        found.documents = [{"id": order_id, "content": "shipped"}]
    return f"order {order_id}: shipped"


if __name__ == "__main__":
    with tf.quick_start(service="mcp-orders"):
        server.run()
