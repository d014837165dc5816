"""Delivery: real processes against endpoints that answer, refuse, stay silent or are busy."""

from __future__ import annotations

import os
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from sdk_process import collector, refused_endpoint, run_program, silent_endpoint

EXIT_ALLOWANCE_S = 2.0
MAX_REQUEST_BYTES = 4 << 20


def text_of(span: Any, key: str) -> AnyValue:
    """The value of an attribute on the wire."""
    return next(pair.value for pair in span.attributes if pair.key == key)


def test_importing_starts_nothing() -> None:
    """No provider, no thread, no socket; the HTTP library is not even loaded."""
    ended = run_program("""
        import sys, threading
        import socket
        def no_socket(*a, **k): raise AssertionError("a socket")
        socket.socket = no_socket
        import tracefoundry_sdk
        from opentelemetry import trace
        print(threading.active_count(), trace._TRACER_PROVIDER, "requests" in sys.modules)
    """)
    assert "1 None False\n" == ended.stdout, ended.stderr


def test_two_lines_deliver_the_trace_and_say_that_the_run_has_begun() -> None:
    """Token as bearer, service and environment in the resource, a log record for the start."""
    with collector() as server:
        ended = run_program(
            """
            import tracefoundry_sdk as tf
            tf.quick_start(service="support", environment="prod")
            tf.quick_start(service="second")
            with tf.trace_agent_run("a", conversation_id="c"):
                with tf.llm_call("openai", model="m", input="hi"):
                    pass
            """,
            TRACEFOUNDRY_URL=server.url,
            TRACEFOUNDRY_TOKEN="secret-token",
        )
        assert 0 == ended.code, ended.stderr
        assert "first call counts" in ended.stderr
        assert ["chat m", "invoke_agent a"] == server.span_names()
        chat, run = sorted(server.spans(), key=lambda span: span.name)  # type: ignore[attr-defined]
        expected = '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]'
        assert expected == text_of(chat, "gen_ai.input.messages").string_value
        assert "Bearer secret-token" == server.requests[0][1]["authorization"]
        (body,) = server.bodies("/v1/logs")
        record = (
            ExportLogsServiceRequest.FromString(body).resource_logs[0].scope_logs[0].log_records[0]
        )
        found = {pair.key: pair.value.string_value for pair in record.attributes}
        assert (run.trace_id, run.span_id) == (record.trace_id, record.span_id)  # type: ignore[attr-defined]
        assert "gen_ai.tracefoundry.run_started" == record.event_name == found["event.name"]
        assert ("invoke_agent a", "a", "c") == (
            found["tracefoundry.span.name"], found["gen_ai.agent.name"],
            found["gen_ai.conversation.id"],
        )  # fmt: skip


def test_an_unsampled_run_sends_nothing() -> None:
    """Neither spans nor the record of its start."""
    with collector() as server:
        ended = run_program(
            """
            import tracefoundry_sdk as tf
            with tf.quick_start():
                with tf.trace_agent_run("a"):
                    pass
            """,
            TRACEFOUNDRY_URL=server.url,
            OTEL_TRACES_SAMPLER="always_off",
        )
        assert (0, []) == (ended.code, server.requests), ended.stderr


def test_an_existing_provider_that_has_no_hash_is_reused() -> None:
    """Logfire's provider is a dataclass that compares by value."""
    with collector() as server:
        ended = run_program(
            """
            from opentelemetry import trace
            from opentelemetry.sdk.trace import TracerProvider
            import tracefoundry_sdk as tf

            class Unhashable(TracerProvider):
                __hash__ = None

            trace.set_tracer_provider(Unhashable())
            for name in ("a", "b"):
                with tf.quick_start():
                    with tf.tool_call(name):
                        pass
            """,
            TRACEFOUNDRY_URL=server.url,
        )
        assert 0 == ended.code, ended.stderr
        assert ["execute_tool a", "execute_tool b"] == server.span_names()


def test_an_existing_provider_is_reused_and_keeps_its_own_processors() -> None:
    """One processor of ours, no second global, every span once on both sides."""
    with collector() as server:
        ended = run_program(
            """
            from opentelemetry import trace
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import SimpleSpanProcessor
            from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
            memory, provider = InMemorySpanExporter(), TracerProvider()
            provider.add_span_processor(SimpleSpanProcessor(memory))
            trace.set_tracer_provider(provider)
            import tracefoundry_sdk as tf
            tf.quick_start().stop()
            tf.quick_start()
            tf.quick_start()
            with trace.get_tracer("theirs").start_as_current_span("outer") as outer:
                with tf.tool_call("t", arguments={"a": 1}):
                    pass
            assert trace.get_tracer_provider() is provider
            inner, found = memory.get_finished_spans()
            assert inner.parent.span_id == found.context.span_id
            assert inner.attributes["gen_ai.tool.call.arguments"] == '{"a":1}'
            assert len(provider._active_span_processor._span_processors) == 2
            """,
            TRACEFOUNDRY_URL=server.url,
        )
        assert 0 == ended.code, ended.stderr
        assert ["execute_tool t", "outer"] == server.span_names()


_BUSY = """
    from pathlib import Path
    import tracefoundry_sdk as tf
    tf.quick_start()
    for number in range(1000):
        with tf.llm_call("p", model="m", input=f"{number}" + "x" * 200_000):
            pass
    # Not ru_maxrss, which begins with the peak of the process that started this one.
    status = Path("/proc/self/status").read_text()
    print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""


@pytest.mark.parametrize("endpoint", ["refused", "silent"])
def test_a_dead_endpoint_holds_up_neither_work_nor_exit_and_memory_is_bounded(
    endpoint: str,
) -> None:
    """200 MB of content into a queue of 64 MiB; what is dropped is counted in the log."""
    if endpoint == "refused":
        ended = run_program(_BUSY, TRACEFOUNDRY_URL=refused_endpoint())
    else:
        with silent_endpoint() as url:
            ended = run_program(_BUSY, TRACEFOUNDRY_URL=url)
    assert 0 == ended.code, ended.stderr
    assert int(ended.stdout) < 300
    assert "spans were dropped" in ended.stderr


@pytest.mark.parametrize("endpoint", ["refused", "silent", "retry_after"])
def test_exit_waits_no_longer_than_two_seconds(endpoint: str) -> None:
    """The program itself measures when its own end begins; what follows is ours."""
    source = """
        import atexit, time
        def ended(begun=[]): print(time.monotonic() - begun[0])
        atexit.register(ended)  # runs last
        import tracefoundry_sdk as tf
        tf.quick_start()
        with tf.tool_call("t"):
            pass
        ended.__defaults__[0].append(time.monotonic())
    """
    if endpoint == "refused":
        ended = run_program(source, TRACEFOUNDRY_URL=refused_endpoint())
    elif endpoint == "silent":
        with silent_endpoint() as url:
            ended = run_program(source, TRACEFOUNDRY_URL=url)
    else:
        with collector() as server:
            server.answers = [(503, {"retry-after": "60"})] * 100
            ended = run_program(source, TRACEFOUNDRY_URL=server.url)
    assert 0 == ended.code, ended.stderr
    # A busy machine adds to it; without the bound it would be 10 s or more, the exporter's own.
    assert float(ended.stdout) < EXIT_ALLOWANCE_S + 6
    assert "Traceback" not in ended.stderr


def test_passing_trouble_loses_nothing_and_flush_says_what_arrived() -> None:
    """503 with and without Retry-After, then success; a refusal makes flush False, once."""
    with collector() as server:
        server.answers = [(503, {}), (429, {"retry-after": "0.2"})]
        ended = run_program(
            """
            import tracefoundry_sdk as tf
            handle = tf.quick_start()
            with tf.tool_call("t"):
                pass
            print(handle.flush(20), tf.flush(20))
            """,
            TRACEFOUNDRY_URL=server.url,
        )
        assert "True True\n" == ended.stdout, ended.stderr
        assert ["execute_tool t"] == server.span_names()
        server.answers = [(400, {})]
        ended = run_program(
            """
            import tracefoundry_sdk as tf
            handle = tf.quick_start()
            with tf.tool_call("t"):
                pass
            print(handle.flush(20), handle.flush(20))
            """,
            TRACEFOUNDRY_URL=server.url,
        )
        assert "False True\n" == ended.stdout, ended.stderr


def test_a_big_span_is_cut_and_says_so_and_requests_stay_small() -> None:
    """Messages stay messages; the spans beside it arrive whole."""
    with collector() as server:
        ended = run_program(
            """
            import tracefoundry_sdk as tf
            handle = tf.quick_start()
            for number in range(20):
                with tf.llm_call("p", model=f"m{number}", input="y" * 1_000_000):
                    pass
            with tf.llm_call("p", model="big", input=[
                {"role": "user", "content": "\\u20ac" * 3_000_000},
                {"role": "user", "content": "short"},
            ]):
                pass
            print(handle.flush(30))
            """,
            TRACEFOUNDRY_URL=server.url,
        )
        assert "True\n" == ended.stdout, ended.stderr
        assert 21 == len(server.span_names())
        assert max(map(len, server.bodies())) <= MAX_REQUEST_BYTES
        (big,) = [span for span in server.spans() if span.name == "chat big"]  # type: ignore[attr-defined]
        cut = text_of(big, "tracefoundry.truncated").array_value.values
        assert ["gen_ai.input.messages"] == [value.string_value for value in cut]
        kept = text_of(big, "gen_ai.input.messages").string_value
        assert kept.endswith('{"role":"user","parts":[{"type":"text","content":"short"}]}]')


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("way", ["os.fork", "fork", "spawn", "pool"])
def test_children_deliver_their_spans(way: str, tmp_path: Any) -> None:
    """And the parent delivers its own, once, whatever waited when it forked."""
    program = tmp_path / "program.py"
    program.write_text("""
import multiprocessing, os, sys
import tracefoundry_sdk as tf

def work(number):
    with tf.tool_call(f"child{number}"):
        pass

if __name__ != "__main__":
    tf.quick_start()
else:
    tf.quick_start()
    with tf.tool_call("parent"):
        pass
    way = sys.argv[1]
    if way == "os.fork":
        for number in range(3):
            if os.fork() == 0:
                work(number)
                sys.exit(0)
        for _ in range(3):
            os.wait()
    elif way == "pool":
        pool = multiprocessing.get_context("fork").Pool(2)
        pool.map(work, range(3))
        pool.close()
        pool.join()
    else:
        context = multiprocessing.get_context(way)
        children = [context.Process(target=work, args=(number,)) for number in range(3)]
        [child.start() for child in children]
        [child.join() for child in children]
""")
    with collector() as server:
        ended = run_program(
            f"""
            import runpy, sys
            sys.argv = [{str(program)!r}, {way!r}]
            runpy.run_path({str(program)!r}, run_name="__main__")
            """
            if way != "spawn"
            else f"""
            import subprocess, sys
            sys.exit(subprocess.call([sys.executable, {str(program)!r}, "spawn"]))
            """,
            TRACEFOUNDRY_URL=server.url,
        )
        assert 0 == ended.code, ended.stderr
        children = [f"execute_tool child{number}" for number in range(3)]
        assert [*children, "execute_tool parent"] == server.span_names()
