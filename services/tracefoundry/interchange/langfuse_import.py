"""Langfuse exports to spans, in the ``langfuse.*`` attributes that its own SDKs send.

Read are: a trace with its observations (the API's trace, and the trace download of the page),
pages of the API (``{"data": [...]}``), and observations on their own, a line or an element each
(exports of tables, blob storage). Fields are in camelCase or snake_case. Each observation becomes
a span; a trace without a root observation gets a root span of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from tracefoundry.interchange.chunks import Chunk, in_chunks
from tracefoundry.interchange.errors import UnreadableFile
from tracefoundry.interchange.fields import (
    Fields,
    as_attribute,
    as_text,
    label,
    span_id_of,
    trace_id_of,
)
from tracefoundry.interchange.records import Record
from tracefoundry.interchange.report import LossReport
from tracefoundry.model.span import Attributes, Resource, Scope, Span, SpanKind, StatusCode

_SCOPE = Scope("tracefoundry.interchange.langfuse")
_TYPES: Final = frozenset(
    {
        "SPAN", "GENERATION", "EVENT", "AGENT", "TOOL", "CHAIN", "RETRIEVER", "EVALUATOR",
        "EMBEDDING", "GUARDRAIL", "RERANKER",
    }
)  # fmt: skip
_CALLS: Final = ("GENERATION", "EMBEDDING")

_OBSERVATION_ATTRIBUTES: Final[dict[str, tuple[str, ...]]] = {
    "langfuse.observation.model.name": ("model", "providedModelName", "provided_model_name"),
    "langfuse.observation.model.parameters": ("modelParameters", "model_parameters"),
    "langfuse.observation.input": ("input",),
    "langfuse.observation.output": ("output",),
    "langfuse.observation.usage_details": ("usageDetails", "usage_details"),
    "langfuse.observation.cost_details": ("costDetails", "cost_details"),
    "langfuse.observation.metadata": ("metadata",),
    "langfuse.observation.level": ("level",),
    "langfuse.observation.status_message": ("statusMessage", "status_message"),
    "langfuse.observation.completion_start_time": ("completionStartTime", "completion_start_time"),
    "langfuse.observation.prompt.name": ("promptName", "prompt_name"),
    "langfuse.observation.prompt.version": ("promptVersion", "prompt_version"),
    "langfuse.version": ("version",),
}
"""Attribute of a span, and the names of the field that it is made of."""
_TRACE_ATTRIBUTES: Final[dict[str, tuple[str, ...]]] = {
    "langfuse.session.id": ("sessionId", "session_id"),
    "langfuse.user.id": ("userId", "user_id"),
    "langfuse.trace.name": ("name", "traceName", "trace_name"),
    "langfuse.trace.input": ("input",),
    "langfuse.trace.output": ("output",),
    "langfuse.trace.metadata": ("metadata",),
    "langfuse.trace.tags": ("tags",),
    "langfuse.trace.public": ("public",),
    "langfuse.release": ("release",),
}
_TRACE_OF_OBSERVATION: Final[dict[str, tuple[str, ...]]] = {
    "langfuse.session.id": ("sessionId", "session_id"),
    "langfuse.user.id": ("userId", "user_id"),
    "langfuse.trace.name": ("traceName", "trace_name"),
    "langfuse.trace.tags": ("tags",),
    "langfuse.release": ("release",),
}
"""Facts of the trace that stand on each observation of enriched exports."""
_OTHER_FIELDS_WORDS = """
id type traceId trace_id parentObservationId parent_observation_id name startTime start_time
endTime end_time environment usage calculatedTotalCost totalCost total_cost
projectId project_id createdAt created_at updatedAt updated_at latency timeToFirstToken
time_to_first_token unit htmlPath bookmarked public promptTokens completionTokens totalTokens
inputUsage outputUsage totalUsage modelId model_id internalModelId internal_model_id
inputPrice input_price outputPrice output_price totalPrice total_price inputCost outputCost
calculatedInputCost calculatedOutputCost usagePricingTierId usagePricingTierName
"""
_OTHER_FIELDS: Final = frozenset(_OTHER_FIELDS_WORDS.split())
"""Fields that are read elsewhere, that repeat others, or that say how Langfuse stores the row."""
_READ: Final = _OTHER_FIELDS.union(
    *_OBSERVATION_ATTRIBUTES.values(), *_TRACE_OF_OBSERVATION.values()
)
_JSON_ATTRIBUTES: Final = ("usage_details", "cost_details", "parameters", "metadata")


def read(records: Iterable[Record], report: LossReport) -> Iterator[Chunk]:
    """The spans of all traces and observations.

    Raises:
        UnreadableFile: a record that is neither, or a value of the wrong type.
    """
    yield from in_chunks(_spans(records, report))


def _spans(records: Iterable[Record], report: LossReport) -> Iterator[Span]:
    resources: dict[str, Resource] = {}
    for record in records:
        for item in items_of(record):
            reader = _Reader(report, resources)
            if type(item.value.get("observations")) is list:
                yield from reader.trace(item)
            elif item.get("traceId", "trace_id") is not None:
                yield reader.observation(item, item.required_string("traceId", "trace_id"))
            else:
                raise UnreadableFile(
                    item.place,
                    "is neither an observation nor a trace with its observations",
                    "export traces with their observations, or the table of observations",
                )


def items_of(record: Record) -> Iterator[Fields]:
    """The objects of a record: itself, the elements of a list, or those of a page of an API."""
    value, place = record.value, record.place
    if type(value) is dict and type(value.get("data")) is list:
        value, place = value["data"], f"{place}, data"
    if type(value) is list:
        for index, item in enumerate(value):
            yield Fields(item, f"{place}, [{index}]")
    else:
        yield Fields(value, place)


class _Reader:
    def __init__(self, report: LossReport, resources: dict[str, Resource]) -> None:
        self.report = report
        self.resources = resources

    def trace(self, item: Fields) -> Iterator[Span]:
        """The spans of a trace with its observations."""
        trace = item.object("trace") or item
        trace_id = trace.required_string("id")
        environment = trace.string("environment")
        facts = _attributes(trace, _TRACE_ATTRIBUTES)
        if item.get("scores", "evaluations"):
            self.report.add("Langfuse scores are not imported", item.place)
        observations = item.objects("observations")
        if self._has_root(observations):
            rootless = b""
        else:
            root = self._root(trace, trace_id, facts, observations, environment)
            rootless = root.span_id
            yield root
        for observation in observations:
            of_trace = observation.string("traceId", "trace_id")
            if of_trace not in (None, trace_id):
                raise observation.wrong("traceId", "the id of the trace that it stands in")
            span = self.observation(observation, trace_id, environment)
            if not span.parent_span_id and not rootless:
                span.attributes |= facts
            yield span

    @staticmethod
    def _has_root(observations: list[Fields]) -> bool:
        return any(
            observation.get("parentObservationId", "parent_observation_id") is None
            for observation in observations
        )

    def _root(
        self,
        trace: Fields,
        trace_id: str,
        facts: Attributes,
        observations: list[Fields],
        environment: str | None,
    ) -> Span:
        start = trace.time_ns("timestamp")
        starts = [
            time for each in observations if (time := each.time_ns("startTime", "start_time"))
        ]
        if start is None and not starts:
            raise UnreadableFile(trace.place, "has no 'timestamp'", "add it")
        start = min(starts, default=0) if start is None else start
        ends = [time for each in observations if (time := each.time_ns("endTime", "end_time"))]
        return self._span(
            trace_id, f"trace:{trace_id}", "", trace.string("name") or "trace", facts,
            (start, max([start, *ends])), environment,
        )  # fmt: skip

    def observation(self, item: Fields, trace_id: str, environment: str | None = None) -> Span:
        """The span of one observation."""
        kind = item.required_string("type").upper()
        if kind not in _TYPES:
            self.report.add("Langfuse observations of an unknown type are imported as spans",
                            item.place)  # fmt: skip
            kind = "SPAN"
        original = item.required_string("id")
        start = item.time_ns("startTime", "start_time")
        if start is None:
            raise UnreadableFile(item.place, "has no 'startTime'", "add it, or take it out")
        end = item.time_ns("endTime", "end_time")
        if end is None:
            end = start
            if kind != "EVENT":
                self.report.add("Langfuse observations without an end: theirs is their start",
                                item.place)  # fmt: skip
        attributes = {"langfuse.observation.type": kind.lower()}
        attributes |= _attributes(item, _OBSERVATION_ATTRIBUTES)
        on_trace = _attributes(item, _TRACE_OF_OBSERVATION)
        for name in item.remaining(_READ):
            self.report.add(f"Langfuse field {name[:40]!r} is not imported", item.place)
        self._old_usage(item, attributes)
        span = self._span(
            trace_id, original, item.string("parentObservationId", "parent_observation_id") or "",
            item.string("name") or kind.lower(), attributes | on_trace, (start, end),
            item.string("environment") or environment,
        )  # fmt: skip
        if kind in _CALLS:
            span.kind = SpanKind.CLIENT
        if item.string("level") == "ERROR":
            span.status_code = StatusCode.ERROR
            span.status_message = label(item.string("statusMessage", "status_message") or "")
        return span

    @staticmethod
    def _old_usage(item: Fields, attributes: Attributes) -> None:
        """``usage`` and ``calculatedTotalCost``, which older versions have instead of details."""
        usage = item.get("usage")
        if "langfuse.observation.usage_details" not in attributes and type(usage) is dict:
            counts = {key: usage[key] for key in ("input", "output", "total")
                      if type(usage.get(key)) is int}  # fmt: skip
            if counts and usage.get("unit") in (None, "TOKENS"):
                attributes["langfuse.observation.usage_details"] = as_text(counts)
        cost = item.number("calculatedTotalCost", "totalCost", "total_cost")
        if "langfuse.observation.cost_details" not in attributes and cost is not None:
            attributes["langfuse.observation.cost_details"] = as_text({"total": cost})

    def _span(
        self,
        trace_id: str,
        span_id: str,
        parent: str,
        name: str,
        attributes: Attributes,
        times: tuple[int, int],
        environment: str | None,
    ) -> Span:
        raw_id = span_id_of(span_id, trace_id, "langfuse")
        if raw_id.hex() != span_id.lower():
            attributes = attributes | {"tracefoundry.import.span_id": as_text(span_id)}
        raw_trace = trace_id_of(trace_id, "langfuse")
        if raw_trace.hex() != trace_id.lower():
            attributes = attributes | {"tracefoundry.import.trace_id": as_text(trace_id)}
        return Span(
            trace_id=raw_trace,
            span_id=raw_id,
            parent_span_id=span_id_of(parent, trace_id, "langfuse") if parent else b"",
            name=label(name),
            kind=SpanKind.INTERNAL,
            start_time_ns=times[0],
            end_time_ns=times[1],
            status_code=StatusCode.UNSET,
            status_message="",
            attributes=attributes,
            resource=self._resource(environment),
            scope=_SCOPE,
        )

    def _resource(self, environment: str | None) -> Resource:
        name = environment or ""
        known = self.resources.get(name)
        if known is None:
            known = Resource({"deployment.environment.name": as_text(name)} if name else {})
            if len(self.resources) < 1_000:
                self.resources[name] = known
        return known


def _attributes(item: Fields, table: dict[str, tuple[str, ...]]) -> Attributes:
    found: Attributes = {}
    for key, fields in table.items():
        value: Any = item.get(*fields)
        if value is None or value == {} or value == []:
            continue
        found[key] = as_text(value) if key.endswith(_JSON_ATTRIBUTES) else as_attribute(value)
    return found
