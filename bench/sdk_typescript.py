"""What the TypeScript SDK costs an agent: a span beside a bare one, and its content."""

from __future__ import annotations

import json
from pathlib import Path

from node_packages import linked, run_node

PACKAGE = Path(__file__).parents[1] / "sdk" / "typescript"


def costs() -> dict[str, float]:
    """Figures of one run, in which the sides take turns."""
    linked(PACKAGE)
    run_node("build.mjs", folder=PACKAGE)
    figures: dict[str, float] = json.loads(run_node("bench/span-costs.ts", folder=PACKAGE))
    return figures | {
        "helper_to_bare": figures["helper_span_us"] / figures["bare_span_us"],
        "content_10_kb_us": figures["with_content_us"] - figures["helper_span_us"],
    }
