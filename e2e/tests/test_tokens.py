"""Tokens from Secrets and from the API, at every endpoint of an instance."""

from __future__ import annotations

import secrets

import httpx
import pytest

import content_traces
from instance import Api, Instance
from kube import wait_for

INGEST_PORT = 4318


@pytest.mark.parametrize("component", ["query", "ui"])
def test_the_admin_token_of_the_secret_opens_the_api(main: Instance, component: str) -> None:
    """The migration Job registered it; without one, or with another, access is denied."""
    main.wait_ready()
    with main.api(through=component) as api:
        assert "admin" == api.get("/api/session")["role"]
        assert 401 == Api(api.url, "").ask("/api/traces").status_code
        other = "tf_" + secrets.token_urlsafe(32)
        assert 401 == Api(api.url, other).ask("/api/traces").status_code


def test_the_ingest_token_of_the_secret_sends_and_reads_nothing(main: Instance) -> None:
    """Ingest takes spans with it and with no other; the query API refuses it."""
    main.wait_ready()
    with main.api(main.ingest_token) as api:
        assert 403 == api.ask("/api/traces").status_code
    with main.kube.forwarded(f"service/{main.name}-ingest", INGEST_PORT, main.namespace) as port:

        def sent(token: str | None) -> int:
            return httpx.post(
                f"http://127.0.0.1:{port}/v1/traces",
                json={"resourceSpans": []},
                headers={} if token is None else {"Authorization": f"Bearer {token}"},
                timeout=30,
            ).status_code

        assert (200, 401) == (sent(main.ingest_token), sent(None))
        assert 401 == sent("tf_" + secrets.token_urlsafe(32))


def test_a_viewer_gets_no_payload_and_an_engineer_does(main: Instance) -> None:
    """With tokens that the API made."""
    main.wait_ready()
    text = f"a question that nobody asked before {secrets.token_hex(8)}"
    trace = content_traces.send(main, text, service="tokens")
    content_traces.wait_found(main, trace)
    with main.api() as admin:
        viewer, engineer = (_token(admin, role) for role in ("viewer", "engineer"))
        spans = f"/api/traces/{trace}/spans"
        (entry,) = engineer.get(spans)["spans"][0]["payloads"]
        assert (content_traces.CONTENT_KEY, "present") == (entry["key"], entry["state"])
        payload = f"/api/payloads/{entry['ref']}"
        answer = engineer.ask(payload)
        assert 200 == answer.status_code
        assert text in answer.text

        assert 403 == viewer.ask(payload).status_code
        seen = viewer.ask(spans)
        assert 200 == seen.status_code
        assert text not in seen.text
        assert entry["ref"] not in seen.text

        def recorded() -> bool:
            denied = admin.get("/api/audit", action="payload.read", outcome="denied")["entries"]
            return {403} == {each["status"] for each in denied if each["role"] == "viewer"}

        wait_for("the refusal in the audit log", recorded, deadline_s=15)


def _token(admin: Api, role: str) -> Api:
    name = f"{role}-{secrets.token_hex(3)}"
    answer = admin.ask("/api/tokens", "POST", body={"name": name, "role": role})
    assert 201 == answer.status_code, answer.text
    return Api(admin.url, answer.json()["token"])
