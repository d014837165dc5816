"""ATIF trajectories to spans and back."""

from __future__ import annotations

import copy
import io
from typing import Any

import atif
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from foreign_traces import trajectory
from tracefoundry.interchange.atif_export import NoSpans, to_atif
from tracefoundry.interchange.errors import UnreadableFile
from tracefoundry.interchange.files import ImportedFile, read_file
from tracefoundry.model.genai.registry import derive
from tracefoundry.model.span import Resource, Scope, Span


def imported(document: Any) -> ImportedFile:
    return read_file(io.BytesIO(orjson.dumps(document)))


def spans_of(document: Any) -> list[Span]:
    return [span for chunk in imported(document).chunks() for span in chunk.spans]


def test_a_run_becomes_agent_model_calls_and_tools() -> None:
    spans = sorted(spans_of(trajectory()), key=lambda span: span.start_time_ns)
    names = {span.span_id: span.name for span in spans}
    assert [(span.name, names.get(span.parent_span_id)) for span in spans] == [
        ("invoke_agent booking", None),
        ("chat gpt-4o-mini", "invoke_agent booking"),
        ("execute_tool search", "invoke_agent booking"),
        ("execute_tool ask", "invoke_agent booking"),
        ("invoke_agent prices", "execute_tool ask"),
        ("chat", "invoke_agent prices"),
        ("agent_step", "invoke_agent booking"),
    ]
    root, call, search = spans[:3]
    assert [event.name for event in root.events] == [
        "gen_ai.system.message",
        "gen_ai.user.message",
        "gen_ai.assistant.message",
    ]
    view = derive(call.attributes)
    assert view is not None
    assert (view.kind, view.conversation_id) == ("llm", "s-1")
    assert (view.input_tokens, view.output_tokens, view.cached_tokens) == (100, 20, 60)
    assert view.cost_usd == 0.5
    assert search.attributes["gen_ai.tool.call.arguments"] == '{"to":"Oslo"}'
    assert search.attributes["gen_ai.tool.call.result"] == "3 trains"
    assert [part["role"] for part in orjson.loads(call.attributes["gen_ai.input.messages"])] == [
        "system",
        "user",
    ]
    assert search.start_time_ns == 1_767_323_046_500_000_001


def test_copied_context_is_not_counted() -> None:
    tokens = [span.attributes.get("gen_ai.usage.input_tokens") for span in spans_of(trajectory())]
    assert sorted(token for token in tokens if token is not None) == [7, 100]


def test_totals_count_where_no_step_has_metrics() -> None:
    document = trajectory()
    for step in document["steps"]:
        step.pop("metrics", None)
    root = next(span for span in spans_of(document) if span.name == "invoke_agent booking")
    assert root.attributes["gen_ai.usage.input_tokens"] == 100


def test_importing_twice_gives_the_same_spans() -> None:
    assert spans_of(trajectory()) == spans_of(trajectory())
    other = trajectory() | {"notes": "another"}
    assert spans_of(other)[0].trace_id != spans_of(trajectory())[0].trace_id


def test_an_imported_trajectory_comes_back_as_it_was() -> None:
    export = to_atif(spans_of(trajectory()))
    assert export.trajectory == trajectory()
    assert export.report.lines() == []
    atif.Trajectory.model_validate(export.trajectory)


@pytest.mark.parametrize("minor", range(9))
def test_each_version_is_read_and_written_as_1_7(minor: int) -> None:
    document = trajectory() | {"schema_version": f"ATIF-v1.{minor}"}
    assert to_atif(spans_of(document)).trajectory == trajectory()


def test_losses_of_the_import_are_reported() -> None:
    document = trajectory()
    results = document["steps"][3]["observation"]["results"]
    results[0]["source_call_id"] = "c9"
    results[1]["subagent_trajectory_ref"] = [{"trajectory_path": "other.json"}]
    file = imported(document)
    assert sum(len(chunk.spans) for chunk in file.chunks()) == 7
    assert [loss.what for loss in file.report] == [
        "ATIF steps without a timestamp: theirs is that of the step before",
        "ATIF results of no tool call of their step",
        "ATIF sub-agents in other files are not followed",
        "ATIF sub-agents that no result refers to",
    ]


def test_audio_is_a_loss_of_the_export() -> None:
    document = trajectory()
    source = {"media_type": "audio/wav", "path": "a.wav"}
    document["steps"][1]["message"] = [{"type": "audio", "source": source}]
    export = to_atif(spans_of(document))
    assert export.trajectory["steps"][1]["message"] == [{"type": "text", "text": "[audio: a.wav]"}]
    assert [loss.what for loss in export.report] == [
        "audio has no place in ATIF 1.7: a text names its file"
    ]


def _changed(path: list[Any], value: Any) -> dict[str, Any]:
    document = copy.deepcopy(trajectory())
    holder: Any = document
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["schema_version"], "ATIF-v1.9", "line 1, schema_version: 'ATIF-v1.9' is not one of"),
        (["schema_version"], "ATIF-v2.0", "line 1, schema_version: 'ATIF-v2.0' is not one of"),
        (["agent"], None, "line 1: has no 'agent'"),
        (["agent", "name"], "", "line 1, agent: has no 'name'"),
        (["steps"], [], "line 1: has no steps"),
        (["steps"], {}, "line 1, steps: is not a list"),
        (["steps", 2], 7, "line 1, steps[2]: is no object"),
        (["steps", 1, "step_id"], 7, "line 1, steps[1], step_id: is not 2"),
        (["steps", 1, "source"], "tool", "line 1, steps[1], source: is not 'system'"),
        (["steps", 1, "message"], None, "line 1, steps[1]: has no 'message'"),
        (["steps", 1, "timestamp"], "noon", "line 1, steps[1], timestamp: is not a time"),
        (["steps", 1, "metrics"], {}, "line 1, steps[1], metrics: is for agent steps only"),
        (["steps", 4, "metrics"], {}, "line 1, steps[4], metrics: is set, though"),
        (["steps", 3, "metrics", "prompt_tokens"], -1, "line 1, steps[3], metrics, prompt_tokens"),
        (["steps", 3, "tool_calls", 0, "arguments"], "x", "line 1, steps[3], tool_calls[0], argum"),
        (["subagent_trajectories", 0, "trajectory_id"], None, "line 1, subagent_trajectories[0]: "),
    ],
)
def test_a_bad_trajectory_is_refused_with_its_place(
    path: list[Any], value: Any, message: str
) -> None:
    with pytest.raises(UnreadableFile) as refused:
        spans_of(_changed(path, value))
    assert str(refused.value).startswith(message)


def test_a_trace_of_an_agent_becomes_a_trajectory() -> None:
    def span(number: int, parent: int, operation: str, **attributes: Any) -> Span:
        return Span(
            bytes(15) + b"\x01", number.to_bytes(8, "big"),
            parent.to_bytes(8, "big") if parent else b"", operation, 1, 10**18 + number, 10**18,
            0, "", {"gen_ai.operation.name": operation} | attributes,
            Resource({"service.name": "shop"}), Scope(),
        )  # fmt: skip

    def messages(role: str, *parts: dict[str, Any]) -> str:
        return orjson.dumps([{"role": role, "parts": list(parts)}]).decode()

    question = messages("user", {"type": "text", "content": "Where is it?"})
    call = {"type": "tool_call", "id": "c1", "name": "find", "arguments": {"id": 1}}
    export = to_atif(
        [
            span(1, 0, "invoke_agent", **{"gen_ai.agent.name": "helper"}),
            span(2, 1, "chat", **{"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 5,
                 "gen_ai.input.messages": question,
                 "gen_ai.output.messages": messages("assistant", call)}),
            span(3, 1, "execute_tool", **{"gen_ai.tool.call.id": "c1", "gen_ai.tool.name": "find",
                 "gen_ai.tool.call.result": "here"}),
            span(4, 3, "invoke_agent", **{"gen_ai.agent.name": "inner"}),
            span(5, 4, "chat", **{"gen_ai.input.messages": question}),
            span(6, 1, "chat", **{"gen_ai.input.messages": question}),
            span(7, 1, "retrieval"),
        ]
    )  # fmt: skip
    atif.Trajectory.model_validate(export.trajectory)
    steps = export.trajectory["steps"]
    assert [(step["step_id"], step["source"], step["message"]) for step in steps] == [
        (1, "user", "Where is it?"), (2, "agent", ""), (3, "agent", ""),
    ]  # fmt: skip
    assert steps[1]["observation"]["results"] == [
        {"source_call_id": "c1", "content": "here"},
        {"source_call_id": "c1",
         "subagent_trajectory_ref": [{"trajectory_id": "0000000000000004"}]},
    ]  # fmt: skip
    assert export.trajectory["final_metrics"] == {"total_steps": 3, "total_prompt_tokens": 5}
    assert [sub["agent"]["name"] for sub in export.trajectory["subagent_trajectories"]] == ["inner"]
    assert "spans of kind retriever have no place in ATIF" in [loss.what for loss in export.report]


def test_a_cycle_of_agents_is_a_loss() -> None:
    first, second, *_ = spans_of(trajectory())[-1:] * 2
    spans = [
        replace(first, span_id=b"a" * 8, parent_span_id=b"b" * 8),
        replace(second, span_id=b"b" * 8, parent_span_id=b"a" * 8),
    ]
    export = to_atif(spans)
    atif.Trajectory.model_validate(export.trajectory)
    assert [(loss.what, loss.count) for loss in export.report if "cycle" in loss.what] == [
        ("spans in or below a cycle of parents", 2)
    ]


def test_agents_nested_too_deep_are_a_loss() -> None:
    root = spans_of(trajectory())[-1]
    spans = [
        replace(
            root,
            span_id=number.to_bytes(8, "big"),
            parent_span_id=(number - 1).to_bytes(8, "big") if number > 1 else b"",
            start_time_ns=number,
            attributes={"gen_ai.operation.name": "invoke_agent"},
            events=[],
        )
        for number in range(1, 3_000)
    ]
    losses = {loss.what: loss.count for loss in to_atif(spans).report}
    assert losses["agents nested deeper than 20"] == 1


def test_no_spans_are_no_trajectory() -> None:
    with pytest.raises(NoSpans):
        to_atif([])


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
COUNTS = st.integers(0, 10**9)
EXTRAS = st.dictionaries(TEXTS, TEXTS | COUNTS | st.booleans(), min_size=1, max_size=3)


@st.composite
def agent_steps(draw: st.DrawFn) -> dict[str, Any]:
    step: dict[str, Any] = {"source": "agent", "message": draw(TEXTS)}
    ids = draw(st.lists(st.text("abc", min_size=1, max_size=5), unique=True, max_size=3))
    if ids:
        step["tool_calls"] = [
            {"tool_call_id": f"{draw(COUNTS)}-{call}", "function_name": draw(TEXTS) or "f",
             "arguments": draw(st.dictionaries(TEXTS, TEXTS, max_size=2))}
            for call in ids
        ]  # fmt: skip
        step["observation"] = {"results": [
            {"source_call_id": call["tool_call_id"], "content": draw(TEXTS)}
            for call in step["tool_calls"]
        ]}  # fmt: skip
    optional = {
        "extra": EXTRAS,
        "reasoning_content": TEXTS,
        "timestamp": st.datetimes().filter(lambda time: time.year > 1970 and time.year < 2262).map(
            lambda time: time.isoformat() + "Z"
        ),
        "metrics": st.fixed_dictionaries({}, optional={
            "prompt_tokens": COUNTS, "completion_tokens": COUNTS, "extra": EXTRAS,
        }),
    }  # fmt: skip
    return step | draw(st.fixed_dictionaries({}, optional=optional))


MESSAGES = st.fixed_dictionaries(
    {"source": st.sampled_from(["user", "system"]), "message": TEXTS}, optional={"extra": EXTRAS}
)


@given(st.lists(MESSAGES | agent_steps(), min_size=1, max_size=6))
def test_any_trajectory_comes_back_as_it_was(steps: list[dict[str, Any]]) -> None:
    document = {
        "schema_version": "ATIF-v1.7",
        "agent": {"name": "a", "version": "1"},
        "steps": [{"step_id": number, **step} for number, step in enumerate(steps, start=1)],
    }
    spans = spans_of(document)
    assert to_atif(spans).trajectory == document
    atif.Trajectory.model_validate(document)
    assert len({span.span_id for span in spans}) == len(spans)


VALUES = st.none() | TEXTS | COUNTS | st.lists(TEXTS, max_size=2)
SPAN_ATTRIBUTES = st.fixed_dictionaries(
    {},
    optional={
        "gen_ai.operation.name": st.sampled_from(
            ["chat", "execute_tool", "invoke_agent", "agent_step", "retrieval"]
        ),
        "gen_ai.agent.name": VALUES,
        "gen_ai.tool.name": VALUES,
        "gen_ai.tool.call.id": st.sampled_from(["a", "b", ""]) | VALUES,
        "gen_ai.tool.call.arguments": VALUES | st.just('{"a": 1}') | st.just("[1]"),
        "gen_ai.tool.call.result": VALUES,
        "gen_ai.tool.definitions": VALUES | st.just('[{"name": "f"}]'),
        "gen_ai.usage.input_tokens": VALUES,
        "gen_ai.input.messages": VALUES
        | st.just('[{"role": "user", "content": "hi"}, {"role": "user", "parts": [{}, 7]}, 3]'),
        "gen_ai.output.messages": VALUES
        | st.just('[{"parts": [{"type": "tool_call", "id": "a"}, {"type": "reasoning"}]}, null]'),
        "gen_ai.system_instructions": VALUES | st.just('[{"type": "text", "content": "be"}]'),
    },
)


@given(st.lists(st.tuples(st.integers(0, 6), SPAN_ATTRIBUTES), min_size=1, max_size=6))
def test_any_trace_becomes_a_valid_trajectory(parts: list[tuple[int, dict[str, Any]]]) -> None:
    spans = [
        Span(
            bytes(15) + b"\x01", number.to_bytes(8, "big"),
            parent.to_bytes(8, "big") if parent else b"", f"span {number}", 1, 10**18, 10**18,
            2, "", attributes, Resource(), Scope(),
        )
        for number, (parent, attributes) in enumerate(parts, start=1)
    ]  # fmt: skip
    atif.Trajectory.model_validate(to_atif(spans).trajectory)
