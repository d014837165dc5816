"""A small agent that uses the SDK: recorded on this machine, run again in the cluster.

The cluster runs it in the product's own image, which has Python and the SDK in it.
"""

from __future__ import annotations

import os
import subprocess
import sys

from content_traces import OTLP_HTTP_PORT
from instance import Instance
from kube import wait_for

ORDER = "48213"
TOOL = "lookup_order"
SCRIPT = '''
import sys
import tracefoundry_sdk as tf

tf.quick_start(service="order-agent")


@tf.tool_call
def lookup_order(order_id: str) -> dict:
    """Find an order."""
    return {"order": order_id, "status": "shipped"}


with tf.trace_agent_run("order-agent"):
    print(lookup_order(sys.argv[1])["status"])
tf.flush(timeout_s=5)
'''


def command(order: str) -> list[str]:
    """The agent's command, as a TraceExport has it."""
    return ["python3", "-c", SCRIPT, order]


def record(instance: Instance) -> str:
    """Run the agent here, its trace sent through the collector; the id of the trace."""
    target = f"service/{instance.name}-collector"
    with instance.kube.forwarded(target, OTLP_HTTP_PORT, instance.namespace) as port:
        done = subprocess.run(
            [sys.executable, *command(ORDER)[1:]],
            env={**os.environ, "TRACEFOUNDRY_URL": f"http://127.0.0.1:{port}"},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert "shipped\n" == done.stdout, done.stderr
    found: list[str] = []
    with instance.api() as api:

        def there() -> bool:
            traces = api.traces("order-agent")
            found[:] = [each["trace_id"] for each in traces if not each["running"]]
            return bool(found)

        wait_for("the trace of the agent", there, deadline_s=60)
    return found[0]
