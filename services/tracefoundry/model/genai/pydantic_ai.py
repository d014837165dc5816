"""The pydantic-ai and Logfire dialect: their attributes beside ``gen_ai.*``.

Agent spans of older versions have no operation name and repeat the usage of their calls; newer
ones use ``gen_ai.aggregated_usage.*`` for that. ``operation.cost`` is the cost that the library
computed. ``logfire.*`` keys are on every span of a Logfire user, so they do not identify a dialect.
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai import plain
from tracefoundry.model.genai.values import first_amount, text
from tracefoundry.model.genai.view import GenAI, GenAIKind

DIALECT = "pydantic_ai"
VERSION = 1


def read(attributes: dict[str, Any]) -> GenAI:
    """The GenAI view from the pydantic-ai and Logfire attributes of a span."""
    get = attributes.get
    agent = text(get("agent_name"))
    operation = text(get("gen_ai.operation.name"))
    kind: GenAIKind = "other"
    view = GenAI(
        kind=kind,
        dialect=DIALECT,
        agent=agent or text(get("gen_ai.agent.name")),
        request_model=text(get("gen_ai.request.model")) or text(get("model_name")),
        cost_usd=(cost := first_amount(get, "operation.cost")),
        cost_source=None if cost is None else "reported",
    )
    if operation is None and agent is not None and "gen_ai.tool.name" not in attributes:
        view.kind = "agent"
    else:
        own = plain.derive(attributes)
        view.kind = own.kind if own is not None else "other"
    return view
