"""Replies whose shape is not known: their JSON is kept, and a warning says that tokens are not."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

import tracefoundry_sdk as tf
from tracefoundry_sdk.messages import unknown_reply
from tracefoundry_sdk.safety import RareWarning

UNKNOWN = {"answer": "secret words", "meta": {"total": 9}}


@pytest.fixture(autouse=True)
def _warn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hour has passed."""
    warning = RareWarning(unknown_reply.WARNING_INTERVAL_S)
    monkeypatch.setattr(unknown_reply, "_warn", warning)


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Any:
    """Gives the warnings of the SDK so far."""
    caplog.set_level(logging.WARNING, "tracefoundry_sdk")
    return lambda: [record.getMessage() for record in caplog.records]


def test_an_unknown_reply_is_kept_as_json_with_one_warning(spans: Any, warnings: Any) -> None:
    """The warning names members and none of their values."""
    for _ in range(3):
        with tf.llm_call("other", model="m") as call:
            call.record(UNKNOWN)
            assert UNKNOWN == call.output
    (message,) = json.loads(spans.all()[0].attributes["gen_ai.output.messages"])
    assert UNKNOWN == json.loads(message["parts"][0]["content"])
    (warning,) = warnings()
    assert "dict, members: answer, meta" in warning
    assert "secret" not in warning


def test_a_list_of_unknown_values_is_one_message(spans: Any) -> None:
    """A vector of numbers is not a message for each number."""
    with tf.llm_call("other", model="m") as call:
        call.record([0.5, 0.25])
    (message,) = json.loads(spans["chat m"].attributes["gen_ai.output.messages"])
    assert [{"type": "text", "content": "[0.5,0.25]"}] == message["parts"]


def test_a_stream_of_unknown_chunks_gives_the_warning(spans: Any, warnings: Any) -> None:
    """Its chunks reach the agent."""
    with tf.llm_call("other", model="m") as call:
        assert [UNKNOWN] == list(call.stream(iter([UNKNOWN])))
    assert 1 == len(warnings())


def test_a_function_that_returns_a_value_of_its_own_gives_the_warning(
    spans: Any, warnings: Any
) -> None:
    """Nothing tells the tokens of its call."""

    @tf.llm_call
    def ask(prompt: str) -> dict[str, Any]:
        return UNKNOWN

    assert UNKNOWN == ask("Hello")
    assert 1 == len(warnings())


def test_nobody_is_warned_of_known_replies_and_told_tokens(spans: Any, warnings: Any) -> None:
    """Text, an event without text in a known stream, and a call whose tokens are set."""
    with tf.llm_call("other", model="m") as call:
        call.record("Hi")
    with tf.llm_call("other", model="m") as call:
        call.usage(input_tokens=1)
        call.record(UNKNOWN)
    with tf.llm_call("other", model="m") as call:
        list(call.stream([{"type": "ping"}, {"choices": []}]))
    assert [] == warnings()


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (None, "NoneType, members: none"),
        (7, "int, members: none"),
        ({str(number): number for number in range(20)}, "0, 1, 2, 3, 4, 5, 6, 7, ..."),
        ({"n" * 100: 1}, f"members: {'n' * unknown_reply.MAX_NAME_LENGTH}"),
    ],
)
def test_names_in_the_warning_are_bounded(reply: Any, expected: str, warnings: Any) -> None:
    """In number and in length."""
    unknown_reply.warn_of_unknown_reply(reply)
    assert expected in warnings()[0]
    assert "n" * (unknown_reply.MAX_NAME_LENGTH + 1) not in warnings()[0]
