"""A graph of LangGraph. OpenInference's instrumentation traces it; ours gives the run around it."""

from __future__ import annotations

from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from openinference.instrumentation.langchain import LangChainInstrumentor

import tracefoundry_sdk as tf

tf.quick_start(service="langgraph-agent")
LangChainInstrumentor().instrument()


@tool
def lookup_order(order_id: str) -> str:
    """Find an order by its number."""
    return f"order {order_id}: shipped"


model = ChatOpenAI(model="gpt-5-mini").bind_tools([lookup_order])


def think(state: MessagesState) -> dict[str, list[object]]:
    """Ask the model."""
    return {"messages": [model.invoke(state["messages"])]}


graph = StateGraph(MessagesState)
graph.add_node("think", think)
graph.add_node("tools", ToolNode([lookup_order]))
graph.add_edge(START, "think")
graph.add_conditional_edges("think", tools_condition)
graph.add_edge("tools", "think")
agent = graph.compile()

question = "Where is my order 48213?"
with tf.trace_agent_run("order-agent", conversation_id="c-1", input=question) as run:
    state = agent.invoke({"messages": [("user", question)]})
    run.output = state["messages"][-1].content
print(run.output)
tf.flush(timeout_s=30)
