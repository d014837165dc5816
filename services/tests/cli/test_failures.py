"""Failures are one line on stderr that says what to do; never a traceback."""

from __future__ import annotations

import json
import socket
import threading

import pytest

from cli.canned_server import Canned, CannedServer
from cli.conftest import Run

TRACE = "0af7651916cd43dd8448eb211c80319c"


def refusal(status: int, message: str, remedy: str | None) -> Canned:
    """An answer in the API's form of errors."""
    error = {"code": "c", "message": message, "remedy": remedy}
    return Canned(json.dumps({"error": error}).encode(), status)


@pytest.fixture
def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.mark.parametrize(
    "command", [["list"], ["show", TRACE], ["stats"], ["clear", "--yes"], ["demo"]]
)
def test_a_refused_connection_says_how_to_start_one(
    run: Run, closed_port: int, command: list[str]
) -> None:
    """Every command that needs an instance gives the same advice, at once."""
    url = f"http://127.0.0.1:{closed_port}"
    outcome = run(*command, "--url", url)
    expected = (
        f"error: no TraceFoundry at {url}: start one with `tracefoundry serve`, or pass --url\n"
    )
    assert (1, "", expected) == (outcome.code, outcome.out, outcome.err)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 429, 500, 503])
def test_an_api_error_shows_its_message_and_remedy(
    run: Run, api: CannedServer, status: int
) -> None:
    """Whatever the status, the words are the API's."""
    api.answers["GET /api/traces"] = refusal(status, "it went wrong", "Do that.")
    outcome = run("list")
    assert (1, "", "error: it went wrong. Do that\n") == (outcome.code, outcome.out, outcome.err)


def test_an_api_error_without_remedy_gets_ours(run: Run, api: CannedServer) -> None:
    """A 401 says how to pass a token."""
    api.answers["GET /api/stats"] = refusal(401, "a token is needed", None)
    expected = "error: a token is needed: pass a token with --token or TRACEFOUNDRY_TOKEN\n"
    assert expected == run("stats").err


def test_an_error_page_of_another_server_names_its_status(run: Run, api: CannedServer) -> None:
    """A proxy's HTML is not repeated."""
    api.answers["GET /api/traces"] = Canned(b"<html>\n<h1>Bad</h1></html>", 502)
    outcome = run("list")
    expected = (
        f"error: {api.url} answered 502 Bad Gateway: check --url: it may not be a TraceFoundry\n"
    )
    assert (1, expected) == (outcome.code, outcome.err)


@pytest.mark.parametrize(
    "body", [b"<html></html>", b"", b"[]", b'{"traces": 3}', b"\xff\xfe", b"[" * 5000]
)
def test_an_answer_of_another_shape_is_told(run: Run, api: CannedServer, body: bytes) -> None:
    """A 200 of something that is no TraceFoundry is an error, not an empty list."""
    api.answers["GET /api/traces"] = Canned(body)
    outcome = run("list")
    assert (1, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))
    assert f"error: {api.url} did not answer like TraceFoundry" == outcome.err.partition(" (")[0]


def test_a_port_that_speaks_no_http_is_told(run: Run) -> None:
    """The gRPC port, for example."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00")

        thread = threading.Thread(target=answer)
        thread.start()
        outcome = run("list", "--url", f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()
    assert 1 == outcome.code
    assert "does not answer in HTTP" in outcome.err
    assert 1 == outcome.err.count("\n")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://host", "'ftp://host' is not an http or https URL"),
        ("localhost:8080", "'localhost:8080' is not an http or https URL"),
        ("http://", "'http://' is not an http or https URL"),
        ("http://host:70000", "'http://host:70000' is not an http or https URL"),
        ("http://user:secret@host", "the URL holds a password"),
    ],
)
def test_a_url_that_can_never_work_is_told(run: Run, url: str, problem: str) -> None:
    """Before any request, and without repeating a password."""
    outcome = run("list", "--url", url)
    assert (1, True) == (outcome.code, outcome.err.startswith(f"error: {problem}"))
    assert "secret" not in outcome.err


def test_a_token_that_cannot_be_sent_is_not_repeated(run: Run) -> None:
    """A token is never printed."""
    outcome = run("list", "--token", "tf_secret\nx")
    expected = "error: the token holds characters that no token has: copy it again\n"
    assert (1, expected) == (outcome.code, outcome.err)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["bogus"], "No such command 'bogus'. See tracefoundry --help"),
        (["list", "--bogus"], "No such option: --bogus. See tracefoundry list --help"),
        (
            ["show"],
            "Invalid value for 'TRACE_ID': give one, or --payload REF."
            " See tracefoundry show --help",
        ),
        (
            ["list", "--since", "yesterday"],
            "Invalid value for '--since': 'yesterday' is not a time: write 24h (ago), "
            "2026-01-31T08:00:00Z, or nanoseconds. See tracefoundry list --help",
        ),
        (
            ["list", "--min-duration", "long"],
            "Invalid value for '--min-duration': 'long' is not a duration such as 500ms, 1.5s, "
            "2m30s or 24h. See tracefoundry list --help",
        ),
        (
            ["show", TRACE, "--parent", "00f067aa0ba902b7"],
            "Invalid value for '--parent' or '--cursor': needs --spans beside it. "
            "See tracefoundry show --help",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    run: Run, arguments: list[str], problem: str
) -> None:
    """The line says where the help is."""
    outcome = run(*arguments)
    assert (2, "", f"error: {problem}\n") == (outcome.code, outcome.out, outcome.err)


def test_control_characters_of_a_server_do_not_reach_the_terminal(
    run: Run, api: CannedServer
) -> None:
    """An error message may hold what a sender wrote."""
    api.answers["GET /api/traces"] = refusal(400, "bad \x1b]0;owned\x07 value", "None.")
    assert "error: bad ␛]0;owned␇ value. None\n" == run("list").err
