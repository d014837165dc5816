"""CrewAI, traced by OpenInference, and so are the model calls that it makes by LiteLLM."""

from __future__ import annotations

import os

os.environ["CREWAI_DISABLE_TELEMETRY"] = "true"
os.environ["CREWAI_DISABLE_TRACKING"] = "true"
os.environ["CREWAI_TRACING_ENABLED"] = "false"
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "true"

from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool
from openinference.instrumentation.crewai import CrewAIInstrumentor
from openinference.instrumentation.litellm import LiteLLMInstrumentor
from tracing import MODEL, QUESTION, provider

made = provider()
CrewAIInstrumentor().instrument(tracer_provider=made)
LiteLLMInstrumentor().instrument(tracer_provider=made)


@tool("lookup")
def lookup(order: int) -> str:
    """Find an order."""
    return "shipped"


planner = Agent(
    role="planner",
    goal="find orders",
    backstory="none",
    tools=[lookup],
    llm=LLM(model=f"openai/{MODEL}", is_litellm=True),
)
task = Task(description=QUESTION, expected_output="where it is", agent=planner)
Crew(agents=[planner], tasks=[task]).kickoff()
