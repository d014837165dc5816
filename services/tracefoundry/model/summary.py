"""The summary of a trace, computed by one pure function from facts about its spans.

The write path calls it in two places: on the spans of a batch if the whole trace is in it, and on
facts read back from the store if the trace existed before. Both give the same summary for the same
spans in any order (there is a property test), so a summary does not depend on how spans arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from tracefoundry.model.run_starts import RunStart, unfinished
from tracefoundry.model.span import Span, StatusCode
from tracefoundry.model.usage import counted_fields, field_bit

NAME_LIST_LIMIT = 1000
"""Most services, models or tools in one summary; of more, the first by name are kept."""

TraceKey = tuple[int, bytes]
"""(project id, trace id)."""


class SpanFacts(msgspec.Struct, gc=False):
    """The part of a span that its trace's summary depends on."""

    span_id: bytes
    parent_span_id: bytes
    start_time_ns: int
    end_time_ns: int
    status_code: int
    name: str
    service: str | None = None
    environment: str | None = None
    genai_kind: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    agent: str | None = None
    tool: str | None = None
    conversation_id: str | None = None
    user_id: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None
    cost_source: str | None = None


def facts_of(span: Span) -> SpanFacts:
    """The facts of a decoded span whose GenAI view has been derived."""
    resource = span.resource
    genai = span.genai
    if genai is None:
        return SpanFacts(
            span.span_id,
            span.parent_span_id,
            span.start_time_ns,
            span.end_time_ns,
            span.status_code,
            span.name,
            resource.service,
            resource.environment,
        )
    return SpanFacts(
        span.span_id,
        span.parent_span_id,
        span.start_time_ns,
        span.end_time_ns,
        span.status_code,
        span.name,
        resource.service,
        resource.environment,
        genai.kind,
        genai.request_model,
        genai.response_model,
        genai.response_id,
        genai.agent,
        genai.tool,
        genai.conversation_id,
        genai.user_id,
        genai.input_tokens,
        genai.output_tokens,
        genai.cached_tokens,
        genai.cache_write_tokens,
        genai.reasoning_tokens,
        genai.cost_usd,
        genai.cost_source,
    )


class TraceSummary(msgspec.Struct):
    """The fields of a trace in a list of traces. Unknown is None.

    ``start_time_ns`` and ``last_start_ns`` are the earliest and latest span start: they bound the
    partitions that hold the trace. ``missing_parents`` counts distinct parent ids that no span of
    the trace has; ``missing_roots`` is true as long as no span without a parent has arrived.
    ``started_ns`` and ``last_started_ns`` are when the earliest and the latest of its unfinished
    runs started (:mod:`tracefoundry.model.run_starts`), None where there are none.
    """

    span_count: int
    error_count: int
    start_time_ns: int
    last_start_ns: int
    end_time_ns: int
    root_span_id: bytes
    root_name: str
    service: str | None
    environment: str | None
    status: int
    services: list[str]
    models: list[str]
    tools: list[str]
    agent: str | None
    conversation_id: str | None
    user_id: str | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None
    cost_source: str | None
    missing_roots: bool
    missing_parents: int
    started_ns: int | None = None
    last_started_ns: int | None = None


def summarise(spans: Sequence[SpanFacts], starts: Sequence[RunStart] = ()) -> TraceSummary:
    """The summary of a trace from the facts of all its spans and the starts of its runs, both in
    any order.

    Root: the earliest span without a parent, else the earliest orphan, else (nothing but cycles)
    the earliest span. Status: the root's where it is ok or error, else error if any span failed,
    else unset. The agent, conversation and user are those of the earliest span that names one.
    ``end_time_ns`` is never before ``start_time_ns``: a span that ends before it starts has
    duration 0. An unfinished run stands in for the span that it will become: as the root where no
    span without a parent is there, and in times and names; it is not counted.

    Raises:
        ValueError: there are neither spans nor unfinished runs.
    """
    if starts:
        runs = unfinished(starts, {span.span_id for span in spans})
        if runs:
            return _with_runs(summarise(spans) if spans else None, runs)
    if not spans:
        raise ValueError("a trace without spans and unfinished runs has no summary")
    if len(spans) > 1:
        spans = sorted(spans, key=lambda span: (span.start_time_ns, span.span_id))
    first = spans[0]
    ids = {span.span_id for span in spans}
    end = first.start_time_ns
    errors = 0
    root: SpanFacts | None = None
    orphan: SpanFacts | None = None
    missing: set[bytes] = set()
    services: set[str] = set()
    models: set[str] = set()
    tools: set[str] = set()
    agent = conversation = user = None
    viewed: list[SpanFacts] = []
    for span in spans:
        if span.end_time_ns > end:
            end = span.end_time_ns
        if span.start_time_ns > end:
            end = span.start_time_ns
        if span.status_code == StatusCode.ERROR:
            errors += 1
        parent = span.parent_span_id
        if not parent:
            root = root or span
        elif parent not in ids:
            missing.add(parent)
            orphan = orphan or span
        if span.service is not None:
            services.add(span.service)
        conversation = conversation or span.conversation_id
        user = user or span.user_id
        if span.genai_kind is not None:
            viewed.append(span)
            for model in (span.request_model, span.response_model):
                if model is not None:
                    models.add(model)
            if span.tool is not None:
                tools.add(span.tool)
            agent = agent or span.agent
    top = root or orphan or first
    tokens_in, tokens_out, cached, reasoning, cost, source = _totals(spans, viewed)
    return TraceSummary(
        span_count=len(spans),
        error_count=errors,
        start_time_ns=first.start_time_ns,
        last_start_ns=spans[-1].start_time_ns,
        end_time_ns=end,
        root_span_id=top.span_id,
        root_name=top.name,
        service=top.service,
        environment=top.environment,
        status=_status(top.status_code, errors),
        services=_names(services),
        models=_names(models),
        tools=_names(tools),
        agent=agent,
        conversation_id=conversation,
        user_id=user,
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        cached_tokens=cached,
        reasoning_tokens=reasoning,
        cost_usd=cost,
        cost_source=source,
        missing_roots=root is None,
        missing_parents=len(missing),
    )


def _with_runs(summary: TraceSummary | None, runs: Sequence[RunStart]) -> TraceSummary:
    """The summary of a trace whose spans have this one, with its unfinished runs, earliest first.

    The names of spans come before those of runs: a span has more to say.
    """
    first, last = runs[0].time_ns, runs[-1].time_ns
    if summary is None:
        summary = summarise([_stand_in(runs[0])])
        summary.span_count = 0
        summary.missing_roots = True
    elif summary.missing_roots:
        summary.root_span_id = runs[0].span_id
        summary.root_name = runs[0].name
        summary.service = runs[0].service
        summary.environment = runs[0].environment
        summary.status = _status(StatusCode.UNSET, summary.error_count)
    for run in runs:
        summary.agent = summary.agent or run.agent
        summary.conversation_id = summary.conversation_id or run.conversation_id
        summary.user_id = summary.user_id or run.user_id
    services = {run.service for run in runs if run.service is not None}
    summary.services = _names(services.union(summary.services))
    summary.start_time_ns = min(summary.start_time_ns, first)
    summary.last_start_ns = max(summary.last_start_ns, last)
    summary.end_time_ns = max(summary.end_time_ns, last)
    summary.started_ns, summary.last_started_ns = first, last
    return summary


def _stand_in(run: RunStart) -> SpanFacts:
    """The span that an unfinished run will have, as far as it is known."""
    return SpanFacts(
        run.span_id,
        b"",
        run.time_ns,
        run.time_ns,
        StatusCode.UNSET,
        run.name,
        run.service,
        run.environment,
    )


def _status(root_status: int, errors: int) -> int:
    if root_status in (StatusCode.OK, StatusCode.ERROR):
        return root_status
    return StatusCode.ERROR if errors else StatusCode.UNSET


def _names(names: set[str]) -> list[str]:
    return sorted(names)[:NAME_LIST_LIMIT]


_MAX_TOTAL = 2**63 - 1
"""Largest total of tokens: what a bigint column holds. A larger sum becomes this."""


Totals = tuple[int | None, int | None, int | None, int | None, float | None, str | None]
"""Input, output, cached and reasoning tokens, cost, and where the cost comes from."""
_SUMMED = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "cost_usd")
_BITS = tuple((field, field_bit(field)) for field in _SUMMED)
_NOTHING: Totals = (None, None, None, None, None, None)


def _totals(spans: Sequence[SpanFacts], viewed: Sequence[SpanFacts]) -> Totals:
    """Each usage field added up over the spans of which it counts.

    A field that no span has is 0 if a span says so, else unknown. ``viewed`` are the spans that
    have a GenAI view.
    """
    if not viewed:
        return _NOTHING
    counted = counted_fields(spans)
    sums: list[Any] = []
    summed: list[SpanFacts] = []
    for field, bit in _BITS:
        summed = [spans[index] for index, fields in counted.items() if fields & bit]
        if not summed:
            summed = [span for span in viewed if getattr(span, field) is not None]
        sums.append(sum(getattr(span, field) for span in summed) if summed else None)
    *tokens, cost = sums
    # The cost is the last field: ``summed`` are the spans whose cost counts.
    return (*(_bounded(total) for total in tokens), cost, _cost_source(summed))


def _bounded(total: int | None) -> int | None:
    return None if total is None else min(total, _MAX_TOTAL)


def _cost_source(spans: Sequence[SpanFacts]) -> str | None:
    """``reported`` or ``computed`` if all of the cost is, else ``mixed``."""
    sources = {span.cost_source for span in spans} - {None}
    return "mixed" if len(sources) > 1 else next(iter(sources), None)
