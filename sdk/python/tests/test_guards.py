"""Live calls are impossible in a replay: transports answer or refuse, sockets refuse."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3
from opentelemetry import context
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from replays import CountingModel, outcomes, recording_of, replayed

import tracefoundry_sdk as tf
from tracefoundry_sdk.replay import ReplayMiss
from tracefoundry_sdk.replay.recording import Recording


@pytest.fixture
def model() -> Iterator[CountingModel]:
    """A counting server."""
    server = CountingModel()
    yield server
    server.close()


def request_of(text: str, *, stream: bool = False) -> dict[str, Any]:
    """A request of the chat API."""
    return {"model": "m", "messages": [{"role": "user", "content": text}], "stream": stream}


def by_httpx(url: str, body: dict[str, Any], module: Any = httpx) -> Any:
    """Sends by httpx."""
    with module.Client() as client:
        reply = client.post(url, json=body)
        reply.raise_for_status()
        return reply.json()


def by_httpx2(url: str, body: dict[str, Any]) -> Any:
    """Sends by httpx2."""
    return by_httpx(url, body, httpx2)


def by_async_httpx(url: str, body: dict[str, Any], module: Any = httpx) -> Any:
    """Sends by httpx in an event loop."""

    async def send() -> Any:
        async with module.AsyncClient() as client:
            return (await client.post(url, json=body)).json()

    return asyncio.run(send())


def by_async_httpx2(url: str, body: dict[str, Any]) -> Any:
    """Sends by httpx2 in an event loop."""
    return by_async_httpx(url, body, httpx2)


def by_requests(url: str, body: dict[str, Any]) -> Any:
    """Sends by requests."""
    reply = requests.post(url, json=body, timeout=120)
    reply.raise_for_status()
    return reply.json()


def by_urllib3(url: str, body: dict[str, Any]) -> Any:
    """Sends by urllib3."""
    with urllib3.PoolManager() as pool:
        return pool.request("POST", url, json=body).json()


def by_aiohttp(url: str, body: dict[str, Any]) -> Any:
    """Sends by aiohttp."""

    async def send() -> Any:
        async with (
            aiohttp.ClientSession(raise_for_status=True) as session,
            session.post(url, json=body) as reply,
        ):
            return await reply.json()

    return asyncio.run(send())


CLIENTS: list[Callable[[str, dict[str, Any]], Any]] = [
    by_httpx, by_httpx2, by_async_httpx, by_async_httpx2, by_requests, by_urllib3, by_aiohttp,
]  # fmt: skip


def ask(send: Callable[[str, dict[str, Any]], Any], url: str, text: str) -> str:
    """An LLM call in the ``with`` form, whose body sends a request."""
    body = request_of(text)
    with tf.llm_call("openai", model="m", input=body["messages"]) as call:
        reply = send(f"{url}/v1/chat/completions", body)
        call.record(reply)
    content = reply["choices"][0]["message"]["content"]
    assert isinstance(content, str)
    return content


@pytest.mark.parametrize("send", CLIENTS)
def test_a_request_inside_a_call_is_answered_from_the_recording(
    start: Any, model: CountingModel, send: Callable[[str, dict[str, Any]], Any]
) -> None:
    """The server is not reached; two calls in another order get their own replies."""
    spans = start(record=True)
    assert ["you said a", "you said b"] == [ask(send, model.url, text) for text in "ab"]
    model.hits = 0
    with replayed(recording_of(spans)) as server:
        assert ["you said b", "you said a"] == [ask(send, model.url, text) for text in "ba"]
        with pytest.raises(ReplayMiss, match=r"other arguments|used already"):
            ask(send, model.url, "c")
    assert 0 == model.hits
    report = server.report()
    assert (2, 1) == (report["matched"], report["missed"])


@pytest.mark.parametrize("send", CLIENTS)
def test_a_request_outside_of_a_call_is_stopped(
    model: CountingModel, send: Callable[[str, dict[str, Any]], Any]
) -> None:
    """It is listed, without its query, which may hold a key."""
    with replayed(Recording([])) as server, pytest.raises(ReplayMiss, match="outside of llm_call"):
        send(f"{model.url}/v1/chat/completions?key=secret", request_of("a"))
    assert 0 == model.hits
    (call,) = server.report()["calls"]
    assert ("http", "blocked") == (call["kind"], call["outcome"])
    assert call["name"].startswith("POST http://127.0.0.1")
    assert "secret" not in json.dumps(call)


def test_the_report_names_the_guards() -> None:
    """Those of the libraries that are loaded."""
    with replayed(Recording([])) as server:
        pass
    wanted = ["aiohttp", "decorators", "httpx", "httpx2", "requests", "sockets", "urllib3"]
    assert wanted == sorted(set(server.report()["guards"]) - {"mcp", "langchain"})


def test_a_library_that_is_imported_later_is_guarded_when_a_helper_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Until then the guard of sockets stops it."""
    held: dict[str, ModuleType] = {"httpx": sys.modules["httpx"]}
    monkeypatch.delitem(sys.modules, "httpx")
    with replayed(Recording([])) as server:
        assert "httpx" not in server.report()["guards"]
        monkeypatch.setitem(sys.modules, "httpx", held["httpx"])
        with tf.trace_agent_run("a"):
            pass
        assert "httpx" in server.report()["guards"]


def test_a_release_that_cannot_be_guarded_is_stopped_at_its_sockets(
    monkeypatch: pytest.MonkeyPatch, model: CountingModel, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not among the guards, and the agent is told."""
    transport = httpx.HTTPTransport
    monkeypatch.delattr(httpx, "AsyncHTTPTransport")
    with replayed(Recording([])) as server, pytest.raises(ReplayMiss):
        transport().handle_request(httpx.Request("GET", model.url))
    assert "httpx cannot be guarded" in caplog.text
    assert "httpx" not in server.report()["guards"]
    assert 0 == model.hits


@pytest.mark.parametrize("module", [httpx, httpx2])
def test_streams_come_chunk_by_chunk(start: Any, model: CountingModel, module: Any) -> None:
    """Each recorded chunk is an event of its own, and ``[DONE]`` ends them."""
    spans = start(record=True)
    body = request_of("x", stream=True)

    def run() -> list[str]:
        with (
            tf.llm_call("openai", model="m", input=body["messages"]) as call,
            module.Client() as client,
            client.stream("POST", f"{model.url}/v1", json=body) as reply,
        ):
            lines = [line for line in reply.iter_lines() if line]
            chunks = [json.loads(line[6:]) for line in lines if "[DONE]" not in line]
            found = [c["choices"][0]["delta"]["content"] for c in call.stream(chunks)]
            assert "data: [DONE]" == lines[-1]
            return found

    wanted = run()
    model.hits = 0
    with replayed(recording_of(spans)):
        assert wanted == run()
    assert 0 == model.hits


@pytest.mark.parametrize("send", CLIENTS)
@pytest.mark.parametrize("helper", ["llm", "tool", "retrieval"])
def test_replies_of_http_are_kept_without_call_record(
    start: Any, model: CountingModel, send: Callable[[str, dict[str, Any]], Any], helper: str
) -> None:
    """All replies inside a call, in their order; compressed ones as text; never headers."""
    spans = start(record=True)

    def run() -> list[Any]:
        opened: Any = {
            "llm": tf.llm_call(model="m", input="x"),
            "tool": tf.tool_call("t", arguments={"x": 1}),
            "retrieval": tf.retrieval("r", query="x"),
        }[helper]
        with opened:
            return [send(f"{model.url}/{path}", request_of(path)) for path in ("a", "gzip")]

    wanted = run()
    model.hits = 0
    recording = recording_of(spans)
    (call,) = recording.calls
    first, second = call.raw_response["exchanges"]
    assert wanted == [json.loads(first["body"]), json.loads(second["body"])]
    assert {"status", "content_type", "body"} == first.keys()
    with replayed(recording) as server:
        assert wanted == run()
    assert 0 == model.hits
    assert 1 == server.report()["matched"]


def test_a_recorded_failure_of_http_is_a_failure_again(start: Any, model: CountingModel) -> None:
    """A client that retries sees the refusal and then the reply."""
    spans = start(record=True)

    def run() -> list[int]:
        with tf.llm_call(model="m", input="x"), httpx.Client() as client:
            paths = ("busy", "a")
            return [
                client.post(f"{model.url}/{path}", json=request_of("x")).status_code
                for path in paths
            ]

    assert [429, 200] == run()
    with replayed(recording_of(spans)):
        assert [429, 200] == run()


def test_requests_outside_of_calls_are_not_recorded(start: Any, model: CountingModel) -> None:
    """Nor is anything after ``stop``."""
    spans = start(record=True)
    with tf.trace_agent_run("a"):
        by_httpx(model.url, request_of("x"))
    assert [] == recording_of(spans).calls
    assert "you said x" in json.dumps(by_httpx(model.url, request_of("x")))


def test_without_the_raw_reply_only_decorated_calls_are_answered(
    start: Any, model: CountingModel
) -> None:
    """The miss names what to do."""
    spans = start()
    ask(by_httpx, model.url, "a")
    with replayed(recording_of(spans)), pytest.raises(ReplayMiss, match="record=True"):
        ask(by_httpx, model.url, "a")


def test_a_further_request_than_was_recorded_is_a_miss(start: Any, model: CountingModel) -> None:
    """One reply was recorded, so the second request of the call has none."""
    spans = start(record=True)
    ask(by_httpx, model.url, "a")
    model.hits = 0

    def twice(url: str, body: dict[str, Any]) -> Any:
        by_httpx(url, body)
        return by_httpx(url, body)

    with replayed(recording_of(spans)) as server, pytest.raises(ReplayMiss, match="no further"):
        ask(twice, model.url, "a")
    assert 0 == model.hits
    assert 1 == server.report()["missed"]


def test_sockets_that_no_recorded_call_stands_for_are_stopped(model: CountingModel) -> None:
    """Connections, name look-ups and datagrams; also those of libraries without a guard."""
    host, port = model.url.removeprefix("http://").split(":")
    with replayed(Recording([])) as server:
        with pytest.raises(ReplayMiss), socket.socket() as one:
            one.connect((host, int(port)))
        with pytest.raises(ReplayMiss):
            socket.getaddrinfo("example.invalid", 443)
        with pytest.raises(ReplayMiss), socket.socket(type=socket.SOCK_DGRAM) as other:
            other.sendto(b"x", (host, 9))
        with pytest.raises(ReplayMiss):
            urllib.request.urlopen(model.url, timeout=5)  # noqa: S310 - a server of this test
    assert 0 == model.hits
    assert [
        (f"{host}:{port}", "blocked"), ("example.invalid:443", "blocked"),
        (f"{host}:9", "blocked"), (f"{host}:{port}", "blocked"),
    ] == outcomes(server.report())  # fmt: skip


def test_unix_sockets_stay_open(tmp_path: Any) -> None:
    """They lead to no other machine."""
    path = str(tmp_path / "s")
    with (
        socket.socket(socket.AF_UNIX) as listener,
        replayed(Recording([])) as server,
        socket.socket(socket.AF_UNIX) as client,
    ):
        listener.bind(path)
        listener.listen()
        client.connect(path)
    assert [] == server.report()["calls"]


def test_an_allowed_call_reaches_its_server(start: Any, model: CountingModel) -> None:
    """While it is open, sockets are; afterwards they are closed again."""
    spans = start(record=True)
    ask(by_httpx, model.url, "a")
    model.hits = 0
    with replayed(recording_of(spans), allow=("m",)) as server:
        assert "you said new" == ask(by_httpx, model.url, "new")
        assert "you said new" == ask(by_aiohttp, model.url, "new")
        with pytest.raises(ReplayMiss), socket.socket() as one:
            one.connect(("127.0.0.1", 9))
    assert 2 == model.hits
    assert 2 == server.report()["allowed"]


def test_telemetry_is_refused_and_is_no_miss(model: CountingModel) -> None:
    """An exporter of OpenTelemetry sees an unreachable network."""
    with replayed(Recording([])) as server:
        token = context.attach(context.set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        try:
            with pytest.raises(httpx.ConnectError):
                by_httpx(model.url, {})
            with pytest.raises(requests.ConnectionError):
                by_requests(model.url, {})
            with pytest.raises(ConnectionError), socket.socket() as one:
                one.connect(("127.0.0.1", 9))
        finally:
            context.detach(token)
    assert (0, []) == (model.hits, server.report()["calls"])


def test_a_miss_in_a_thread_is_in_the_report(model: CountingModel) -> None:
    """The thread ends, and whoever waits for the report sees why."""
    with replayed(Recording([])) as server:

        def swallow() -> None:
            with contextlib.suppress(BaseException):  # the worst that an agent can do
                by_requests(model.url, {})

        thread = threading.Thread(target=swallow)
        thread.start()
        thread.join(10)
    assert 1 == server.report()["missed"]
