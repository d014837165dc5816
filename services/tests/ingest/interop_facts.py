"""What the API shows of a library's agent, cut down to facts that a person can check.

All interop agents hold one conversation with a scripted model (``interop/tracing.py``). The facts
name the parts of it (:data:`PARTS`) that were found in each slot of content, because every library
writes messages in a form of its own. Facts that are null or empty are left out.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from platform_process import Platform

FOLDER = Path(__file__).parent / "interop_bodies"
"""One folder for each library: the bodies that it sent, and ``expected.json``."""

PARTS = {
    "question": re.compile(r"Where is order 7\?"),
    "call": re.compile(r'order\\*"\s*:\s*7\b|\border=7\b'),
    "result": re.compile(r"(?<!is )\bshipped\b"),
    "answer": re.compile(r"Order 7 is shipped\."),
    "streamed": re.compile(r"It is on its way\."),
    "tool": re.compile(r"Finds? an order\."),
}
"""The user's question, the call of the tool, its result, the model's answer, the answer that is
streamed, and the description of the tool."""

_RANDOM_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_SPAN_FACTS = (
    "kind", "provider", "request_model", "response_model", "agent", "tool",
    "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens",
)  # fmt: skip
_TRACE_FACTS = (
    "root_name", "agent", "models", "tools", "span_count", "error_count",
    "input_tokens", "output_tokens", "cached_tokens",
)  # fmt: skip


def expected_facts(library: str) -> dict[str, Any]:
    """What is right for a library: written by a person who knows what its agent did."""
    found: dict[str, Any] = json.loads((FOLDER / library / "expected.json").read_text())
    return found


def facts_of(platform: Platform, service: str) -> dict[str, Any]:
    """The facts of all traces of a service, by their start; spans in alphabetical order.

    Random ids in names are replaced by ``ID``.
    """
    traces = platform.get("/api/traces", service=service)["traces"]
    traces.sort(key=lambda trace: (int(trace["start_time_ns"]), trace["trace_id"]))
    return {"traces": [_trace_facts(platform, trace) for trace in traces]}


def _trace_facts(platform: Platform, trace: dict[str, Any]) -> dict[str, Any]:
    assert trace["totals_pending"] is False
    spans = platform.get(f"/api/traces/{trace['trace_id']}/spans")["spans"]
    names = {span["span_id"]: span["name"] for span in spans}
    listed = [_span_facts(platform, span, names) for span in spans]
    # Spans that run at the same time have no certain order.
    listed.sort(key=lambda facts: json.dumps(facts, sort_keys=True))
    facts = {**_given(trace, _TRACE_FACTS), "spans": listed}
    without_ids: dict[str, Any] = json.loads(_RANDOM_ID.sub("ID", json.dumps(facts)))
    return without_ids


def _span_facts(platform: Platform, span: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    view = span["genai"] or {}
    facts = {
        "name": span["name"],
        "parent": names.get(span["parent_span_id"]),
        **_given(view, _SPAN_FACTS),
        # Whether the tokens of this span are part of the trace's totals.
        "counts": view.get("counts") if _given(view, ("input_tokens", "output_tokens")) else None,
        "content": _content(platform, span),
        "left_in_attributes": _left_in_attributes(span),
        "redacted": sorted({entry["rule"] for entry in span["redactions"]}),
    }
    return _given(facts, tuple(facts))


def _content(platform: Platform, span: dict[str, Any]) -> dict[str, list[str]]:
    """Which parts of the conversation are in which slot; slots without any are left out."""
    found: dict[str, set[str]] = {}
    for entry in span["payloads"]:
        answer = platform.client.get(f"{platform.api}/api/payloads/{entry['ref']}")
        assert answer.status_code == 200, answer.text
        found.setdefault(entry["slot"], set()).update(_parts(answer.text))
    return {slot: _in_order(parts) for slot, parts in sorted(found.items()) if parts}


def _left_in_attributes(span: dict[str, Any]) -> list[str]:
    """Parts of the conversation that are readable without the right to read content."""
    places = [span["attributes"], span["resource"], span["scope"]]
    places += [event["attributes"] for event in span["events"]]
    places += [[log["attributes"], log["body"]] for log in span["logs"]]
    return _in_order(_parts(json.dumps(places)))


def _parts(text: str) -> set[str]:
    return {name for name, pattern in PARTS.items() if pattern.search(text)}


def _in_order(parts: set[str]) -> list[str]:
    return [name for name in PARTS if name in parts]


def _given(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The named values that are neither null nor empty."""
    return {name: values[name] for name in names if values.get(name) not in (None, "", [], {})}
