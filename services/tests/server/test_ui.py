"""`tracefoundry ui`: one address for browsers, in front of a real query service."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from cli.canned_server import Canned, CannedServer
from platform_process import clean_environment, command_line, run_command, running
from raw_http import connected, head
from tracefoundry.server.ui import MAX_CONNECTIONS


@contextmanager
def ui_before(query_url: str) -> Iterator[str]:
    """The address of a ``ui`` process."""
    process = subprocess.Popen(
        command_line("ui", "--port", "0", "--query-url", query_url),
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        found = re.match(r"ready ui=(\S+)\n", process.stdout.readline())
        assert found is not None
        yield found[1]
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(timeout=120)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(timeout=120)
        process.stdout.close()


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A query service that asks for tokens, and a ``ui`` in front of it."""
    folder = tmp_path_factory.mktemp("ui")
    with (
        running("serve", "--data", str(folder), "--require-token", folder=folder) as platform,
        ui_before(platform.api) as ui,
    ):
        made = run_command(
            "token", "create", "--role", "admin", "--name", "a", "--data", str(folder), "--json"
        )
        token = re.search(r'"token":\s*"([^"]+)"', made.stdout)
        assert token is not None, made.stderr
        yield ui, token[1]


def test_the_api_is_there_under_the_callers_own_token(addresses: tuple[str, str]) -> None:
    """Status, body and errors pass unchanged; nothing is added."""
    ui, token = addresses
    assert 401 == httpx.get(f"{ui}/api/traces").status_code
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx.get(f"{ui}/api/traces", params={"limit": 5}, headers=headers)
    assert (200, []) == (answer.status_code, answer.json()["traces"])
    made = httpx.post(f"{ui}/api/projects", json={"name": "shop"}, headers=headers)
    assert 201 == made.status_code, made.text
    names = [p["name"] for p in httpx.get(f"{ui}/api/projects", headers=headers).json()["projects"]]
    assert ["default", "shop"] == sorted(names)
    wrong = httpx.get(f"{ui}/api/traces?limti=1", headers=headers)
    assert (400, "invalid_parameter") == (wrong.status_code, wrong.json()["error"]["code"])


def test_the_first_page_is_the_reference(addresses: tuple[str, str]) -> None:
    """Until there is more to see."""
    ui, _ = addresses
    page = httpx.get(ui, follow_redirects=True)
    assert (200, True) == (page.status_code, "/api/traces" in page.text)


def test_a_page_of_somebody_else_is_refused(addresses: tuple[str, str]) -> None:
    """On loopback Host and Origin are checked here as well."""
    ui, token = addresses
    for name in ("host", "origin"):
        value = "evil.example" if name == "host" else "http://evil.example"
        headers = {"authorization": f"Bearer {token}", name: value}
        assert 403 == httpx.get(f"{ui}/api/traces", headers=headers).status_code


def test_a_query_service_that_is_away_is_503_and_not_ready() -> None:
    """It says so, and comes back by itself."""
    with ui_before("http://127.0.0.1:9") as ui:
        answer = httpx.get(f"{ui}/api/traces")
        assert (503, "query_unavailable") == (answer.status_code, answer.json()["error"]["code"])
        assert 503 == httpx.get(f"{ui}/readyz").status_code
        assert 200 == httpx.get(f"{ui}/healthz").status_code


@pytest.fixture(scope="module")
def before_canned() -> Iterator[tuple[str, CannedServer]]:
    """A ``ui`` in front of a server that records what it is asked."""
    canned = CannedServer()
    with canned, ui_before(canned.url) as ui:
        yield ui, canned


NOT_OF_THE_API = [
    "/api/..%2fmetrics",
    "/api/../metrics",
    "/api/%2e%2e/metrics",
    "/api/%2e%2e%2fmetrics",
    "/api/traces/..%2f..%2fmetrics",
    "/api/traces/%2e%2e",
    "/api/traces/%2e%2e/%2e%2e/metrics",
    "/api/traces/..",
    "/api/traces/.",
    "/api//metrics",
    "/api/..;/metrics",
    "/api/%252e%252e/metrics",
    "/api/..%5cmetrics",
    "//metrics",
    "/metrics",
    "/api/metrics",
    "/api/",
    "/api",
    "/v1/traces",
    "/api/public/otel/v1/traces",
    "/api/traces/a/b/c",
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", NOT_OF_THE_API)
def test_only_paths_of_the_api_are_passed_on(
    before_canned: tuple[str, CannedServer], path: str, method: str
) -> None:
    """Whatever their encoding; nothing else of the query service can be reached."""
    ui, canned = before_canned
    asked = len(canned.received)
    with connected(ui) as connection:
        line = f"{method} {path} HTTP/1.1"
        connection.send(head("Content-Length: 0", line=line, content_type="application/json"))
        status = connection.status()
    assert status in (404, 405)
    assert asked == len(canned.received)


def test_a_path_is_passed_on_as_it_came(before_canned: tuple[str, CannedServer]) -> None:
    """With its query; encoded letters stay what they were."""
    ui, canned = before_canned
    canned.answers["GET /api/payloads/sha256%3Aab%20c"] = Canned(b'{"ok": 1}')
    answer = httpx.get(f"{ui}/api/payloads/sha256%3Aab%20c?project=a%2Fb&project=c")
    assert (200, {"ok": 1}) == (answer.status_code, answer.json())
    assert "/api/payloads/sha256%3Aab%20c" == canned.received[-1].path


def test_a_page_of_the_ui_may_use_it(addresses: tuple[str, str]) -> None:
    """Its origin is checked here, and means nothing to the query service on another port."""
    ui, token = addresses
    headers = {"authorization": f"Bearer {token}", "origin": ui}
    assert 200 == httpx.get(f"{ui}/api/traces", headers=headers).status_code
    headers["origin"] = "http://127.0.0.1:1"
    assert 403 == httpx.get(f"{ui}/api/traces", headers=headers).status_code


def test_slow_bodies_hold_no_connection_to_the_query_service(addresses: tuple[str, str]) -> None:
    """More of them than there are connections: others are answered."""
    ui, token = addresses
    with contextlib.ExitStack() as stack:
        for _ in range(MAX_CONNECTIONS + 20):
            slow = stack.enter_context(connected(ui))
            opening = head(
                "Content-Length: 100", line="POST /api/projects HTTP/1.1",
                content_type="application/json",
            )  # fmt: skip
            slow.send(opening + b"{")
        headers = {"authorization": f"Bearer {token}"}
        assert 200 == httpx.get(f"{ui}/api/traces", headers=headers, timeout=120).status_code


def test_a_large_body_is_not_passed_on(before_canned: tuple[str, CannedServer]) -> None:
    """The API takes a few names."""
    ui, canned = before_canned
    asked = len(canned.received)
    answer = httpx.post(f"{ui}/api/projects", content=b"x" * 100_000)
    assert (413, "too_large") == (answer.status_code, answer.json()["error"]["code"])
    assert asked == len(canned.received)


def test_readers_of_large_answers_do_not_hold_what_others_need(
    before_canned: tuple[str, CannedServer],
) -> None:
    """A large answer is passed on in pieces, and ends when its reader goes."""
    ui, canned = before_canned
    canned.answers["GET /api/traces"] = Canned(b"x" * 8_000_000)
    canned.answers["GET /api/stats"] = Canned(b'{"groups": []}')
    request = head(line="GET /api/traces HTTP/1.1", content_type=None)
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(connected(ui)).send(request)
        assert 200 == httpx.get(f"{ui}/api/stats", timeout=120).status_code
    answer = httpx.get(f"{ui}/api/traces", timeout=120)
    assert (200, 8_000_000) == (answer.status_code, len(answer.content))


def test_a_wrong_address_stops_the_start(tmp_path: Path) -> None:
    """With one line that names it."""
    result = run_command("ui", "--query-url", "main-query:8080", "--port", "0")
    assert (1, True) == (result.returncode, "http://main-query:8080" in result.stderr)
