"""The dry replay, over spans in hand."""

from __future__ import annotations

import pytest

from samples import make_log, make_span, trace_id
from tracefoundry.model.payload import PayloadEntry, ref_of
from tracefoundry.replay.dry import ITEMS_LIMIT, DryRun, PayloadKey
from tracefoundry.schemas.replay import DryReplay, DryReplayCheck, DryReplayState

DAY = 20_000


def entry(value: bytes = b"{}", *, key: str = "gen_ai.input.messages") -> PayloadEntry:
    return PayloadEntry(
        "input_messages", "span", key, "string", ref_of(value), len(value), None, "present"
    )


def check(result: DryReplay, name: str) -> DryReplayCheck:
    return next(one for one in result.checks if one.check == name)


def run_of(*states: DryReplayState) -> DryRun:
    run = DryRun()
    for number, state in enumerate(states, 1):
        content = entry(str(number).encode())
        run.add_span(make_span(span=number), [(content, state)], day=DAY)
    run.end_trace(trace_id(1))
    return run


def test_a_whole_trace_is_ok_and_its_payloads_are_read_once_each() -> None:
    run = DryRun()
    shared = entry(b"same")
    run.add_span(make_span(span=1), [(shared, "present"), (entry(b"own"), "present")], day=DAY)
    run.add_span(make_span(span=2, parent=1), [(shared, "present")], day=DAY)
    run.add_log(make_log(span=2), [(shared, "present")], day=DAY)
    run.end_trace(trace_id(1))
    unread = run.unread()
    result = run.result()

    keys = [PayloadKey("", DAY, ref_of(b"same")), PayloadKey("", DAY, ref_of(b"own"))]
    assert list(unread) == sorted(keys)
    assert [unread[key] for key in keys] == [4, 3]
    assert (result.ok, result.traces, result.spans, result.logs, result.roots) == (True, 1, 2, 1, 1)
    assert result.payloads == {"present": 4}
    assert [one.check for one in result.checks if one.count] == []


@pytest.mark.parametrize("state", ["missing", "dangling", "expired", "deleted"])
def test_content_that_a_replay_needs_and_is_not_there_is_not_ok(state: DryReplayState) -> None:
    result = run_of(state, "present").result()
    assert not result.ok
    assert result.payloads == {"present": 1, state: 1}
    found = check(result, state)
    assert (found.ok, found.count) == (False, 1)
    assert [(item.span_id, item.place, item.ref) for item in found.items] == [
        ("0000000000000001", "span", ref_of(b"1"))
    ]


@pytest.mark.parametrize("state", ["redacted", "withheld", "excluded"])
def test_what_was_left_out_on_purpose_is_told_and_ok(state: DryReplayState) -> None:
    result = run_of(state).result()
    assert result.ok
    assert result.payloads == {state: 1}
    assert (check(result, state).ok, check(result, state).count) == (True, 1)


def test_bytes_that_do_not_give_their_hash_are_not_ok() -> None:
    run = run_of("present", "present")
    run.tell(PayloadKey("", DAY, ref_of(b"2")), "corrupt")
    result = run.result()
    assert not result.ok
    assert result.payloads == {"corrupt": 1, "present": 1}
    assert [item.ref for item in check(result, "hashes").items] == [ref_of(b"2")]


def test_orphans_and_cycles_are_named_and_told() -> None:
    run = DryRun()
    for span, parent in ((1, 99), (2, 3), (3, 2), (4, None)):
        run.add_span(make_span(span=span, parent=parent), [], day=DAY)
    run.end_trace(trace_id(1))
    result = run.result()
    assert result.ok
    assert [item.span_id for item in check(result, "orphans").items] == ["0000000000000001"]
    assert {item.span_id for item in check(result, "cycles").items} == {
        "0000000000000002",
        "0000000000000003",
    }
    assert result.roots == 2


def test_the_spans_of_one_trace_are_no_parents_in_another() -> None:
    run = DryRun()
    run.add_span(make_span(trace=1, span=1), [], day=DAY)
    run.end_trace(trace_id(1))
    run.add_span(make_span(trace=2, span=2, parent=1), [], day=DAY)
    run.end_trace(trace_id(2))
    result = run.result()
    assert (result.traces, check(result, "orphans").count) == (2, 1)
    assert check(result, "orphans").items[0].trace_id == trace_id(2).hex()


def test_only_the_first_items_are_named_and_all_are_counted() -> None:
    result = run_of(*["missing"] * (ITEMS_LIMIT + 5)).result()
    found = check(result, "missing")
    assert (found.count, len(found.items)) == (ITEMS_LIMIT + 5, ITEMS_LIMIT)
