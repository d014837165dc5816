"""Spans of Arize Phoenix to the model: JSON and JSONL of its REST API and client.

Attributes are OpenInference's. Where they are nested (``{"llm": {"model_name": ...}}``) they are
flattened to the dotted names under which they were sent. Records of a data frame have the columns
``context.span_id``, ``attributes.llm.model_name`` and so on. Parquet files are not read.
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
from tracefoundry.interchange.langfuse_import import items_of
from tracefoundry.interchange.records import Record
from tracefoundry.interchange.report import LossReport
from tracefoundry.model.span import Attributes, Event, Resource, Scope, Span, SpanKind, StatusCode

KIND: Final = "openinference.span.kind"
_STATUS = {"OK": StatusCode.OK, "ERROR": StatusCode.ERROR, "UNSET": StatusCode.UNSET}
_READ_WORDS = """
id name context context.trace_id context.span_id span_kind parent_id start_time end_time
status_code status_message attributes events annotations evaluations
"""
_READ: Final = frozenset(_READ_WORDS.split())
_WHOLE: Final = ("metadata", "llm.invocation_parameters", "tool.parameters", "input.value",
                 "output.value", "tool_call.function.arguments")  # fmt: skip
"""Attributes that are one JSON string in OpenInference: not flattened if they are objects."""


def read(records: Iterable[Record], report: LossReport) -> Iterator[Chunk]:
    """The spans of all records.

    Raises:
        UnreadableFile: a record that is no span, or a value of the wrong type.
    """
    resource, scope = Resource(), Scope("tracefoundry.interchange.phoenix")
    yield from in_chunks(
        _span(item, resource, scope, report) for record in records for item in items_of(record)
    )


def _span(item: Fields, resource: Resource, scope: Scope, report: LossReport) -> Span:
    context = item.object("context")
    if context is None:
        trace = item.required_string("context.trace_id")
        own = item.required_string("context.span_id")
    else:
        trace, own = context.required_string("trace_id"), context.required_string("span_id")
    start = item.time_ns("start_time")
    if start is None:
        raise UnreadableFile(item.place, "has no 'start_time'", "add it, or take out the span")
    end = item.time_ns("end_time")
    if end is None:
        report.add("Phoenix spans without an end: theirs is their start", item.place)
    parent = item.string("parent_id")
    status = item.string("status_code") or "UNSET"
    if status not in _STATUS:
        raise item.wrong("status_code", "'OK', 'ERROR' or 'UNSET'")
    attributes = _attributes(item)
    kind = item.string("span_kind")
    if kind is not None and kind != "UNKNOWN":
        attributes.setdefault(KIND, as_text(kind))
    if item.get("annotations", "evaluations"):
        report.add("Phoenix annotations are not imported", item.place)
    for name in item.remaining(_READ):
        if not name.startswith("attributes."):
            report.add(f"Phoenix field {name[:40]!r} is not imported", item.place)
    trace_id, span_id = trace_id_of(trace, "phoenix"), span_id_of(own, trace, "phoenix")
    if trace_id.hex() != trace.lower():
        attributes["tracefoundry.import.trace_id"] = as_text(trace)
    if span_id.hex() != own.lower():
        attributes["tracefoundry.import.span_id"] = as_text(own)
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=span_id_of(parent, trace, "phoenix") if parent else b"",
        name=label(item.string("name") or ""),
        kind=SpanKind.INTERNAL,
        start_time_ns=start,
        end_time_ns=start if end is None else end,
        status_code=_STATUS[status],
        status_message=label(item.string("status_message") or ""),
        attributes=attributes,
        resource=resource,
        scope=scope,
        events=[_event(event, start) for event in item.objects("events")],
    )


def _event(event: Fields, span_start_ns: int) -> Event:
    time = event.time_ns("timestamp")
    attributes: Attributes = {}
    nested = event.object("attributes")
    if nested is not None:
        _flatten(nested.value, "", attributes)
    return Event(
        label(event.string("name") or ""), span_start_ns if time is None else time, attributes
    )


def _attributes(item: Fields) -> Attributes:
    found: Attributes = {}
    nested = item.object("attributes")
    if nested is not None:
        _flatten(nested.value, "", found)
    for column, value in item.value.items():
        if column.startswith("attributes.") and value is not None:
            _flatten({column.removeprefix("attributes."): value}, "", found)
    return found


def _flatten(value: dict[str, Any], prefix: str, found: Attributes) -> None:
    """Objects and lists of objects become dotted names; null is absent."""
    for key, part in value.items():
        name = label(prefix + key)
        if part is None:
            continue
        if type(part) is dict and not name.endswith(_WHOLE):
            _flatten(part, f"{name}.", found)
        elif type(part) is list and part and all(type(item) is dict for item in part):
            for index, item in enumerate(part):
                _flatten(item, f"{name}.{index}.", found)
        else:
            found[name] = as_attribute(part)
