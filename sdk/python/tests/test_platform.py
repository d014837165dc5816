"""Against a running TraceFoundry: what the SDK sends is what the API shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sdk_process import run_program

from platform_process import Platform, eventually, running


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One ``serve`` for all tests here."""
    folder = tmp_path_factory.mktemp("platform")
    with running("serve", "--data", str(folder / "data"), folder=folder) as started:
        yield started


def spans_of(platform: Platform, trace_id: str) -> list[dict[str, Any]]:
    """All spans of a trace, by the API."""
    found: list[dict[str, Any]] = platform.get(f"/api/traces/{trace_id}/spans", limit=10_000)[
        "spans"
    ]
    return found


def test_a_trace_is_shown_with_kinds_tokens_content_and_one_error(platform: Platform) -> None:
    """The normalised view of every helper."""
    ended = run_program(
        """
        import tracefoundry_sdk as tf
        tf.quick_start(service="support", environment="test")
        try:
            with tf.trace_agent_run("a", conversation_id="c", user_id="u") as run:
                print(format(run.span.get_span_context().trace_id, "032x"))
                run.input = "question"
                with tf.retrieval("docs", query="q") as found:
                    found.documents = ["one"]
                with tf.llm_call("openai", model="gpt-5", input="hi") as call:
                    call.output = "hello"
                    call.usage(input_tokens=30, output_tokens=4, cached_tokens=10, cost_usd=0.25)
                with tf.tool_call("search", arguments={"q": 1}, call_id="x"):
                    raise ValueError("no index")
        except ValueError:
            pass
        """,
        TRACEFOUNDRY_URL=platform.otlp,
    )
    assert 0 == ended.code, ended.stderr
    trace_id = ended.stdout.strip()
    trace = platform.get(f"/api/traces/{trace_id}")
    assert ("support", "test", "a", "c", "u", 30, 4, 10, 0.25, "reported") == tuple(
        trace[key]
        for key in (
            "service", "environment", "agent", "conversation_id", "user_id", "input_tokens",
            "output_tokens", "cached_tokens", "cost_usd", "cost_source",
        )
    )  # fmt: skip
    spans = spans_of(platform, trace_id)
    assert ["agent", "retriever", "llm", "tool"] == [span["genai"]["kind"] for span in spans]
    assert ["error", "unset", "unset", "error"] == [span["status"]["code"] for span in spans]
    assert [0, 0, 0, 1] == [len(span["events"]) for span in spans]
    slots = {span["name"]: {entry["slot"] for entry in span["payloads"]} for span in spans}
    assert {"input_messages", "output_messages"} == slots["chat gpt-5"]
    assert "documents" in slots["retrieval docs"]
    assert "tool_arguments" in slots["execute_tool search"]
    (entry,) = [p for p in spans[2]["payloads"] if p["slot"] == "input_messages"]
    answer = platform.client.get(f"{platform.api}/api/payloads/{entry['ref']}")
    expected = [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]
    assert expected == json.loads(answer.text)


def test_six_hundred_spans_of_200_kb_all_arrive(platform: Platform, tmp_path: Path) -> None:
    """At most 100 a second, 120 MB in all: twice what the queue holds.

    An agent that was held up does not catch up: that would be faster than 100 a second.
    """
    ended = run_program(
        """
        import random, time
        import tracefoundry_sdk as tf
        handle = tf.quick_start()
        words = [format(random.getrandbits(64), "x") for _ in range(20_000)]
        with tf.trace_agent_run("load") as run:
            print(format(run.span.get_span_context().trace_id, "032x"))
            for number in range(600):
                begun = time.monotonic()
                with tf.tool_call(f"t{number}") as tool:
                    tool.result = " ".join(random.choices(words, k=12_000))
                time.sleep(max(0.0, begun + 0.01 - time.monotonic()))
        print(handle.flush(120))
        """,
        timeout_s=250,
        TRACEFOUNDRY_URL=platform.otlp,
    )
    trace_id, delivered = ended.stdout.split()
    assert "True" == delivered, ended.stderr
    found = eventually(lambda: platform.get(f"/api/traces/{trace_id}"), what="the trace")
    assert 601 == found["span_count"]
