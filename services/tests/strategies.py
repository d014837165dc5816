"""Hypothesis strategies for the model: any span, log or attribute value that decoding can give.

Everything is in canonical form: values carry a tag exactly where the functions of
:mod:`tracefoundry.model.attributes` give them one, labels hold no NUL, and ``mended_strings`` is 0,
so a round trip must give back an equal object.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tracefoundry.model.attributes import broken_text, double, obj, raw_bytes, text
from tracefoundry.model.span import Attributes, Event, Link, LogRecord, Resource, Scope, Span

MAX_TIME_NS = 2**63 - 1
UINT32 = st.integers(0, 2**32 - 1)
UINT64 = st.integers(0, 2**64 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)
TIMES = st.integers(0, MAX_TIME_NS)

TRACE_IDS = st.binary(min_size=16, max_size=16).filter(any)
SPAN_IDS = st.binary(min_size=8, max_size=8).filter(any)


def labels(max_size: int = 30) -> st.SearchStrategy[str]:
    """Names, keys and other strings that are no attribute values."""
    return st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=max_size)


def broken_strings() -> st.SearchStrategy[bytes]:
    """Bytes that are no valid UTF-8."""
    return st.binary(min_size=1, max_size=30).filter(_is_broken)


def _is_broken(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def attribute_values(*, broken: bool = True, max_leaves: int = 8) -> st.SearchStrategy[Any]:
    """Attribute values in tagged JSON form; without ``broken`` all strings are valid UTF-8."""
    leaves = [
        st.none(),
        st.booleans(),
        INT64,
        st.floats().map(double),
        st.text(st.characters(codec="utf-8"), max_size=30).map(text),
        st.binary(max_size=30).map(raw_bytes),
    ]
    if broken:
        leaves.append(broken_strings().map(broken_text))
    keys = labels(12) | st.sampled_from(["$double", "$bytes", "$text", "$object", "$other"])
    return st.recursive(
        st.one_of(leaves),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4).map(obj)
        ),
        max_leaves=max_leaves,
    )


def attributes(*, broken: bool = True, max_size: int = 6) -> st.SearchStrategy[Attributes]:
    """Attribute maps."""
    return st.dictionaries(labels(), attribute_values(broken=broken), max_size=max_size)


def resources(*, broken: bool = True) -> st.SearchStrategy[Resource]:
    """Resources."""
    return st.builds(
        Resource,
        attributes=attributes(broken=broken, max_size=3),
        schema_url=labels(),
        dropped_attributes_count=UINT32,
        mended_strings=st.just(0),
    )


def scopes(*, broken: bool = True) -> st.SearchStrategy[Scope]:
    """Instrumentation scopes."""
    return st.builds(
        Scope,
        name=labels(),
        version=labels(),
        attributes=attributes(broken=broken, max_size=2),
        schema_url=labels(),
        dropped_attributes_count=UINT32,
        mended_strings=st.just(0),
    )


def events(*, broken: bool = True) -> st.SearchStrategy[Event]:
    """Span events; their times are not bounded by what a store keeps."""
    return st.builds(
        Event,
        name=labels(),
        time_ns=UINT64,
        attributes=attributes(broken=broken, max_size=2),
        dropped_attributes_count=UINT32,
    )


def links(*, broken: bool = True) -> st.SearchStrategy[Link]:
    """Links, with ids of any length: they are kept as sent."""
    return st.builds(
        Link,
        trace_id=TRACE_IDS | st.binary(max_size=20),
        span_id=SPAN_IDS | st.binary(max_size=20),
        attributes=attributes(broken=broken, max_size=2),
        trace_state=labels(),
        flags=UINT32,
        dropped_attributes_count=UINT32,
    )


def spans(
    *,
    broken: bool = True,
    resource: st.SearchStrategy[Resource] | None = None,
    scope: st.SearchStrategy[Scope] | None = None,
    trace_id: st.SearchStrategy[bytes] = TRACE_IDS,
) -> st.SearchStrategy[Span]:
    """Spans as decoded, ``genai`` not yet derived.

    Args:
        broken: whether attribute values may hold invalid UTF-8.
        resource: where resources come from; any by default.
        scope: where scopes come from; any by default.
        trace_id: where trace ids come from; any by default.
    """
    return st.builds(
        Span,
        trace_id=trace_id,
        span_id=SPAN_IDS,
        parent_span_id=st.just(b"") | SPAN_IDS,
        name=labels(),
        kind=st.integers(0, 5),
        start_time_ns=TIMES,
        end_time_ns=TIMES,
        status_code=st.integers(0, 2),
        status_message=labels(),
        attributes=attributes(broken=broken),
        resource=resources(broken=broken) if resource is None else resource,
        scope=scopes(broken=broken) if scope is None else scope,
        events=st.lists(events(broken=broken), max_size=2),
        links=st.lists(links(broken=broken), max_size=2),
        flags=UINT32,
        trace_state=labels(),
        dropped_attributes_count=UINT32,
        dropped_events_count=UINT32,
        dropped_links_count=UINT32,
        mended_strings=st.just(0),
        genai=st.none(),
    )


def logs(*, broken: bool = True) -> st.SearchStrategy[LogRecord]:
    """GenAI events as decoded."""
    return st.builds(
        LogRecord,
        trace_id=TRACE_IDS,
        span_id=SPAN_IDS,
        name=labels().map("gen_ai.".__add__),
        time_ns=st.integers(1, MAX_TIME_NS),
        observed_time_ns=TIMES,
        severity_number=st.integers(0, 24),
        severity_text=labels(),
        body=attribute_values(broken=broken),
        attributes=attributes(broken=broken),
        resource=resources(broken=broken),
        scope=scopes(broken=broken),
        flags=UINT32,
        dropped_attributes_count=UINT32,
        mended_strings=st.just(0),
    )
