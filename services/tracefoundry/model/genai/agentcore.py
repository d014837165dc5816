"""The Amazon Bedrock AgentCore dialect: spans of the service itself, with ``aws.*`` attributes.

Names are those of the observability chapter of its developer guide (runtime, memory, gateway and
built-in tools). Other AWS services use ``aws.operation.name`` too, so the resource must be one of
AgentCore's. Agents that run there send spans of their own libraries' dialects.
"""

from __future__ import annotations

from typing import Any

from tracefoundry.model.genai.values import Get, first_text, text
from tracefoundry.model.genai.view import GenAI, GenAIKind

DIALECT = "bedrock_agentcore"
VERSION = 1

_ARN_PART = ":bedrock-agentcore:"
_RESOURCE_TYPES = ("AWS::BedrockAgentCore", "AWS::Bedrock-AgentCore")
_KINDS: dict[str, GenAIKind] = {
    "InvokeAgentRuntime": "agent",
    "InvokeAgentRuntimeCommand": "tool",
    "InvokeCodeInterpreter": "tool",
    "InvokeGateway": "chain",
    "CallTool": "tool",
    "InvokeTool": "tool",
    "ListTools": "chain",
    "SearchTools": "retriever",
    "RetrieveMemoryRecords": "retriever",
    "ListMemoryRecords": "retriever",
    "GetMemoryRecord": "retriever",
    "Evaluate": "evaluator",
}
_OF_A_TOOL = ("BrowserSession", "CodeInterpreterSession", "BrowserStream")


def read(attributes: dict[str, Any]) -> GenAI:
    """The GenAI view of a span of AgentCore; an empty view for another AWS service."""
    get = attributes.get
    view = GenAI(kind="other", dialect=DIALECT)
    if not _is_agentcore(get):
        return view
    view.operation = text(get("aws.operation.name"))
    view.kind = _kind(view.operation or "")
    view.conversation_id = text(get("session.id"))
    view.user_id = text(get("actor.id"))
    if view.kind == "agent":
        view.agent = first_text(get, "gen_ai.agent.name", "aws.agent.name", "aws.agent.id")
    elif view.kind == "tool":
        view.tool = first_text(get, "gen_ai.tool.name", "tool.name") or view.operation
    return view


def _is_agentcore(get: Get) -> bool:
    arn, kind = text(get("aws.resource.arn")), text(get("aws.resource.type"))
    return (
        (arn is not None and _ARN_PART in arn)
        or (kind is not None and kind.startswith(_RESOURCE_TYPES))
        or text(get("aws.agent.id")) is not None
    )


def _kind(operation: str) -> GenAIKind:
    known = _KINDS.get(operation.replace(" ", ""))
    if known is not None:
        return known
    return "tool" if operation.endswith(_OF_A_TOOL) else "other"
