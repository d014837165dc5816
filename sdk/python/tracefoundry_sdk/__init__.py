"""Python SDK of TraceFoundry: what an agent imports. Imports nothing from the services.

Importing it starts nothing: no thread, no socket, no provider. ``quick_start`` does.
"""

from __future__ import annotations

from tracefoundry_sdk import propagation
from tracefoundry_sdk.provider import Handle, flush, quick_start
from tracefoundry_sdk.spans.agent_run import trace_agent_run
from tracefoundry_sdk.spans.llm_call import llm_call
from tracefoundry_sdk.spans.retrieval import retrieval
from tracefoundry_sdk.spans.tool_call import tool_call

__version__ = "0.1.0"

__all__ = [
    "Handle",
    "flush",
    "llm_call",
    "propagation",
    "quick_start",
    "retrieval",
    "tool_call",
    "trace_agent_run",
]
