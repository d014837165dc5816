"""Pydantic AI, traced by Logfire."""

from __future__ import annotations

import logfire
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from tracing import MODEL, QUESTION

logfire.configure(send_to_logfire=False, console=False)
logfire.instrument_pydantic_ai()
agent = Agent(OpenAIChatModel(MODEL), name="planner")


@agent.tool_plain
def lookup(order: int) -> str:
    """Find an order."""
    return "shipped"


agent.run_sync(QUESTION)
logfire.force_flush()
