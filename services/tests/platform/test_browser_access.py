"""Who may talk to a platform on loopback: DNS rebinding is refused, named origins are let in."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.bodies import PROTOBUF, body, new_trace_id, span
from ingest.sending import assert_stored, post
from platform_process import Platform, running

ORIGIN = "https://traces.example.org"


@pytest.mark.parametrize("port", ["otlp", "api"])
@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example.org"},
        {"host": "evil.example.org:4318"},
        {"host": "127.0.0.1.evil.example.org"},
        {"origin": "https://evil.example.org"},
        {"origin": "null"},
    ],
)
def test_a_foreign_host_or_origin_is_403(
    platform: Platform, port: str, headers: dict[str, str]
) -> None:
    """A web page can reach 127.0.0.1 through a visitor's browser; it gets nothing."""
    base = getattr(platform, port)
    answer = post(platform, body([span(new_trace_id())]), base=base, **headers)
    assert 403 == answer.status_code
    if port == "api":
        answer = platform.client.get(base + "/api/traces", headers=headers)
        assert 403 == answer.status_code


@pytest.mark.parametrize("host", ["localhost", "localhost:4318", "127.0.0.1:9", "[::1]:4318"])
def test_loopback_names_are_let_in(platform: Platform, host: str) -> None:
    """Forwarded ports differ from ours."""
    assert_stored(post(platform, body([span(new_trace_id())]), host=host))


def test_a_page_of_this_server_is_let_in(platform: Platform) -> None:
    """Its origin is exactly what Host says."""
    content = body([span(new_trace_id())])
    host = platform.otlp.removeprefix("http://").replace("127.0.0.1", "localhost")
    assert_stored(post(platform, content, host=host, origin=f"http://{host}"))


@pytest.mark.parametrize("port", ["otlp", "api"])
@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "http://127.0.0.1:1", "https://127.0.0.1", "http://[::1]"]
)
def test_a_page_of_another_port_of_this_machine_is_403(
    platform: Platform, port: str, origin: str
) -> None:
    """Whatever runs there; it can be named in TRACEFOUNDRY_CORS_ORIGINS."""
    base = getattr(platform, port)
    trace_id = new_trace_id()
    assert 403 == post(platform, body([span(trace_id)]), base=base, origin=origin).status_code
    if port == "api":
        answer = platform.client.post(
            base + "/api/projects",
            content=b'{"name": "shop"}',
            headers={"origin": origin, "content-type": "text/plain"},
        )
        assert 403 == answer.status_code


def test_named_origins_pass_the_preflight(tmp_path: Path) -> None:
    """TRACEFOUNDRY_CORS_ORIGINS lets a page send OTLP and read the API; others stay out."""
    preflight = {
        "origin": ORIGIN,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    environment = {"TRACEFOUNDRY_CORS_ORIGINS": f"http://localhost:5173, {ORIGIN}/"}
    data = str(tmp_path / "data")
    with running("serve", "--data", data, folder=tmp_path, environment=environment) as platform:
        for base, path in (
            (platform.otlp, "/v1/traces"),
            (platform.api, "/v1/traces"),
            (platform.api, "/api/traces"),
        ):
            answer = platform.client.request("OPTIONS", base + path, headers=preflight)
            assert 200 == answer.status_code, (path, answer.text)
            assert ORIGIN == answer.headers["access-control-allow-origin"]
            assert "POST" in answer.headers["access-control-allow-methods"]
            other = preflight | {"origin": "https://evil.example.org"}
            answer = platform.client.request("OPTIONS", base + path, headers=other)
            assert answer.status_code in (400, 403)
            assert "access-control-allow-origin" not in answer.headers
        trace_id = new_trace_id()
        answer = post(platform, body([span(trace_id)]), origin=ORIGIN)
        assert_stored(answer)
        assert ORIGIN == answer.headers["access-control-allow-origin"]
        found = platform.client.get(
            platform.api + f"/api/traces/{trace_id.hex()}", headers={"origin": ORIGIN}
        )
        assert (200, ORIGIN) == (found.status_code, found.headers["access-control-allow-origin"])
        refused = post(platform, body([span(trace_id)]), origin="https://evil.example.org")
        assert 403 == refused.status_code


def test_a_refused_page_stores_nothing(platform: Platform) -> None:
    """403 comes before the body is decoded."""
    trace_id = new_trace_id()
    answer = platform.client.post(
        platform.otlp + "/v1/traces",
        content=body([span(trace_id)]),
        headers={"content-type": PROTOBUF, "origin": "https://evil.example.org"},
    )
    assert 403 == answer.status_code
    found = platform.client.get(platform.api + f"/api/traces/{trace_id.hex()}")
    assert 404 == found.status_code
