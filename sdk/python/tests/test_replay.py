"""Decorated functions and ``with`` blocks in a replay: answers, errors, streams, misses."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from replays import outcomes, recording_of, replayed

import tracefoundry_sdk as tf
from tracefoundry_sdk import replaying
from tracefoundry_sdk.replay import ReplayedError, ReplayMiss
from tracefoundry_sdk.replay.server import ReplayServer

CHAT = {
    "model": "m",
    "choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1},
}
ran: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()


@dataclasses.dataclass
class Order:
    """What a typed tool gives."""

    id: int
    tags: list[str]


@tf.tool_call
def search(q: str) -> list[str]:
    """A tool that counts its calls."""
    ran.append(q)
    return [q.upper()]


@tf.tool_call
def typed(id: int) -> Order:
    """A tool with a dataclass as its result."""
    ran.append(id)
    return Order(id, ["a"])


@tf.tool_call
def texts(n: int) -> str:
    """A tool whose text looks like JSON."""
    ran.append(n)
    return '{"n": 1}'


@tf.tool_call
def untyped(n):  # type: ignore[no-untyped-def] # the point: nothing says that it is text
    """A tool whose text looks like JSON, and whose annotation does not say so."""
    ran.append(n)
    return f"[{n}]"


@tf.llm_call(model="t")
def number(prompt: str) -> str:
    """A model call whose answer is a number as text."""
    ran.append(prompt)
    return "42"


@tf.tool_call
async def slow_search(q: str) -> str:
    """An asynchronous tool."""
    ran.append(q)
    await asyncio.sleep(0)
    return f"found {q}"


@tf.tool_call
def numbers(n: int) -> Iterator[int]:
    """A generator."""
    ran.append(n)
    yield from range(n)


@tf.tool_call
def fails(kind: str) -> None:
    """Raises a built-in error, or one of a library."""
    ran.append(kind)
    if kind == "key":
        raise KeyError("k")
    if kind == "json":
        import json

        json.loads("{")
    raise ValueError("bad value")


@tf.llm_call("openai")
def ask(messages: list[dict[str, str]], model: str = "m") -> Any:
    """A model call that gives the provider's object."""
    ran.append(messages)
    return CHAT


@tf.llm_call(model="s")
async def stream(prompt: str) -> AsyncIterator[str]:
    """A streamed answer."""
    ran.append(prompt)
    for word in ["a", "b", prompt]:
        yield word


@tf.retrieval("docs")
def look(query: str) -> list[dict[str, Any]]:
    """A retrieval."""
    ran.append(query)
    return [{"id": 1, "text": query}]


async def _collected(prompt: str) -> list[str]:
    return [word async for word in stream(prompt)]


def agent() -> list[Any]:
    """Uses all kinds of helpers."""
    with tf.trace_agent_run("a"):
        return [
            search("x"), search("y"), typed(7), texts(1), untyped(2), number("n"), list(numbers(3)),
            asyncio.run(slow_search("z")),
            ask([{"role": "user", "content": "hi"}])["choices"][0]["message"]["content"],
            asyncio.run(_collected("p")),
            look("query"),
        ]  # fmt: skip


@pytest.mark.parametrize("record", [True, False])
def test_decorated_functions_are_answered_without_running(start: Any, record: bool) -> None:
    """All kinds of functions give what they gave, with their types; no body runs."""
    spans = start(record=record)

    def run() -> list[Any]:
        return (
            agent()
            if record
            else [search("x"), typed(7), texts(1), untyped(2), number("n"), look("query")]
        )

    wanted = run()
    assert ran
    ran.clear()
    with replayed(recording_of(spans)) as server:
        assert wanted == run()
    report = server.report()
    assert [] == ran
    assert (len(report["calls"]), 0, 0, 0) == tuple(
        report[name] for name in ("matched", "missed", "diverged", "unused")
    )
    assert {"decorators", "sockets"} <= set(report["guards"])


def test_a_recorded_model_object_can_be_used_by_attribute(start: Any) -> None:
    """As the library's own object; it is still a dict."""
    spans = start(record=True)
    ask([{"role": "user", "content": "hi"}])
    with replayed(recording_of(spans)):
        reply = ask([{"role": "user", "content": "hi"}])
    assert "hello" == reply.choices[0].message.content
    assert CHAT == reply


def test_recorded_errors_are_raised_again(start: Any) -> None:
    """Built-in ones as they were, those of loaded libraries as instances of their class."""
    spans = start(record=True)
    for kind, error in [("value", ValueError), ("key", KeyError), ("json", ValueError)]:
        with pytest.raises(error):
            fails(kind)
    ran.clear()
    with replayed(recording_of(spans)) as server:
        with pytest.raises(ValueError, match="bad value"):
            fails("value")
        with pytest.raises(KeyError) as caught:
            fails("key")
        assert ("k",) == caught.value.args
        with pytest.raises(ValueError, match="Expecting property name") as found:
            fails("json")
    assert isinstance(found.value, ReplayedError)
    assert "json.decoder.JSONDecodeError" == found.value.original_type
    assert [] == ran
    assert 3 == server.report()["matched"]


def test_retry_loops_cannot_swallow_a_miss(start: Any) -> None:
    """It passes ``except Exception``, and whoever catches it anyway finds it in the report."""
    spans = start()
    search("x")

    def stubborn() -> None:
        for _ in range(3):
            try:
                search("other")
            except Exception:  # noqa: BLE001 - what retry loops do
                ran.append("retried")

    with replayed(recording_of(spans)) as server:
        with pytest.raises(ReplayMiss) as caught:
            stubborn()
        with pytest.raises(ReplayMiss):
            search("other")
    assert "has other arguments" in str(caught.value)
    assert '+ "q": "other"' in str(caught.value).replace("+  ", "+ ")
    report = server.report()
    assert (0, 2, 2, 1) == tuple(
        report[name] for name in ("matched", "missed", "diverged", "unused")
    )
    missed = report["calls"][0]
    assert ("diverged", "tool", "search") == (missed["outcome"], missed["kind"], missed["name"])
    assert {"q": "x"} == missed["nearest"]["arguments"]
    assert missed["diff"]


def test_a_shuffled_gather_passes(start: Any) -> None:
    """Concurrent calls may come in any order."""
    spans = start()

    async def run(order: list[str]) -> dict[str, str]:
        with tf.trace_agent_run("a"):
            return dict(zip(order, await asyncio.gather(*map(slow_search, order)), strict=True))

    wanted = asyncio.run(run(["a", "b", "c"]))
    with replayed(recording_of(spans)) as server:
        assert wanted == asyncio.run(run(["c", "a", "b"]))
    assert 0 == server.report()["missed"]


def test_threads_share_the_recording(start: Any) -> None:
    """Each recorded call is given out once."""
    spans = start()
    for _ in range(20):
        search("x")
    with replayed(recording_of(spans)) as server, ThreadPoolExecutor(8) as pool:
        assert [["X"]] * 20 == list(pool.map(search, ["x"] * 20))
    assert (20, 0, 0) == tuple(server.report()[name] for name in ("matched", "missed", "unused"))


def test_a_with_block_runs_and_is_compared(start: Any) -> None:
    """A tool in the ``with`` form runs; when it is left, its arguments are compared."""
    spans = start()

    def run(n: int) -> int:
        with tf.trace_agent_run("a"), tf.tool_call("add", arguments={"n": n}) as tool:
            tool.result = n + 1
        return n + 1

    run(1)
    with replayed(recording_of(spans)) as server:
        assert 2 == run(1)
        with pytest.raises(ReplayMiss, match="used already"):
            run(2)
    assert [("add", "matched"), ("add", "missed")] == outcomes(server.report())


def test_allowed_names_run(start: Any) -> None:
    """One name goes out; the report says so."""
    spans = start()
    with replayed(recording_of(spans), allow=("search",)) as server:
        assert ["NEW"] == search("new")
        with pytest.raises(ReplayMiss):
            typed(1)
    assert ["new"] == ran
    report = server.report()
    assert (1, 1) == (report["allowed"], report["missed"])
    assert [("search", "allowed"), ("typed", "missed")] == outcomes(report)


def test_the_request_is_recorded_as_it_was_at_the_start(start: Any) -> None:
    """An agent that appends to its messages inside the call does not change the record."""
    spans = start(record=True)
    messages = [{"role": "user", "content": "hi"}]

    def run(messages: list[Any]) -> None:
        with tf.llm_call("openai", model="m", input=messages, parameters={"seed": 1}) as call:
            messages.append({"role": "assistant", "content": "hello"})
            call.record(CHAT)

    run(messages)
    (call,) = recording_of(spans).calls
    assert 1 == len(call.arguments["input"])
    assert {"seed": 1} == call.arguments["parameters"]
    with replayed(recording_of(spans)) as server:
        run([{"role": "user", "content": "hi"}])
    assert 1 == server.report()["matched"]


def test_content_that_was_not_captured_is_a_named_miss(start: Any) -> None:
    """In the capture mode ``metadata`` nothing can be replayed, and the miss says why."""
    spans = start(capture="metadata")
    search("x")
    with (
        replayed(recording_of(spans)),
        pytest.raises(ReplayMiss, match="arguments of the recorded tool call 'search' are missing"),
    ):
        search("x")


def test_child_processes_are_answered_by_the_same_recording(start: Any) -> None:
    """A child notices the variable, asks the server, and sends no spans."""
    spans = start()
    search("x")
    script = (
        "import tracefoundry_sdk as tf\n"
        "tf.quick_start(isolated=True)\n"
        "@tf.tool_call\n"
        "def search(q: str) -> list[str]:\n"
        "    raise SystemExit('ran')\n"
        "print(search('x'), tf.flush())\n"
        "search('y')\n"
    )
    with ReplayServer(recording_of(spans)) as server:
        child = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, replaying.VARIABLE: server.address},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert "['X'] True" == child.stdout.strip()
    assert 1 == child.returncode
    assert "ReplayMiss" in child.stderr
    report = server.report()
    assert (1, 1) == (report["matched"], report["missed"])


def test_a_server_that_has_gone_is_a_miss(start: Any) -> None:
    """Nothing goes out for want of a recording."""
    spans = start()
    search("x")
    ran.clear()
    with replayed(recording_of(spans)) as server:
        server.stop()
        with pytest.raises(ReplayMiss, match="gave no answer"):
            search("x")
    assert [] == ran


def test_nothing_of_replay_is_imported_without_one() -> None:
    """An agent that only sends traces does not pay for it."""
    script = (
        "import sys, tracefoundry_sdk as tf\n"
        "tf.quick_start(isolated=True)\n"
        "with tf.tool_call('a'):\n"
        "    pass\n"
        "print([name for name in sys.modules if name.startswith('tracefoundry_sdk.replay.')])\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True
    )
    assert "[]" == found.stdout.strip()
