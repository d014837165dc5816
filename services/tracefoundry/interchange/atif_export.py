"""The spans of one trace as an ATIF 1.7 trajectory.

The outermost agent becomes the trajectory, its model calls become agent steps, tool spans become
tool calls with their results, agents below it become embedded sub-agents. Of the messages that a
model call received, those of user and system that no earlier step has become steps of their own.
What ATIF has no place for is reported. A trajectory that was imported comes back as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from tracefoundry.interchange import atif_names as names
from tracefoundry.interchange.atif_fields import EXPORT_VERSION, MAX_SUBAGENT_DEPTH
from tracefoundry.interchange.atif_steps import StepList, parsed_json
from tracefoundry.interchange.report import LossReport
from tracefoundry.model.genai.registry import derive
from tracefoundry.model.span import Span


class AtifExport(msgspec.Struct):
    """A trajectory as a JSON object, and what it lacks."""

    trajectory: dict[str, Any]
    report: LossReport


class NoSpans(Exception):
    """There is nothing to make a trajectory of."""


def to_atif(spans: Iterable[Span]) -> AtifExport:
    """An ATIF 1.7 trajectory of all spans of one trace, contents put back.

    Raises:
        NoSpans: there are none.
    """
    ordered = sorted(spans, key=lambda span: (span.start_time_ns, span.span_id))
    if not ordered:
        raise NoSpans("the trace has no spans; export it as a bundle instead")
    report = LossReport()
    tree = _AgentTree(ordered)
    tree.report_cycles(report)
    return AtifExport(_trajectory(tree, tree.main, report), report)


class _AgentTree:
    """Which agent each span belongs to: the nearest agent above it, else the main one."""

    def __init__(self, spans: Sequence[Span]) -> None:
        by_id = {span.span_id: span for span in spans}
        self.kinds = {id(span): _kind(span) for span in spans}
        nearest = {id(span): self._agent_above(span, by_id) for span in spans}
        agents = [span for span in spans if self.kinds[id(span)] == "agent"]
        outermost = [span for span in agents if nearest[id(span)] is None]
        self.main: Span | None = outermost[0] if outermost else None
        self.owned: dict[int, list[Span]] = {}
        for span in spans:
            if span is not self.main:
                owner = nearest[id(span)] or self.main
                self.owned.setdefault(id(owner), []).append(span)
        self.by_id = by_id
        self.first = spans[0]

    def report_cycles(self, report: LossReport) -> None:
        """Report spans that stand below no outermost agent, because their parents form a cycle."""
        reached: set[int] = set()
        waiting = [self.main]
        while waiting:
            owned = self.owned.get(id(waiting.pop()), [])
            reached.update(map(id, owned))
            waiting += [span for span in owned if self.kinds[id(span)] == "agent"]
        for span in self.by_id.values():
            if span is not self.main and id(span) not in reached:
                report.add("spans in or below a cycle of parents", span.span_id.hex())

    def _agent_above(self, span: Span, by_id: dict[bytes, Span]) -> Span | None:
        seen = {span.span_id}
        parent = by_id.get(span.parent_span_id)
        while parent is not None and parent.span_id not in seen:
            if self.kinds[id(parent)] == "agent":
                return parent
            seen.add(parent.span_id)
            parent = by_id.get(parent.parent_span_id)
        return None


def _kind(span: Span) -> str:
    if span.attributes.get("gen_ai.operation.name") == "agent_step":
        return "agent_step"
    view = span.genai or derive(span.attributes, span.events, span.scope.name, span_name=span.name)
    return (view.kind if view is not None else None) or "other"


def _trajectory(
    tree: _AgentTree, agent: Span | None, report: LossReport, depth: int = 0
) -> dict[str, Any]:
    steps = StepList(report)
    subagents: list[dict[str, Any]] = []
    moments: list[tuple[int, int, Any]] = [
        (span.start_time_ns, index, span)
        for index, span in enumerate(tree.owned.get(id(agent), []))
    ]
    if agent is not None:
        steps.note_absent_content(agent)
        moments += [(event.time_ns, -1, event) for event in agent.events]
    for _, _, moment in sorted(moments, key=lambda entry: entry[:2]):
        if type(moment) is not Span:
            steps.add_event(moment)
            continue
        steps.note_absent_content(moment)
        kind = tree.kinds[id(moment)]
        if kind in ("llm", "agent_step"):
            steps.add_model_call(moment)
        elif kind == "tool":
            steps.add_tool(moment)
        elif kind == "agent" and depth >= MAX_SUBAGENT_DEPTH:
            report.add(f"agents nested deeper than {MAX_SUBAGENT_DEPTH}", moment.span_id.hex())
        elif kind == "agent":
            inner = _trajectory(tree, moment, report, depth + 1)
            subagents.append(inner)
            if names.TRAJECTORY not in moment.attributes:
                parent = tree.by_id.get(moment.parent_span_id)
                steps.add_reference(inner["trajectory_id"], parent)
        else:
            report.add(f"spans of kind {kind} have no place in ATIF", moment.span_id.hex())
    return _document(tree, agent, steps, subagents, report)


def _document(
    tree: _AgentTree,
    agent: Span | None,
    steps: StepList,
    subagents: list[dict[str, Any]],
    report: LossReport,
) -> dict[str, Any]:
    source = agent or tree.first
    attributes = source.attributes
    kept = parsed_json(attributes.get(names.TRAJECTORY))
    kept = kept if type(kept) is dict else {}
    imported = bool(kept)
    described = {
        "name": _text(attributes.get("gen_ai.agent.name"))
        or source.resource.service
        or source.name
        or "unknown",
        "version": _text(attributes.get("gen_ai.agent.version"))
        or _text(source.resource.attributes.get("service.version")),
        "model_name": _text(attributes.get("gen_ai.request.model")),
        "tool_definitions": parsed_json(attributes.get("gen_ai.tool.definitions")),
    }
    if described["version"] is None:
        report.add("agents without a version: 'unknown' stands for it", source.span_id.hex())
        described["version"] = "unknown"
    tools = described["tool_definitions"]
    if type(tools) is not list or not all(type(tool) is dict for tool in tools):
        described["tool_definitions"] = None
    document = {
        **kept,
        "schema_version": EXPORT_VERSION,
        "agent": {
            **{key: value for key, value in described.items() if value is not None},
            **kept.get("agent", {}),
        },
        "steps": steps.numbered(),
    }
    session = _text(attributes.get("gen_ai.conversation.id"))
    if session is not None:
        document["session_id"] = session
    if not imported:
        document["trajectory_id"] = (
            source.trace_id.hex() if source in (tree.main, tree.first) else source.span_id.hex()
        )
        document["final_metrics"] = steps.totals()
    if subagents:
        document["subagent_trajectories"] = subagents
    return document


def _text(value: Any) -> str | None:
    return value if type(value) is str and value else None
