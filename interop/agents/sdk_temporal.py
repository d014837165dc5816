"""A workflow with activities, traced by the SDK: ``sdk_temporal.py ADDRESS ORDER``.

The worker keeps no workflow in memory, so that every workflow task replays the workflow from its
start. At last the whole history is replayed. For the order ``fragile`` one workflow task fails and
is tried again.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Replayer, Worker

import tracefoundry_sdk as tf

with workflow.unsafe.imports_passed_through():
    import temporal_failures

QUEUE = "orders"
WITHIN = timedelta(seconds=30)


@activity.defn
async def look_up(order: str) -> str:
    """An activity that calls a tool."""
    with tf.tool_call("lookup", arguments={"order": order}) as tool:
        tool.result = "shipped"
        return "shipped"


@workflow.defn
class Orders:
    """Looks an order up twice."""

    @workflow.run
    async def run(self, order: str) -> str:
        """Helpers are used in the workflow itself."""
        with tf.trace_agent_run("planner") as run:
            run.input = order
            await workflow.execute_activity(look_up, order, start_to_close_timeout=WITHIN)
            with tf.tool_call("decide"):
                await workflow.sleep(0.01)
            with tf.tool_call("fragile"):
                if order == "fragile" and next(temporal_failures.once, False):
                    raise KeyError("fails the workflow task, not the workflow")
            found = await workflow.execute_activity(look_up, order, start_to_close_timeout=WITHIN)
            run.output = found
        return found


async def main(address: str, order: str) -> None:
    """Run the workflow, then replay it."""
    with tf.quick_start(service="temporal"):
        plugin = tf.propagation.temporal.plugin()
        client = await Client.connect(address, plugins=[plugin])
        async with Worker(
            client, task_queue=QUEUE, workflows=[Orders], activities=[look_up],
            max_cached_workflows=0,
        ):  # fmt: skip
            with tf.trace_agent_run("caller"):
                handle = await client.start_workflow(
                    Orders.run, order, id=f"order-{order}", task_queue=QUEUE
                )
                await handle.result()
        history = await handle.fetch_history()
        await Replayer(workflows=[Orders], plugins=[plugin]).replay_workflow(history)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
