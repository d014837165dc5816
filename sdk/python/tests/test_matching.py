"""Which recorded call answers a call: ids, arguments, redaction marks, absent content, misses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefoundry_sdk.replay.arguments import canonical, digest, has_marker, matches
from tracefoundry_sdk.replay.matching import OTHER_PROCESS, Call, Match, Matcher, Miss
from tracefoundry_sdk.replay.recording import (
    RecordedCall,
    Recording,
    UnreadableRecording,
    read_recording,
    write_recording,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


def recorded(name: str = "search", arguments: Any = None, **more: Any) -> RecordedCall:
    """A recorded tool call."""
    fields = {"kind": "tool", "name": name, "arguments": arguments, "span_id": more.get("result")}
    return RecordedCall(**(fields | more))


def call(name: str = "search", arguments: Any = None, **more: Any) -> Call:
    """A tool call of now."""
    return Call(**({"kind": "tool", "name": name, "arguments": arguments} | more))


def results(matcher: Matcher, *calls: Call) -> list[Any]:
    """What the calls are answered with; misses as they are."""
    found = [matcher.take(one) for one in calls]
    return [one.record.result if isinstance(one, Match) else one for one in found]


def test_two_swapped_calls_get_their_own_results() -> None:
    """The arguments decide, not the order."""
    matcher = Matcher(
        [
            recorded(arguments={"q": "a"}, result="A", start_time_ns=1),
            recorded(arguments={"q": "b"}, result="B", start_time_ns=2),
        ]
    )
    found = results(matcher, call(arguments={"q": "b"}), call(arguments={"q": "a"}))
    assert ["B", "A"] == found
    assert [] == matcher.unused()


def test_equal_calls_are_given_out_in_their_order_and_each_once() -> None:
    """First in, first out within one key; the third is a miss that says so."""
    matcher = Matcher(
        [
            recorded(arguments={}, result="second", start_time_ns=2),
            recorded(arguments={}, result="first", start_time_ns=1),
        ]
    )
    first, second, third = results(matcher, *[call(arguments={})] * 3)
    assert ("first", "second") == (first, second)
    assert isinstance(third, Miss)
    assert "used already" in third.message


def test_the_tool_call_id_comes_before_the_arguments() -> None:
    """Equal arguments, told apart by the id."""
    matcher = Matcher(
        [
            recorded(arguments={}, call_id="c1", result=1, start_time_ns=1),
            recorded(arguments={}, call_id="c2", result=2, start_time_ns=2),
        ]
    )
    assert [2, 1] == results(
        matcher, call(arguments={}, call_id="c2"), call(arguments={}, call_id="c1")
    )


@pytest.mark.parametrize("call_id", [None, "c1"])
def test_a_changed_argument_diverges(call_id: str | None) -> None:
    """A miss that names the nearest call and shows the difference; the record stays unused."""
    matcher = Matcher([recorded(arguments={"q": "a", "n": 1}, call_id=call_id, result="A")])
    (found,) = results(matcher, call(arguments={"q": "a", "n": 2}, call_id=call_id))
    assert isinstance(found, Miss)
    assert found.diverged
    assert found.nearest is not None
    assert "-" + ' "n": 1,' in (found.diff or "").splitlines()
    assert "+" + ' "n": 2,' in (found.diff or "").splitlines()
    assert 1 == len(matcher.unused())


def test_the_agent_path_is_part_of_the_key() -> None:
    """Another agent's call is a miss; a process below others knows the end of its path."""
    record = recorded(arguments={}, agent_path=["triage", "billing"], result=1)
    (found,) = results(Matcher([record]), call(arguments={}, agent_path=["triage"]))
    assert isinstance(found, Miss)
    assert "by triage/billing" in found.message
    path = [OTHER_PROCESS, "billing"]
    assert [1] == results(Matcher([record]), call(arguments={}, agent_path=path))


def test_a_redaction_mark_stands_for_anything_at_its_place() -> None:
    """The text around it must be the same."""
    arguments = {"to": "mail [redacted:email] today", "key": "[redacted:key]"}
    matcher = Matcher([recorded(arguments=arguments, result=1)])
    (missed,) = results(matcher, call(arguments={"to": "mail a@b.c tomorrow", "key": "k"}))
    assert isinstance(missed, Miss)
    found = matcher.take(call(arguments={"to": "mail a@b.c today", "key": {"any": 1}}))
    assert isinstance(found, Match)
    assert found.through_marks


@pytest.mark.parametrize("state", ["excluded", "expired", "redacted", "missing"])
def test_absent_content_is_a_named_miss(state: str) -> None:
    """Arguments that are not there, and results that are not."""
    (found,) = results(Matcher([recorded(arguments_state=state)]), call(arguments={}))
    assert isinstance(found, Miss)
    assert f"arguments of the recorded tool call 'search' are {state}" in found.message
    matcher = Matcher([recorded(arguments={}, result_state=state)])
    (found,) = results(matcher, call(arguments={}))
    assert isinstance(found, Miss)
    assert f"result of the recorded tool call 'search' is {state}" in found.message


def test_members_that_a_model_call_does_not_have_are_not_compared() -> None:
    """Without recorded parameters, any will do; the input must be the same."""
    known = {"model": "m", "input": ["hi"], "system": None, "tools": None}
    record = RecordedCall(kind="llm", name="m", arguments=known, result=1)
    now = {**known, "parameters": {"seed": 1}}
    other = {**now, "input": ["ho"]}
    matcher = Matcher([record])
    first = matcher.take(Call(kind="llm", name="m", arguments=other))
    assert isinstance(first, Miss)
    assert [1] == results(matcher, Call(kind="llm", name="m", arguments=now))


def test_a_model_call_in_the_with_form_needs_the_raw_reply() -> None:
    """Without it the miss says how to record it."""
    record = RecordedCall(kind="llm", name="m", arguments={"model": "m"}, result="text")
    matcher = Matcher([record])
    found = matcher.take(Call(kind="llm", name="m", arguments={"model": "m"}, wanted="http"))
    assert isinstance(found, Miss)
    assert "record with quick_start(record=True)" in found.message


@given(JSON)
def test_equal_values_match_and_have_one_hash(value: Any) -> None:
    """Whatever the order of keys; whole floats are integers."""
    shuffled = dict(reversed(value.items())) if isinstance(value, dict) else value
    assert digest(value) == digest(shuffled)
    if not has_marker(value):
        assert matches(value, shuffled)
    assert canonical(1) == canonical(1.0)


@given(st.text(max_size=6), st.text(max_size=6), st.text(max_size=6), st.text(max_size=20))
def test_texts_around_marks_decide(before: str, between: str, after: str, secret: str) -> None:
    """Two marks in a text stand for any two texts."""
    recorded_text = f"{before}[redacted:a]{between}[withheld]{after}"
    assert matches(recorded_text, f"{before}{secret}{between}{secret}{after}")
    assert not matches(f"x{recorded_text}", f"y{before}{between}{after}")


def test_values_of_other_types_do_not_match() -> None:
    """True is not 1, and 1 is not "1"."""
    assert not matches(True, 1)
    assert not matches({"a": "1"}, {"a": 1})
    assert not matches(["a"], ["a", "b"])
    assert matches({"a": 1}, {"a": 1.0})


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    """All members of a call, and the header."""
    wanted = Recording(
        [recorded(arguments={"q": "ä"}, result=[1], call_id="c", agent_path=["a"])],
        ["ab"],
        "sha256:1",
    )
    path = tmp_path / "calls.jsonl"
    write_recording(path, wanted)
    assert wanted == read_recording(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no header"),
        ('{"recording": 99}', "of version 99"),
        ('{"recording": 1}\n{"kind": "x", "name": "y"}', "line 2 needs a kind"),
        ('{"recording": 1}\n{"kind": "tool", "name": "y", "zz": 1}', "unknown member 'zz'"),
        ('{"recording": 1}\nno', "line 2 is no JSON"),
        ('{"recording": 1}\n[]', "line 2 is no JSON object"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    """With the line and what to do."""
    path = tmp_path / "calls.jsonl"
    path.write_text(text)
    with pytest.raises(UnreadableRecording, match=message):
        read_recording(path)
