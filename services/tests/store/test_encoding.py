"""Rows of spans and logs: both encoders give the same values, and decoding gives the model back."""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from samples import make_log
from store.reading import empty, read_logs, read_spans, read_trace
from strategies import labels, logs, spans
from tracefoundry.model.genai import registry
from tracefoundry.model.genai.view import GenAI
from tracefoundry.model.payload import PayloadEntry
from tracefoundry.model.span import LogRecord, Resource, Scope, Span
from tracefoundry.model.summary import facts_of, summarise
from tracefoundry.model.times import DAY_NS
from tracefoundry.store import values
from tracefoundry.store.api import Writer
from tracefoundry.store.postgres import rows as copy_rows
from tracefoundry.store.records import StoredLog, StoredSpan
from tracefoundry.store.sql import decoding
from tracefoundry.store.sql import rows as tuple_rows
from tracefoundry.store.sql.columns import SPAN_LOGS, SPANS
from tracefoundry.store.sql.schema import Column, Table, Type

COUNTS = st.none() | st.integers(0, 2**63 - 1)
WORDS = st.none() | labels()

VIEWS = st.builds(
    GenAI,
    kind=st.sampled_from(["llm", "tool", "agent", "other"]),
    dialect=st.sampled_from(sorted(registry.VERSIONS)),
    operation=WORDS,
    provider=WORDS,
    request_model=WORDS,
    response_model=WORDS,
    response_id=WORDS,
    finish_reasons=st.none() | st.lists(labels(), max_size=3),
    agent=WORDS,
    tool=WORDS,
    tool_call_id=WORDS,
    conversation_id=WORDS,
    user_id=WORDS,
    input_tokens=COUNTS,
    output_tokens=COUNTS,
    cached_tokens=COUNTS,
    cache_write_tokens=COUNTS,
    reasoning_tokens=COUNTS,
    cost_usd=st.none() | st.floats(0, 1e6),
    cost_source=st.none() | st.sampled_from(["reported", "computed"]),
    price_version=WORDS,
)
REDACTIONS = st.lists(st.tuples(labels(), st.integers(1, 9)), max_size=2).map(tuple)
PAYLOADS = st.lists(
    st.builds(
        PayloadEntry,
        slot=st.sampled_from(["input_messages", "attribute"]),
        place=st.sampled_from(["span", "events/0", "resource"]),
        key=labels(),
        type=st.sampled_from(["string", "array"]),
        ref=st.none() | st.binary(min_size=32, max_size=32).map(lambda ref: f"sha256:{ref.hex()}"),
        bytes=st.none() | st.integers(0, 2**40),
        media_type=st.none() | st.just("application/json"),
        state=st.sampled_from(["present", "redacted", "expired"]),
    ),
    max_size=2,
).map(tuple)


def stored_spans() -> st.SearchStrategy[Span]:
    """Spans as they reach a writer: with a view, redacted, their contents set aside."""
    return st.builds(
        lambda span, **fields: msgspec.structs.replace(span, **fields),
        spans(),
        genai=st.none() | VIEWS,
        policy_version=st.integers(1, 2**31 - 1),
        mended_strings=st.integers(0, 3),
        redactions=REDACTIONS,
        payloads=PAYLOADS,
    )


def stored_logs() -> st.SearchStrategy[LogRecord]:
    """The same for log records."""
    return st.builds(
        lambda log, **fields: msgspec.structs.replace(log, **fields),
        logs(),
        policy_version=st.integers(1, 2**31 - 1),
        mended_strings=st.integers(0, 3),
        redactions=REDACTIONS,
        payloads=PAYLOADS,
    )


def read_copy_row(table: Table, row: bytes) -> list[Any]:
    """The values of a binary COPY row, JSON as text."""
    (count,) = struct.unpack_from(">h", row)
    assert count == len(table.written)
    at = 2
    found = []
    for column in table.written:
        (length,) = struct.unpack_from(">i", row, at)
        at += 4
        found.append(None if length < 0 else _value(column, row[at : at + length]))
        at += max(length, 0)
    assert at == len(row)
    return found


def _value(column: Column, data: bytes) -> Any:
    formats = {Type.SMALLINT: ">h", Type.INT: ">i", Type.BIGINT: ">q", Type.DOUBLE: ">d"}
    if column.type in formats:
        return struct.unpack(formats[column.type], data)[0]
    if column.type is Type.JSON:
        assert data[0] == 1, "the version of jsonb's binary form"
        return data[1:].decode()
    return data if column.type is Type.BYTES else data.decode()


def _without_digest(table: Table, row: Sequence[Any]) -> dict[str, Any]:
    found = dict(zip([column.name for column in table.written], row, strict=True))
    assert len(found.pop("digest" if table is SPANS else "content_hash")) == 16
    # Tuples have a JSON value that is a number alone as bytes, for SQLite's sake.
    json = {column.name for column in table.written if column.type is Type.JSON}
    return {
        name: value.decode() if name in json and isinstance(value, bytes) else value
        for name, value in found.items()
    }


@given(span=stored_spans())
def test_both_databases_get_the_same_values_of_a_span(span: Span) -> None:
    """They differ in the digest alone, which each database computes over its own encoding."""
    ids = values.resource_id(span.resource), values.scope_id(span.scope)
    copied, _ = copy_rows.span_row(1, span, *ids)
    bound, _ = tuple_rows.span_row(1, span, *ids)
    assert _without_digest(SPANS, read_copy_row(SPANS, copied)) == _without_digest(SPANS, bound)


@given(log=stored_logs())
def test_both_databases_get_the_same_values_of_a_log(log: LogRecord) -> None:
    """The same for log records."""
    ids = values.resource_id(log.resource), values.scope_id(log.scope)
    copied, _ = copy_rows.log_row(1, log, *ids)
    bound, _ = tuple_rows.log_row(1, log, *ids)
    assert _without_digest(SPAN_LOGS, read_copy_row(SPAN_LOGS, copied)) == _without_digest(
        SPAN_LOGS, bound
    )


@pytest.mark.parametrize("encoders", [copy_rows, tuple_rows])
@given(span=stored_spans(), data=st.data())
def test_a_digest_is_over_what_was_sent(encoders: Any, span: Span, data: st.DataObject) -> None:
    """Another name, attribute or payload is another span; another view or redaction report is not,
    nor is a payload whose time was over when it came."""
    ids = values.resource_id(span.resource), values.scope_id(span.scope)

    def digest(**changes: Any) -> bytes:
        found: bytes = encoders.span_row(1, msgspec.structs.replace(span, **changes), *ids)[1]
        return found

    same = digest()
    assert digest(genai=data.draw(st.none() | VIEWS)) == same
    assert digest(redactions=(("rule", 3),)) == same
    expired = tuple(msgspec.structs.replace(entry, state="expired") for entry in span.payloads)
    assert digest(payloads=expired) == same
    entry = PayloadEntry("attribute", "span", "k", "string", "sha256:00", 1, None, "present")
    assert digest(payloads=(*span.payloads, entry)) != same
    assert digest(name=span.name + "x") != same
    assert digest(attributes={**span.attributes, "another": 1}) != same
    assert digest(trace_state=span.trace_state + "x") != same
    assert digest(end_time_ns=span.end_time_ns ^ 1) != same


@pytest.mark.parametrize("encoders", [copy_rows, tuple_rows])
def test_the_hash_of_a_log_is_over_its_content_alone(encoders: Any) -> None:
    """Sending a record again under another policy or scope gives the same key."""
    log = LogRecord(
        bytes(16), bytes(8), "n", 1, 2, 9, "INFO", {"a": 1}, {"k": 1}, Resource(), Scope(),
        policy_version=1,
    )  # fmt: skip

    def content_hash(scope: bytes = bytes(16), **changes: Any) -> bytes:
        changed = msgspec.structs.replace(log, **changes)
        found: bytes = encoders.log_row(1, changed, bytes(16), scope)[1]
        return found

    same = content_hash()
    assert content_hash(policy_version=2) == same
    assert content_hash(scope=bytes([1] * 16)) == same
    for change in ({"body": {"a": 2}}, {"name": "m"}, {"attributes": {}}, {"severity_number": 10},
                   {"severity_text": ""}, {"observed_time_ns": 3}, {"flags": 1}):  # fmt: skip
        assert content_hash(**change) != same


@given(span=stored_spans())
def test_a_span_decodes_to_itself(span: Span) -> None:
    """Encoding loses nothing but contents and the encoded attributes."""
    ids = values.resource_id(span.resource), values.scope_id(span.scope)
    row, _ = tuple_rows.span_row(1, span, *ids)
    fields = dict(zip([column.name for column in SPANS.written], row, strict=True))
    stored = StoredSpan(**{name: fields[name] for name in StoredSpan.__struct_fields__})
    decoded = decoding.decode_span(stored, span.resource, span.scope, trace_id=span.trace_id)
    assert decoded == span


@given(log=stored_logs())
def test_a_log_decodes_to_itself(log: LogRecord) -> None:
    """The same for log records."""
    ids = values.resource_id(log.resource), values.scope_id(log.scope)
    row, _ = tuple_rows.log_row(1, log, *ids)
    fields = dict(zip([column.name for column in SPAN_LOGS.written], row, strict=True))
    stored = StoredLog(**{name: fields[name] for name in StoredLog.__struct_fields__})
    decoded = decoding.decode_log(stored, log.resource, log.scope, trace_id=log.trace_id)
    assert decoded == log


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)
@given(
    spans=st.lists(stored_spans(), min_size=1, max_size=8),
    logs=st.lists(stored_logs(), min_size=1, max_size=4),
)
def test_what_is_written_is_read_back(
    url_writer: Writer, migrated_url: str, spans: list[Span], logs: list[LogRecord]
) -> None:
    """Through the database too, with resources, scopes and the trace's summary."""
    empty(migrated_url, "spans", "span_logs", "traces")
    today = time.time_ns() // DAY_NS * DAY_NS
    for number, span in enumerate(spans):
        span.trace_id, span.start_time_ns = bytes(15) + b"\x01", today + number
    for number, log in enumerate(logs):
        log.trace_id, log.time_ns = bytes(15) + b"\x01", today + number
    result = url_writer.commit(
        [url_writer.prepare_span(1, span) for span in spans],
        [url_writer.prepare_log(1, log) for log in logs],
    )
    assert (result.refused_spans, result.refused_logs) == ([], [])
    assert read_spans(migrated_url) == spans
    assert read_logs(migrated_url) == logs
    trace = read_trace(migrated_url, spans[0].trace_id)
    assert trace.summary == summarise([facts_of(span) for span in spans])
    assert (trace.project_id, trace.trace_id) == (1, spans[0].trace_id)
    assert (trace.source, trace.import_day) == ("otlp", None)
    assert (trace.totals_pending, trace.missing_expired) == (False, False)


@pytest.mark.parametrize("body", [3.0, 3, -0.5, 2.93054739965885e-123, 9007199254740993, -7])
def test_a_body_that_is_a_number_keeps_its_type(
    url_writer: Writer, migrated_url: str, body: float
) -> None:
    """SQLite would store the text "3.0" of a JSON column as the integer 3."""
    empty(migrated_url, "spans", "span_logs", "traces")
    log = make_log(body=body)
    url_writer.commit([], [url_writer.prepare_log(1, log)])
    (found,) = read_logs(migrated_url)
    assert (type(found.body), found.body) == (type(body), body)
