"""Engines that run code again: what is withheld, and the provider that they need."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from sdk_process import collector, run_program

import tracefoundry_sdk as tf
from tracefoundry_sdk import runtime


@pytest.fixture
def replaying() -> Iterator[list[bool]]:
    """Whether code is run again: the first element."""
    state = [False]
    runtime.withhold_when(lambda error: state[0] or isinstance(error, KeyError))
    yield state
    runtime.withhold_when(lambda error: False)


def test_nothing_is_sent_of_code_that_is_run_again(replaying: list[bool], spans: Any) -> None:
    """A span that was open is sent when the code gets further than before."""
    replaying[0] = True
    with tf.trace_agent_run("a"):
        with tf.tool_call("before"):
            pass
        replaying[0] = False
        with tf.tool_call("after"):
            pass
    assert ["execute_tool after", "invoke_agent a"] == [span.name for span in spans.all()]


def test_nothing_is_sent_of_an_error_that_is_tried_again(replaying: list[bool], spans: Any) -> None:
    """The next attempt makes the same span."""
    with pytest.raises(KeyError), tf.tool_call("t"):
        raise KeyError("k")
    assert [] == spans.all()


def test_a_wrapped_provider_serves_tracers_helpers_and_the_handle() -> None:
    """Nothing is lost or sent twice, and the ids of earlier tracers come from the new source."""
    with collector() as server:
        ended = run_program(
            """
            from opentelemetry import trace
            import tracefoundry_sdk as tf
            from tracefoundry_sdk import provider

            class Wrapper(trace.TracerProvider):
                def __init__(self, inner):
                    self.inner = inner
                def add_span_processor(self, processor):
                    self.inner.add_span_processor(processor)
                def get_tracer(self, *args, **kwargs):
                    return self.inner.get_tracer(*args, **kwargs)

            handle = tf.quick_start(service="s")
            before = trace.get_tracer("before")
            assert provider.wrap_own_global_provider(Wrapper)
            assert type(trace.get_tracer_provider()) is Wrapper is type(handle.tracer_provider)
            assert not provider.wrap_own_global_provider(Wrapper), "only once"
            with tf.trace_agent_run("a"), before.start_as_current_span("b"):
                pass
            handle.stop()
            with tf.quick_start(), tf.tool_call("c"):
                pass
            """,
            TRACEFOUNDRY_URL=server.url,
        )
        assert (0, "") == (ended.code, ended.stdout), ended.stderr
        assert ["b", "execute_tool c", "invoke_agent a"] == server.span_names()


def test_a_provider_that_is_not_ours_is_left_alone() -> None:
    """The global provider of another library stays."""
    ended = run_program("""
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        import tracefoundry_sdk as tf
        from tracefoundry_sdk import provider
        existing = TracerProvider()
        trace.set_tracer_provider(existing)
        tf.quick_start(endpoint="http://127.0.0.1:9")
        print(provider.wrap_own_global_provider(lambda inner: None))
        print(trace.get_tracer_provider() is existing)
    """)
    assert "False\nTrue\n" == ended.stdout, ended.stderr


def test_the_plugin_without_temporal_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a bare "No module named"."""
    monkeypatch.setitem(sys.modules, "temporalio", None)
    with pytest.raises(ImportError, match=r"tracefoundry-sdk\[temporal\]"):
        tf.propagation.temporal.plugin()
