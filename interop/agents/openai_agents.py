"""OpenAI's Agents SDK, traced by OpenInference."""

from __future__ import annotations

from agents import Agent, Runner, function_tool, set_default_openai_api
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor
from tracing import MODEL, QUESTION, provider

OpenAIAgentsInstrumentor().instrument(tracer_provider=provider())
set_default_openai_api("chat_completions")


@function_tool
def lookup(order: int) -> str:
    """Find an order."""
    return "shipped"


Runner.run_sync(Agent(name="planner", model=MODEL, tools=[lookup]), QUESTION)
