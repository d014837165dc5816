"""Chunks of streamed replies, added up to what the same call without streaming gives."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

import tracefoundry_sdk as tf
from tracefoundry_sdk.messages.chunks import ReplyBuilder
from tracefoundry_sdk.messages.draft import MAX_PARTS
from tracefoundry_sdk.messages.replies import Reply, read_reply
from tracefoundry_sdk.messages.usage import Usage

CHAT_USAGE = {
    "prompt_tokens": 9, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 3},
}  # fmt: skip
THOUGHT = {"type": "reasoning", "content": "hm"}


def text(content: str) -> dict[str, Any]:
    """A part of text."""
    return {"type": "text", "content": content}


def call(call_id: str | None, name: str, arguments: Any) -> dict[str, Any]:
    """A part that calls a tool."""
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}


class Model(SimpleNamespace):
    """An object of a client library, which are models of pydantic."""

    def model_dump(self) -> dict[str, Any]:
        """The fields."""
        return vars(self)


def as_object(value: Any) -> Any:
    """The same fields as attributes."""
    if isinstance(value, dict):
        return Model(**{key: as_object(item) for key, item in value.items()})
    return [as_object(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(params=["dict", "object"])
def built(request: pytest.FixtureRequest) -> Any:
    """Gives the reply of chunks, which are dicts or objects."""

    def build(chunks: list[Any]) -> Reply:
        builder = ReplyBuilder()
        for chunk in chunks:
            builder.add(chunk if request.param == "dict" else as_object(chunk))
        return builder.reply()

    return build


def parts_of(reply: Reply) -> Any:
    """The parts of the only message."""
    (message,) = reply.messages
    return message["parts"]


def delta(given: dict[str, Any], reason: str | None = None, index: int = 0) -> dict[str, Any]:
    """A chunk of OpenAI's chat."""
    choice = {"index": index, "delta": given, "finish_reason": reason}
    return {"id": "r", "model": "gpt", "choices": [choice], "usage": None}


def tool_piece(index: int, **given: Any) -> dict[str, Any]:
    """A chunk of OpenAI's chat with a piece of a tool call."""
    return delta({"tool_calls": [{"index": index, **given}]})


def test_chunks_of_chat_make_a_reply(built: Any) -> None:
    """Reasoning, text, two tool calls whose pieces alternate, and usage at the end."""
    found = built(
        [
            delta({"role": "assistant", "content": "", "reasoning_content": "h"}),
            delta({"reasoning_content": "m"}),
            delta({"content": "H"}),
            delta({"content": "i"}),
            tool_piece(0, id="t", function={"name": "f", "arguments": ""}),
            tool_piece(0, function={"arguments": '{"a"'}),
            tool_piece(1, id="u", function={"name": "g", "arguments": ""}),
            tool_piece(0, function={"arguments": ":1}"}),
            delta({}, "tool_calls"),
            {"id": "r", "model": "gpt", "choices": [], "usage": CHAT_USAGE},
        ]
    )
    assert [THOUGHT, text("Hi"), call("t", "f", {"a": 1}), call("u", "g", {})] == parts_of(found)
    assert ("r", "gpt", ["tool_calls"]) == (found.response_id, found.model, found.finish_reasons)
    assert Usage(9, 7, 4, None, 3) == found.usage


def test_each_choice_is_a_message_of_its_own(built: Any) -> None:
    """In the order of their indexes, with their own reasons."""
    found = built(
        [
            delta({"content": "A"}, None, 1),
            delta({"content": "B"}, None, 0),
            delta({"content": "a"}, "stop", 1),
            delta({"content": "b"}, "length", 0),
        ]
    )
    assert [
        {"role": "assistant", "parts": [text("Bb")], "finish_reason": "length"},
        {"role": "assistant", "parts": [text("Aa")], "finish_reason": "stop"},
    ] == found.messages
    assert ["length", "stop"] == found.finish_reasons


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([{"refusal": "N"}, {"refusal": "o."}], text("No.")),
        ([{"audio": {"transcript": "He"}}, {"audio": {"transcript": "y"}}], text("Hey")),
        ([{"function_call": {"name": "f", "arguments": ""}},
          {"function_call": {"arguments": '{"a": 1}'}}], call(None, "f", {"a": 1})),
        ([{"tool_calls": [{"index": 0, "id": "c", "custom": {"name": "shell", "input": "l"}}]},
          {"tool_calls": [{"index": 0, "custom": {"input": "s"}}]}], call("c", "shell", "ls")),
    ],
    ids=["refusal", "speech", "function_call", "custom tool"],
)  # fmt: skip
def test_every_form_of_an_answer_of_chat_is_read(built: Any, pieces: Any, expected: Any) -> None:
    """Refusals, speech and the older function_call are answers too."""
    assert [expected] == parts_of(built([delta(piece) for piece in pieces]))


def test_events_of_openais_stream_helper_hold_chunks(built: Any) -> None:
    """``client.chat.completions.stream()`` gives the chunk and what it made of it."""
    chunk = {"type": "chunk", "chunk": delta({"content": "Hi"}), "snapshot": {}}
    assert [text("Hi")] == parts_of(built([chunk, {"type": "content.delta", "delta": "Hi"}]))


RESPONSE: dict[str, Any] = {
    "object": "response", "id": "resp", "model": "gpt", "status": "completed",
    "output": [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "role": "assistant", "content": [
            {"type": "output_text", "text": "Hi"}, {"type": "refusal", "refusal": "No."}]},
        {"type": "function_call", "id": "fc", "call_id": "t", "name": "f", "arguments": '{"a":1}'},
        {"type": "custom_tool_call", "id": "ct", "call_id": "c", "name": "shell", "input": "ls"},
        {"type": "web_search_call", "id": "ws", "status": "completed"},
    ],
    "usage": {"input_tokens": 9, "output_tokens": 7, "input_tokens_details": {"cached_tokens": 4},
              "output_tokens_details": {"reasoning_tokens": 3}},
}  # fmt: skip
RESPONSE_PARTS = [
    THOUGHT, text("Hi"), text("No."), call("t", "f", {"a": 1}), call("c", "shell", "ls"),
    {"type": "web_search_call", "id": "ws", "status": "completed"},
]  # fmt: skip


def response_event(kind: str, index: int, /, **rest: Any) -> dict[str, Any]:
    """An event of OpenAI's responses API."""
    return {"type": f"response.{kind}", "output_index": index, **rest}


def added(index: int, kind: str, **rest: Any) -> dict[str, Any]:
    """The event that begins an item."""
    return response_event("output_item.added", index, item={"type": kind, **rest})


RESPONSE_EVENTS = [
    {"type": "response.created", "response": {"id": "resp", "model": "gpt"}},
    added(0, "reasoning"),
    response_event("reasoning_summary_text.delta", 0, summary_index=0, delta="h"),
    response_event("reasoning_summary_text.delta", 0, summary_index=0, delta="m"),
    response_event("output_item.done", 0, item=RESPONSE["output"][0]),
    response_event("output_text.delta", 1, content_index=0, delta="H"),
    response_event("output_text.delta", 1, content_index=0, delta="i"),
    response_event("refusal.delta", 1, content_index=1, delta="No."),
    added(2, "function_call", call_id="t", name="f", arguments=""),
    response_event("function_call_arguments.delta", 2, delta='{"a"'),
    response_event("function_call_arguments.delta", 2, delta=":1}"),
    response_event("output_item.done", 2, item=RESPONSE["output"][2]),
    added(3, "custom_tool_call", call_id="c", name="shell", input=""),
    response_event("custom_tool_call_input.delta", 3, delta="ls"),
    response_event("output_item.done", 4, item=RESPONSE["output"][4]),
]


def test_a_stream_of_responses_says_the_same_whole_and_left_early(built: Any) -> None:
    """The last event has the whole reply; before it, the pieces count."""
    whole = built([*RESPONSE_EVENTS, {"type": "response.completed", "response": RESPONSE}])
    assert read_reply(RESPONSE) == whole
    early = built(RESPONSE_EVENTS)
    assert RESPONSE_PARTS == parts_of(whole) == parts_of(early)
    assert ("resp", "gpt", []) == (early.response_id, early.model, early.finish_reasons)


def test_an_item_of_responses_that_came_in_no_pieces_is_read(built: Any) -> None:
    """Some servers that speak the API send whole items only."""
    found = built([response_event("output_item.done", i, item=item)
                   for i, item in enumerate(RESPONSE["output"])])  # fmt: skip
    assert RESPONSE_PARTS == parts_of(found)


def block(index: int, **given: Any) -> dict[str, Any]:
    """An event of Anthropic that begins a block."""
    return {"type": "content_block_start", "index": index, "content_block": given}


def piece(index: int, **given: Any) -> dict[str, Any]:
    """An event of Anthropic that adds to a block."""
    return {"type": "content_block_delta", "index": index, "delta": given}


SEARCH_RESULT = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
ANTHROPIC_EVENTS = [
    {"type": "message_start", "message": {"id": "msg", "model": "claude", "usage": {
        "input_tokens": 2, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 3,
        "output_tokens": 1}}},
    {"type": "ping"},
    block(0, type="thinking", thinking=""),
    piece(0, type="thinking_delta", thinking="hm"),
    piece(0, type="signature_delta", signature="s"),
    block(1, type="redacted_thinking", data="x"),
    block(2, type="text", text=""),
    piece(2, type="text_delta", text="H"),
    piece(2, type="text_delta", text="i"),
    block(3, type="server_tool_use", id="s", name="web_search", input={}),
    piece(3, type="input_json_delta", partial_json='{"q"'),
    piece(3, type="input_json_delta", partial_json=":1}"),
    block(4, **SEARCH_RESULT),
    block(5, type="text", text=""),
    piece(5, type="text_delta", text="Bye"),
    block(6, type="tool_use", id="t", name="f", input={}),
]  # fmt: skip
ANTHROPIC_PARTS = [
    THOUGHT, {"type": "redacted_thinking", "data": "x"}, text("Hi"),
    call("s", "web_search", {"q": 1}), SEARCH_RESULT, text("Bye"), call("t", "f", {}),
]  # fmt: skip


@pytest.mark.parametrize(
    "last",
    [
        {"output_tokens": 7},
        {"input_tokens": None, "cache_read_input_tokens": None, "output_tokens": 7},
        {"input_tokens": 2, "cache_read_input_tokens": None, "cache_creation_input_tokens": None,
         "output_tokens": 7},
    ],
    ids=["absent", "null", "input alone"],
)  # fmt: skip
def test_events_of_anthropic_make_a_reply(built: Any, last: dict[str, Any]) -> None:
    """Parts in the order of arrival; counts that the last event does not repeat stay."""
    end = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": last}
    found = built([*ANTHROPIC_EVENTS, end, {"type": "message_stop"}])
    assert ANTHROPIC_PARTS == parts_of(found)
    assert Usage(9, 7, 4, 3) == found.usage
    assert ("msg", "claude", ["tool_use"]) == (
        found.response_id, found.model, found.finish_reasons,
    )  # fmt: skip


def candidate(*parts: dict[str, Any], index: int | None = None, **rest: Any) -> dict[str, Any]:
    """A chunk of Google."""
    one = {"index": index, "content": {"role": "model", "parts": list(parts)}, **rest}
    return {"response_id": "g", "model_version": "gemini", "candidates": [one]}


def test_chunks_of_google_make_a_reply(built: Any) -> None:
    """Text after a tool call is a part of its own; usage is that of the last chunk."""
    usage = {"prompt_token_count": 9, "tool_use_prompt_token_count": 5,
             "candidates_token_count": 4, "thoughts_token_count": 3}  # fmt: skip
    tool = {"function_call": {"id": "t", "name": "f", "args": {"a": 1}}}
    found = built(
        [
            {**candidate({"text": "hm", "thought": True}), "usage_metadata": {
                "prompt_token_count": 9}},
            candidate({"text": "H"}),
            candidate({"text": "i"}, tool),
            candidate({"text": "B"}),
            {**candidate({"text": "ye"}, finish_reason="STOP"), "usage_metadata": usage},
        ]
    )  # fmt: skip
    assert [THOUGHT, text("Hi"), call("t", "f", {"a": 1}), text("Bye")] == parts_of(found)
    assert (Usage(14, 7, None, None, 3), "g", "gemini", ["STOP"]) == (
        found.usage, found.response_id, found.model, found.finish_reasons,
    )  # fmt: skip


def test_a_prompt_that_google_blocked_says_why_in_a_stream(built: Any) -> None:
    """The only chunk has no candidates."""
    blocked = {"prompt_feedback": {"block_reason": "SAFETY"},
               "usage_metadata": {"prompt_token_count": 9}}  # fmt: skip
    found = built([blocked])
    assert (["SAFETY"], 9) == (found.finish_reasons, found.usage.input_tokens)
    assert read_reply(blocked) == found


def test_candidates_of_google_are_messages_of_their_own(built: Any) -> None:
    """By their index."""
    found = built([candidate({"text": "b"}, index=1), candidate({"text": "a"}, index=0)])
    assert [[text("a")], [text("b")]] == [message["parts"] for message in found.messages]


def test_chunks_of_langchain_make_a_reply() -> None:
    """Tool calls once, though the provider's blocks repeat them; counts are added up."""
    builder = ReplyBuilder()
    for given in [
        {"content": [{"index": 0, "type": "thinking", "thinking": "hm"}],
         "usage_metadata": {"input_tokens": 9, "output_tokens": 0}},
        {"content": [{"index": 1, "type": "text", "text": "H"}]},
        {"content": [{"index": 1, "type": "text", "text": "i"}]},
        {"content": [{"index": 2, "type": "server_tool_use", "id": "s", "name": "web_search",
                      "input": {}}]},
        {"content": [{"index": 2, "type": "input_json_delta", "partial_json": '{"q":1}'}]},
        {"content": [{"index": 3, "type": "tool_use", "id": "t", "name": "f", "input": {}}],
         "tool_call_chunks": [{"index": 3, "id": "t", "name": "f", "args": ""}]},
        {"content": [{"index": 3, "type": "input_json_delta", "partial_json": '{"a":1}'}],
         "tool_call_chunks": [{"index": 3, "id": None, "name": None, "args": '{"a":1}'}]},
        {"content": "", "usage_metadata": {"input_tokens": 0, "output_tokens": 7},
         "response_metadata": {"model_name": "m", "stop_reason": "tool_use"}},
    ]:  # fmt: skip
        builder.add(SimpleNamespace(type="AIMessageChunk", id="run", **given))
    found = builder.reply()
    expected = [THOUGHT, text("Hi"), call("s", "web_search", {"q": 1}), call("t", "f", {"a": 1})]
    assert expected == parts_of(found)
    assert (9, 7, "m", "run", ["tool_use"]) == (
        found.usage.input_tokens, found.usage.output_tokens, found.model, found.response_id,
        found.finish_reasons,
    )  # fmt: skip


@pytest.mark.parametrize(
    "chunk",
    [
        candidate({"function_call": {"name": "f", "args": {}}}),
        {"type": "AIMessageChunk", "content": [{"type": "image", "url": "u"}]},
    ],
    ids=["whole parts", "blocks"],
)
def test_a_stream_without_an_end_keeps_a_bounded_number_of_parts(chunk: Any) -> None:
    """The first ones; the agent still gets them all."""
    builder = ReplyBuilder()
    for _ in range(MAX_PARTS * 2):
        builder.add(chunk)
    assert MAX_PARTS == len(parts_of(builder.reply()))


def test_parts_and_choices_that_come_in_pieces_are_bounded_too() -> None:
    """Each piece names another tool call, or another choice."""
    builder = ReplyBuilder()
    for index in range(MAX_PARTS * 2):
        builder.add(tool_piece(index, id=f"t{index}", function={"name": "f", "arguments": "{}"}))
    assert MAX_PARTS == len(parts_of(builder.reply()))
    builder = ReplyBuilder()
    for index in range(MAX_PARTS * 2):
        builder.add(delta({}, "stop", index))
    assert MAX_PARTS == len(builder.reply().messages)


def test_a_generator_of_chunks_is_read_like_a_stream(spans: Any) -> None:
    """Also where the generator is left early."""

    @tf.llm_call
    def ask(prompt: str) -> Any:
        yield delta({"content": "H"})
        yield delta({"content": "i"})
        yield {"id": "r", "model": "gpt", "choices": [], "usage": CHAT_USAGE}

    for _ in ask("Hello"):
        pass
    found = spans["chat"].attributes
    assert (9, "gpt") == (found["gen_ai.usage.input_tokens"], found["gen_ai.response.model"])
    (message,) = json.loads(found["gen_ai.output.messages"])
    assert [text("Hi")] == message["parts"]
