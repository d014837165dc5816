"""`tracefoundry ui`: one address for browsers, in front of a real query service."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from platform_process import clean_environment, command_line, run_command, running


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
        assert 0 == process.wait(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(timeout=30)
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


def test_a_wrong_address_stops_the_start(tmp_path: Path) -> None:
    """With one line that names it."""
    result = run_command("ui", "--query-url", "main-query:8080", "--port", "0")
    assert (1, True) == (result.returncode, "http://main-query:8080" in result.stderr)
