"""Bad spans in good bodies: each is refused alone or kept whole, and never costs a neighbour."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ingest.bodies import (
    SECOND_NS,
    body,
    json_request,
    json_span,
    log_body,
    new_span_id,
    new_trace_id,
    recent_ns,
    span,
)
from ingest.sending import assert_stored, error, partial, post
from platform_process import Platform

DAY_NS = 86_400 * SECOND_NS


def spans_of(platform: Platform, trace_id: bytes) -> list[dict[str, Any]]:
    """A trace's spans in full."""
    found: list[dict[str, Any]] = platform.get(f"/api/traces/{trace_id.hex()}/spans")["spans"]
    return found


WRONG_IDS = {
    "short_trace_id": {"trace_id": b"\x01" * 15},
    "long_trace_id": {"trace_id": b"\x01" * 17},
    "no_trace_id": {"trace_id": b""},
    "zero_trace_id": {"trace_id": bytes(16)},
    "short_span_id": {"span_id": b"\x01" * 7},
    "no_span_id": {"span_id": b""},
    "zero_span_id": {"span_id": bytes(8)},
    "short_parent_span_id": {"parent_span_id": b"\x01"},
}


@pytest.mark.parametrize("case", WRONG_IDS)
@pytest.mark.parametrize("encoding", ["protobuf", "json"])
def test_wrong_ids_are_counted_and_their_neighbours_stored(
    platform: Platform, case: str, encoding: str
) -> None:
    """A partial success says how many and why; the good spans are there."""
    trace_id = new_trace_id()
    good = [span(trace_id, name="before"), span(trace_id, name="after")]
    bad = []
    for _ in range(2):
        wrong = span(trace_id, name="bad")
        for field, value in WRONG_IDS[case].items():
            setattr(wrong, field, value)
        bad.append(wrong)
    ordered = [good[0], *bad, good[1]]
    if encoding == "protobuf":
        answer = post(platform, body(ordered))
    else:
        sent = [
            json_span(
                trace_id,
                traceId=each.trace_id.hex(),
                spanId=each.span_id.hex(),
                parentSpanId=each.parent_span_id.hex(),
                name=each.name,
            )
            for each in ordered
        ]
        answer = post(platform, json_request(sent))
    rejected, message = partial(answer)
    assert 2 == rejected
    assert "id" in message
    assert {"before", "after"} == {found["name"] for found in spans_of(platform, trace_id)}


@pytest.mark.parametrize("wrong", ["zz" * 16, "0x" + "1" * 30, "1" * 33, "ä" * 16, None])
def test_json_ids_that_are_no_hex_are_refused_alone(platform: Platform, wrong: str | None) -> None:
    """A string of another form is like a wrong length; null is like none."""
    trace_id = new_trace_id()
    sent = [json_span(trace_id), json_span(trace_id, traceId=wrong)]
    assert 1 == partial(post(platform, json_request(sent)))[0]
    assert 1 == len(spans_of(platform, trace_id))


@pytest.mark.parametrize("wrong", [7, {"a": 1}, ["x"], True])
def test_json_of_another_shape_is_400_naming_the_place(platform: Platform, wrong: object) -> None:
    """A field of the wrong JSON type means another protocol: nothing of the body is stored."""
    trace_id = new_trace_id()
    sent = [json_span(trace_id), json_span(trace_id, traceId=wrong)]
    status, _, message = error(post(platform, json_request(sent)))
    assert 400 == status
    assert "resourceSpans[0].scopeSpans[0].spans[1].traceId" in message
    answer = platform.client.get(platform.api + f"/api/traces/{trace_id.hex()}")
    assert 404 == answer.status_code


@pytest.mark.parametrize(
    ("offset_ns", "hint"),
    [
        (-8 * DAY_NS, "before now"),
        (2 * DAY_NS, "ahead of now"),
        (-time.time_ns(), "before now"),
        (2**62 - time.time_ns(), "ahead of now"),
    ],
    ids=["days ago", "days ahead", "the epoch", "a century ahead"],
)
def test_times_outside_the_window_are_refused_with_the_reason(
    platform: Platform, offset_ns: int, hint: str
) -> None:
    """Older than the retention or more than a day ahead; the reason names the setting."""
    trace_id = new_trace_id()
    start = max(0, time.time_ns() + offset_ns)
    sent = [span(trace_id, name="good"), span(trace_id, name="bad", start_ns=start)]
    rejected, message = partial(post(platform, body(sent)))
    assert 1 == rejected
    assert "outside_window" in message
    assert hint in message
    assert "TRACEFOUNDRY_RETENTION_SPANS" in message
    assert ["good"] == [found["name"] for found in spans_of(platform, trace_id)]


def test_times_inside_the_window_are_stored(platform: Platform) -> None:
    """Six days ago and twenty hours ahead are both accepted."""
    trace_id = new_trace_id()
    now = time.time_ns()
    sent = [
        span(trace_id, name="old", start_ns=now - 6 * DAY_NS),
        span(trace_id, name="new", start_ns=now + 20 * 3_600 * SECOND_NS),
    ]
    assert_stored(post(platform, body(sent)))
    assert ["old", "new"] == [found["name"] for found in spans_of(platform, trace_id)]


def test_times_beyond_int64_are_refused_alone(platform: Platform) -> None:
    """OTLP's fixed64 goes further than what is stored."""
    trace_id = new_trace_id()
    late_end = span(trace_id, name="bad")
    late_end.end_time_unix_nano = 2**64 - 1
    late_start = span(trace_id, name="bad")
    late_start.start_time_unix_nano = 2**64 - 1
    answer = post(platform, body([late_end, span(trace_id), late_start]))
    rejected, message = partial(answer)
    assert 2 == rejected
    assert "invalid_timestamp" in message
    assert ["work"] == [found["name"] for found in spans_of(platform, trace_id)]


def test_a_negative_duration_is_kept_and_flagged(platform: Platform) -> None:
    """The times stay as sent; the duration shown is 0."""
    trace_id, start = new_trace_id(), recent_ns()
    assert_stored(post(platform, body([span(trace_id, start_ns=start, duration_ns=-5_000)])))
    [found] = spans_of(platform, trace_id)
    assert (str(start), str(start - 5_000), "0", ["end_before_start"]) == (
        found["start_time_ns"],
        found["end_time_ns"],
        found["duration_ns"],
        found["warnings"],
    )


def test_cycles_are_stored_and_distinguished_in_the_tree(platform: Platform) -> None:
    """Spans that are each other's ancestors, and one that is its own parent."""
    trace_id = new_trace_id()
    a, b, own = new_span_id(), new_span_id(), new_span_id()
    sent = [
        span(trace_id, span_id=a, parent=b),
        span(trace_id, span_id=b, parent=a),
        span(trace_id, span_id=own, parent=own),
        span(trace_id, name="root"),
    ]
    assert_stored(post(platform, body(sent)))
    tree = platform.get(f"/api/traces/{trace_id.hex()}/tree")
    assert ["root"] == [node["name"] for node in tree["roots"]]
    assert [sorted([a.hex(), b.hex()]), [own.hex()]] == sorted(
        sorted(cycle) for cycle in tree["cycles"]
    )


@pytest.mark.parametrize(
    "value",
    [
        {"intValue": "12345678901234567890"},
        {"intValue": "many"},
        {"intValue": 1.5},
        {"bytesValue": "!!not base64!!"},
    ],
)
def test_impossible_json_values_cost_only_their_span(
    platform: Platform, value: dict[str, object]
) -> None:
    """A value that OTLP cannot hold is reported with its reason."""
    trace_id = new_trace_id()
    sent = [
        json_span(trace_id, name="good"),
        json_span(trace_id, attributes=[{"key": "k", "value": value}]),
    ]
    rejected, message = partial(post(platform, json_request(sent)))
    assert 1 == rejected
    assert "invalid_attribute" in message
    assert ["good"] == [found["name"] for found in spans_of(platform, trace_id)]


def test_an_unknown_project_is_refused_by_name(platform: Platform) -> None:
    """The header names it; the resource attribute wins over the header."""
    trace_id = new_trace_id()
    answer = post(platform, body([span(trace_id)]), x_tracefoundry_project="nowhere")
    rejected, message = partial(answer)
    assert 1 == rejected
    assert "'nowhere'" in message
    resource = {"service.name": "agent", "tracefoundry.project": "default"}
    content = body([span(trace_id)], resource)
    assert_stored(post(platform, content, x_tracefoundry_project="nowhere"))
    resource["tracefoundry.project"] = "elsewhere"
    answer = post(platform, body([span(trace_id)], resource), x_tracefoundry_project="default")
    assert "'elsewhere'" in partial(answer)[1]
    assert 1 == len(spans_of(platform, trace_id))


def test_a_deleted_trace_stays_deleted(platform: Platform) -> None:
    """Resent spans of it are refused by partial success."""
    trace_id = new_trace_id()
    content = body([span(trace_id)])
    assert_stored(post(platform, content))
    answer = platform.client.delete(platform.api + f"/api/traces/{trace_id.hex()}")
    assert 200 == answer.status_code
    rejected, message = partial(post(platform, content))
    assert 1 == rejected
    assert "trace_deleted" in message
    gone = platform.client.get(platform.api + f"/api/traces/{trace_id.hex()}")
    assert 410 == gone.status_code


def test_genai_logs_join_their_span_and_others_are_counted(platform: Platform) -> None:
    """Events may come before their span; other logs are refused with the rule."""
    trace_id, span_id, start = new_trace_id(), new_span_id(), recent_ns()
    names = ["gen_ai.user.message", "http.request", "gen_ai.choice", "plain"]
    answer = post(
        platform, log_body(trace_id, span_id, names=names, time_ns=start), path="/v1/logs"
    )
    rejected, message = partial(answer)
    assert 2 == rejected
    assert "gen_ai." in message
    assert_stored(post(platform, body([span(trace_id, span_id=span_id)])))
    [found] = spans_of(platform, trace_id)
    assert [
        ("gen_ai.user.message", str(start), None),
        ("gen_ai.choice", str(start + 2), None),
    ] == [(log["name"], log["time_ns"], log["body"]) for log in found["logs"]]
    assert [
        ("logs/0", "body", "content of gen_ai.user.message"),
        ("logs/1", "body", "content of gen_ai.choice"),
    ] == [(entry["place"], entry["key"], entry["preview"]) for entry in found["payloads"]]


def test_the_same_logs_twice_are_stored_once(platform: Platform) -> None:
    """Logs are keyed by span, time and content."""
    trace_id, span_id = new_trace_id(), new_span_id()
    assert_stored(post(platform, body([span(trace_id, span_id=span_id)])))
    content = log_body(trace_id, span_id)
    for _ in range(2):
        assert_stored(post(platform, content, path="/v1/logs"))
    assert 1 == len(spans_of(platform, trace_id)[0]["logs"])


def test_genai_logs_without_a_span_are_refused_alone(platform: Platform) -> None:
    """A log that names no span cannot be joined."""
    for trace_id, span_id in ((b"", b""), (new_trace_id(), b""), (b"\x01", new_span_id())):
        rejected, _ = partial(post(platform, log_body(trace_id, span_id), path="/v1/logs"))
        assert 1 == rejected


def test_traces_sent_to_the_logs_path_do_no_harm(platform: Platform) -> None:
    """The two requests look alike on the wire; a mix-up is refused, never a server error."""
    answer = post(platform, body([span(new_trace_id())]), path="/v1/logs")
    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        assert error(answer)[2]
    else:
        assert 1 == partial(answer)[0]


def test_no_traceback_was_logged(platform: Platform) -> None:
    """Bad input is reported to its sender; the log has no error."""
    assert "Traceback" not in platform.stderr()
