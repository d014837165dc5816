"""The bounds of exports as a ConfigMap, which the pods of export Jobs read when they start.

The operator checks a TraceExport before it creates the Job. A pod may start much later (a full
node, a second attempt), and the bounds may be tighter by then. So the pod checks again, against
the ConfigMap as it is at that time.
"""

from __future__ import annotations

import json

from tracefoundry_operator.manifests.rendering import Manifest, Rendering
from tracefoundry_operator.names import Component

KEY = "bounds.json"


def render(rendering: Rendering) -> list[Manifest]:
    """The ConfigMap."""
    bounds = rendering.instance.spec.exports
    document = {
        "weakest_redaction": bounds.weakest_redaction,
        "payloads": bounds.payloads,
        "destinations": [
            {"bucket": place.bucket, "prefix": place.prefix} for place in bounds.destinations
        ],
    }
    text = json.dumps(document, sort_keys=True)
    return [rendering.object("v1", "ConfigMap", Component.EXPORT, data={KEY: text})]
