"""The helpers as context managers and decorators: names, attributes, nesting, errors, capture."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode

import tracefoundry_sdk as tf

CHAT = {
    "id": "r1",
    "model": "gpt-5-2026",
    "choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 30,
        "completion_tokens": 4,
        "prompt_tokens_details": {"cached_tokens": 10},
        "completion_tokens_details": {"reasoning_tokens": 2},
    },
}


def test_a_run_has_the_conventions_names_and_its_content(spans: Any) -> None:
    """An agent run is invoke_agent with identity, tags, input and output."""
    with tf.trace_agent_run("support", conversation_id="c", user_id="u", tags=["a"]) as run:
        run.input = "question"
        run.attribute("team", "blue")
        run.output = "answer"
    span = spans["invoke_agent support"]
    found = dict(span.attributes)
    assert SpanKind.INTERNAL is span.kind
    assert "tracefoundry" == span.instrumentation_scope.name
    assert ("invoke_agent", "support", "c", "u", ("a",), "blue") == (
        found["gen_ai.operation.name"], found["gen_ai.agent.name"],
        found["gen_ai.conversation.id"], found["user.id"], found["tracefoundry.tags"],
        found["team"],
    )  # fmt: skip
    expected = [{"role": "user", "parts": [{"type": "text", "content": "question"}]}]
    assert expected == json.loads(found["gen_ai.input.messages"])
    expected = [{"role": "assistant", "parts": [{"type": "text", "content": "answer"}]}]
    assert expected == json.loads(found["gen_ai.output.messages"])


def test_an_llm_call_records_a_reply_and_inherits_the_conversation(spans: Any) -> None:
    """Tokens, model, id, finish reason and messages come from the reply."""
    with tf.trace_agent_run("a", conversation_id="c"):  # noqa: SIM117 - the nesting is the point
        with tf.llm_call("openai", model="gpt-5", input="hi", parameters={"seed": 1}) as call:
            call.record(CHAT)
            call.usage(cost_usd=0.5)
    span = spans["chat gpt-5"]
    found = dict(span.attributes)
    assert SpanKind.CLIENT is span.kind
    assert "c" == found["gen_ai.conversation.id"]
    assert (30, 4, 10, 2, 0.5) == (
        found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"],
        found["gen_ai.usage.cache_read.input_tokens"],
        found["gen_ai.usage.reasoning.output_tokens"], found["gen_ai.usage.cost"],
    )  # fmt: skip
    assert ("gpt-5-2026", "r1", ("stop",), 1) == (
        found["gen_ai.response.model"], found["gen_ai.response.id"],
        found["gen_ai.response.finish_reasons"], found["gen_ai.request.seed"],
    )  # fmt: skip


def test_the_input_is_kept_as_it_was_when_the_call_began(spans: Any) -> None:
    """An agent goes on with the same list of messages."""
    messages = [{"role": "user", "content": "one"}]
    with tf.llm_call("openai", model="m", input=messages):
        messages.append({"role": "assistant", "content": "two"})
    assert 1 == len(json.loads(spans["chat m"].attributes["gen_ai.input.messages"]))


def test_retrieval_is_a_client_span_with_query_and_documents(spans: Any) -> None:
    """Query and documents are content."""
    with tf.retrieval("orders", query="q") as found:
        found.documents = [{"id": 1}]
    span = spans["retrieval orders"]
    assert SpanKind.CLIENT is span.kind
    assert "q" == span.attributes["gen_ai.retrieval.query.text"]
    assert [{"id": 1}] == json.loads(span.attributes["gen_ai.retrieval.documents"])


@tf.tool_call
def plain_tool(city: str, *, days: int = 1) -> str:
    """Forecast."""
    return f"{city} {days}"


def test_decorators_take_name_arguments_result_and_description(spans: Any) -> None:
    """With and without parentheses, for functions and coroutines."""

    @tf.tool_call("other", call_id="c1")
    async def tool(city: str) -> list[str]:
        return [city]

    assert "Oslo 2" == plain_tool("Oslo", days=2)
    assert ["Rome"] == asyncio.run(tool("Rome"))
    first = spans["execute_tool plain_tool"].attributes
    assert {"city": "Oslo", "days": 2} == json.loads(first["gen_ai.tool.call.arguments"])
    assert ("Oslo 2", "Forecast.") == (
        first["gen_ai.tool.call.result"], first["gen_ai.tool.description"],
    )  # fmt: skip
    second = spans["execute_tool other"].attributes
    assert ("c1", '["Rome"]') == (
        second["gen_ai.tool.call.id"], second["gen_ai.tool.call.result"],
    )  # fmt: skip


def test_generators_are_traced_without_a_context_across_yield(spans: Any) -> None:
    """The consumer's spans are no children of the generator's span."""

    @tf.trace_agent_run("gen")
    def agent() -> Iterator[str]:
        with tf.tool_call("inside"):
            pass
        yield "a"
        yield "b"

    for _ in agent():
        with tf.tool_call("outside"):
            pass
    run = spans["invoke_agent gen"]
    assert run.context.span_id == spans["execute_tool inside"].parent.span_id
    outside = [span for span in spans.all() if span.name == "execute_tool outside"]
    assert [None, None] == [span.parent for span in outside]
    assert "ab" in run.attributes["gen_ai.output.messages"]


def test_an_async_generator_left_early_ends_its_span(
    spans: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """No detach error, and the next span is no child of the abandoned one."""

    @tf.trace_agent_run("gen")
    async def agent() -> AsyncIterator[int]:
        yield 1
        yield 2

    async def consume() -> None:
        async for _ in agent():
            break
        with tf.tool_call("next"):
            pass

    with caplog.at_level(logging.DEBUG):
        asyncio.run(consume())
    assert StatusCode.UNSET is spans["invoke_agent gen"].status.status_code
    assert spans["execute_tool next"].parent is None
    assert [] == [text for text in caplog.messages if "detach" in text]


def test_a_with_in_an_abandoned_generator_leaves_no_parent(spans: Any) -> None:
    """What comes after is no child of a span that has ended."""

    def agent() -> Iterator[int]:
        with tf.trace_agent_run("gen"):
            yield 1

    running = agent()
    next(running)
    running.close()
    with tf.tool_call("next"):
        pass
    assert spans["execute_tool next"].parent is None


def test_nesting_holds_in_gather_and_to_thread_and_plain_threads_have_no_parent(
    spans: Any,
) -> None:
    """Contexts are copied by asyncio, not by thread pools."""

    async def work(name: str) -> None:
        with tf.tool_call(name):
            await asyncio.sleep(0)

    async def main() -> None:
        async with tf.trace_agent_run("run"):
            await asyncio.gather(work("one"), work("two"))
            await asyncio.to_thread(plain_tool, "x")

    asyncio.run(main())
    with tf.trace_agent_run("pool"), ThreadPoolExecutor(1) as pool:
        pool.submit(tf.tool_call("thread")(lambda: None)).result()
    run = spans["invoke_agent run"].context.span_id
    for name in ("one", "two", "plain_tool"):
        assert run == spans[f"execute_tool {name}"].parent.span_id
    assert spans["execute_tool thread"].parent is None


def test_an_error_is_recorded_once_on_the_innermost_span(spans: Any) -> None:
    """The others get status and error.type."""
    error = ValueError("broken")
    with pytest.raises(ValueError, match="broken") as caught:  # noqa: SIM117 - three levels
        with tf.trace_agent_run("a"), tf.llm_call("p", model="m"), tf.tool_call("t"):
            raise error
    assert error is caught.value
    names = ("execute_tool t", "chat m", "invoke_agent a")
    assert [1, 0, 0] == [len(spans[name].events) for name in names]
    assert ["ValueError"] * 3 == [spans[name].attributes["error.type"] for name in names]
    assert [StatusCode.ERROR] * 3 == [spans[name].status.status_code for name in names]


def test_an_error_raised_from_another_is_recorded_too(spans: Any) -> None:
    """Another exception object is another error."""
    with pytest.raises(RuntimeError), tf.trace_agent_run("a"):  # noqa: PT012 - the inner error
        try:
            with tf.tool_call("t"):
                raise ValueError("one")
        except ValueError as error:
            raise RuntimeError("two") from error
    assert 1 == len(spans["invoke_agent a"].events)


def test_retries_and_timeouts_are_events(spans: Any) -> None:
    """With the attributes of the contract."""
    with tf.tool_call("t") as tool:
        tool.retry(2, error=TimeoutError("slow"), wait_s=0.5)
        tool.timeout(3.0)
        tool.event("custom", name="n", value=[1, "x"])
    events = {event.name: dict(event.attributes) for event in spans["execute_tool t"].events}
    assert {
        "gen_ai.retry": {"attempt": 2, "error": "TimeoutError: slow", "wait_s": 0.5},
        "gen_ai.timeout": {"after_s": 3.0},
        "custom": {"name": "n", "value": '[1,"x"]'},
    } == events


def test_a_stream_left_early_is_recorded_as_far_as_it_came(spans: Any) -> None:
    """The span ends with the `with`; the text so far, and the time to the first chunk, are kept."""
    with tf.llm_call("openai", model="m") as call:
        for chunk in call.stream(iter(["a", "b", "c"])):
            if chunk == "b":
                break
    found = spans["chat m"].attributes
    assert "ab" == json.loads(found["gen_ai.output.messages"])[0]["parts"][0]["content"]
    assert found["tracefoundry.stream.ended_early"] is True
    assert 0 <= found["gen_ai.response.time_to_first_chunk"] < 60


def test_a_stream_that_is_handed_on_ends_its_span_itself(spans: Any) -> None:
    """Returned from a decorated function, read to its end or dropped."""

    @tf.llm_call("openai")
    def ask(prompt: str, model: str) -> Any:
        return iter([prompt, "!"])

    stream = ask("hi", model="read")
    assert [] == spans.all()
    assert ["hi", "!"] == list(stream)
    assert "tracefoundry.stream.ended_early" not in spans["chat read"].attributes
    stream = ask("hi", model="dropped")
    del stream
    gc.collect()
    assert spans["chat dropped"].attributes["tracefoundry.stream.ended_early"] is True


def test_async_streams_work_the_same(spans: Any) -> None:
    """One object serves `for` and `async for`."""

    async def chunks() -> AsyncIterator[dict[str, Any]]:
        yield {"id": "r", "model": "m1", "choices": [{"delta": {"content": "he"}}]}
        yield {"choices": [{"delta": {"content": "y"}, "finish_reason": "stop"}]}
        yield {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}}

    async def main() -> None:
        async with tf.llm_call("openai", model="m") as call:
            async for _ in call.stream(chunks()):
                pass

    asyncio.run(main())
    found = spans["chat m"].attributes
    assert (5, 2, ("stop",)) == (
        found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"],
        found["gen_ai.response.finish_reasons"],
    )  # fmt: skip
    assert "hey" == json.loads(found["gen_ai.output.messages"])[0]["parts"][0]["content"]


SECRET = "hunter2"


def everything_secret() -> None:
    """Puts the secret into every place of content."""
    with (  # noqa: PT012 - the error is raised below all helpers
        pytest.raises(ValueError, match=SECRET),
        tf.trace_agent_run("a", input=SECRET) as run,
        tf.llm_call(
            "p", model="m", input=SECRET, tools=[SECRET], parameters={"system": SECRET}
        ) as c,
        tf.retrieval("r", query=SECRET) as r,
        tf.tool_call("t", arguments={"x": SECRET}, description=SECRET) as tool,
    ):
        run.output = c.output = r.documents = tool.result = SECRET
        tool.retry(1, error=KeyError(SECRET))
        raise ValueError(SECRET)


@pytest.mark.parametrize("mode", ["off", "metadata", "no such mode"])
def test_without_full_capture_no_content_leaves(mode: str, start: Callable[..., Any]) -> None:
    """Neither as content nor in error messages; metadata has sizes and roles."""
    spans = start(capture=mode)
    everything_secret()
    assert 4 == len(spans.all())
    assert SECRET not in "".join(span.to_json() for span in spans.all())
    found = spans["chat m"].attributes
    sizes = {key for key in found if key.endswith(".bytes")}
    assert (mode == "metadata") == bool(sizes)
    if mode == "metadata":
        assert ("user",) == found["tracefoundry.content.input_messages.roles"]


@pytest.mark.parametrize(
    "hook", [lambda value, key: 1 / 0, lambda value, key: None, lambda value, key: [value]]
)
def test_a_redaction_hook_that_fails_withholds(
    hook: Callable[..., Any], start: Callable[..., Any]
) -> None:
    """Raising and another type are the same."""
    spans = start(redact=hook)
    everything_secret()
    assert 4 == len(spans.all())
    assert SECRET not in "".join(span.to_json() for span in spans.all())


def test_a_redaction_hook_sees_every_text_with_its_key(start: Callable[..., Any]) -> None:
    """What it returns is what is sent."""
    seen: set[str] = set()

    def redact(value: str, key: str) -> str:
        seen.add(key)
        return value.replace(SECRET, "***")

    spans = start(redact=redact)
    everything_secret()
    with tf.tool_call("own") as tool:
        tool.attribute("note", SECRET)
        tool.event("e", detail=SECRET)
    assert SECRET not in "".join(span.to_json() for span in spans.all())
    assert {"note", "detail", "gen_ai.input.messages", "exception.message"} <= seen


def test_helpers_never_raise(start: Callable[..., Any]) -> None:
    """Whatever an agent gives them."""

    class Hostile:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

        def __str__(self) -> str:
            raise RuntimeError("no text")

    loop: list[Any] = []
    loop.append(loop)
    start()
    hostile: Any = Hostile()
    with tf.trace_agent_run("a", input=loop, tags=[hostile], attributes={"k": hostile}) as run:
        run.output = hostile
        run.attribute("k", hostile)
        run.event("e", value=hostile)
        run.retry(hostile, error=hostile)
        with tf.llm_call(hostile, model=hostile, input=hostile, tools=hostile) as call:
            call.record(hostile)
            call.usage(input_tokens=hostile)
        with tf.tool_call("t", arguments={"a": "\ud800", "n": 1 << 80}) as tool:
            tool.result = b"\xff"


def test_recording_keeps_raw_request_and_reply(start: Callable[..., Any]) -> None:
    """For replay: parameters and tools, the reply, the chunks of a stream."""
    spans = start(record=True)
    with tf.llm_call("p", model="m", input="i", tools=["t"], parameters={"x": 1}) as call:
        call.record(CHAT)
    with tf.llm_call("p", model="s") as call:
        list(call.stream(iter(["a", "b"])))
    found = spans["chat m"].attributes
    request = json.loads(found["tracefoundry.raw_request"])
    assert ("m", "i", ["t"], {"x": 1}) == tuple(
        request[key] for key in ("model", "input", "tools", "parameters")
    )
    assert CHAT == json.loads(found["tracefoundry.raw_response"])
    raw = json.loads(spans["chat s"].attributes["tracefoundry.raw_response"])
    assert {"chunks": ["a", "b"]} == raw
