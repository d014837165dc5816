"""CrewAI, traced by OpenInference, and so are the model calls that it makes by OpenAI's client."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.update(
    CREWAI_DISABLE_TELEMETRY="true",
    CREWAI_DISABLE_TRACKING="true",
    CREWAI_TRACING_ENABLED="false",
    XDG_DATA_HOME=str(Path.cwd()),  # its databases
)

from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool
from openinference.instrumentation.crewai import CrewAIInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor
from tracing import MODEL, QUESTION, provider

made = provider()
CrewAIInstrumentor().instrument(tracer_provider=made)
OpenAIInstrumentor().instrument(tracer_provider=made)


@tool("lookup")
def lookup(order: int) -> str:
    """Find an order."""
    return "shipped"


planner = Agent(
    role="planner", goal="find orders", backstory="none", tools=[lookup],
    llm=LLM(model=f"openai/{MODEL}"),
)  # fmt: skip
task = Task(description=QUESTION, expected_output="where it is", agent=planner)
Crew(agents=[planner], tasks=[task]).kickoff()
