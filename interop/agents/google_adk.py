"""Google's Agent Development Kit with an OpenAI model; it traces itself."""

from __future__ import annotations

import asyncio
import os

from tracing import MODEL, QUESTION, provider

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "true"
os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
provider()

from google.adk.agents import Agent  # noqa: E402 - takes its tracer when it is imported
from google.adk.models.lite_llm import LiteLlm  # noqa: E402
from google.adk.runners import InMemoryRunner  # noqa: E402
from google.genai import types  # noqa: E402


def lookup(order: int) -> str:
    """Find an order."""
    return "shipped"


async def main() -> None:
    """One run of the agent."""
    agent = Agent(name="planner", model=LiteLlm(model=f"openai/{MODEL}"), tools=[lookup])
    runner = InMemoryRunner(agent, app_name="interop")
    session = await runner.session_service.create_session(app_name="interop", user_id="ada")
    message = types.Content(role="user", parts=[types.Part(text=QUESTION)])
    async for _ in runner.run_async(user_id="ada", session_id=session.id, new_message=message):
        pass


asyncio.run(main())
