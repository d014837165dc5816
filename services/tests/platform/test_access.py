"""A real process that asks for tokens: every port, revocation, and a database that goes away."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from ingest.bodies import PROTOBUF, body, new_trace_id, request, span
from platform_process import Platform, eventually, run_command, running
from postgres_server import PostgresServer, wheel_binaries


def make_token(*arguments: str) -> str:
    """A token, made by the command as people do."""
    result = run_command("token", "create", "--json", *arguments)
    assert 0 == result.returncode, result.stderr
    text: str = json.loads(result.stdout)["token"]
    return text


@dataclass
class Guarded:
    """A platform that asks for tokens."""

    platform: Platform
    data: str
    admin: str
    ingest: str

    def get(self, path: str, token: str | None = None, **options: str) -> httpx.Response:
        """GET from the API."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return self.platform.client.get(self.platform.api + path, headers=headers, params=options)

    def send(self, token: str | None, *, base: str = "", trace: bytes = b"") -> httpx.Response:
        """POST one span."""
        headers = {"content-type": PROTOBUF}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        return self.platform.client.post(
            (base or self.platform.otlp) + "/v1/traces",
            content=body([span(trace or new_trace_id())]),
            headers=headers,
        )


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """``serve --require-token`` on loopback, with tokens that were made before."""
    folder = tmp_path_factory.mktemp("guarded")
    data = str(folder / "data")
    admin = make_token("--role", "admin", "--name", "boss", "--data", data)
    ingest = make_token("--role", "ingest", "--name", "agent", "--data", data)
    with running("serve", "--data", data, "--require-token", folder=folder) as started:
        yield Guarded(started, data, admin, ingest)
        assert not re.search(f"{admin}|{ingest}", started.stderr())
    assert not re.search(f"{admin}|{ingest}", started.stderr())


def test_every_port_asks(guarded: Guarded) -> None:
    """API, OTLP on its own port and on the API's; health stays open."""
    assert 401 == guarded.get("/api/traces").status_code
    assert 401 == guarded.send(None).status_code
    assert 401 == guarded.send(None, base=guarded.platform.api).status_code
    for path in ("/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"):
        assert 200 == guarded.get(path).status_code


def test_a_span_goes_in_with_one_token_and_is_read_with_another(guarded: Guarded) -> None:
    """And not the other way round."""
    trace = new_trace_id()
    assert 200 == guarded.send(guarded.ingest, trace=trace).status_code
    assert 403 == guarded.send(guarded.admin).status_code
    assert 200 == guarded.get(f"/api/traces/{trace.hex()}", guarded.admin).status_code
    assert 403 == guarded.get(f"/api/traces/{trace.hex()}", guarded.ingest).status_code


def test_a_token_of_a_project_sends_there_and_nowhere_else(guarded: Guarded) -> None:
    """What it names in the header is refused by partial success, as the sender's own mistake."""
    assert 0 == run_command("project", "create", "shop", "--data", guarded.data).returncode
    token = make_token(
        "--role", "ingest", "--name", "shop", "--project", "shop", "--data", guarded.data
    )
    trace = new_trace_id()

    def arrived() -> bool:
        assert 200 == guarded.send(token, trace=trace).status_code
        answer = guarded.get(f"/api/traces/{trace.hex()}", guarded.admin)
        return answer.status_code == 200 and answer.json()["project"] == "shop"

    eventually(arrived, what="the span in the project of its token")


def test_grpc_asks_too(guarded: Guarded) -> None:
    """By metadata of the call."""
    with grpc.insecure_channel(guarded.platform.grpc) as channel:
        stub = TraceServiceStub(channel)  # type: ignore[no-untyped-call]
        message = request([span(new_trace_id())])
        with pytest.raises(grpc.RpcError) as caught:
            stub.Export(message)
        assert grpc.StatusCode.UNAUTHENTICATED == caught.value.code()
        stub.Export(message, metadata=(("authorization", f"Bearer {guarded.ingest}"),))


def test_a_revoked_token_is_refused_within_seconds(guarded: Guarded) -> None:
    """Though the process had just believed it."""
    token = make_token("--role", "viewer", "--name", "short", "--data", guarded.data)
    assert 200 == guarded.get("/api/traces", token).status_code
    assert 0 == run_command("token", "revoke", "short", "--data", guarded.data).returncode
    eventually(
        lambda: guarded.get("/api/traces", token).status_code == 401,
        what="the refusal of a revoked token",
    )


def test_the_commands_that_read_take_a_token(guarded: Guarded) -> None:
    """From the option or the environment; without one the line says so."""
    url = ("--url", guarded.platform.api)
    assert 1 == run_command("list", *url).returncode
    assert "token" in run_command("list", *url).stderr
    environment = {"TRACEFOUNDRY_TOKEN": guarded.admin}
    assert 0 == run_command("list", *url, environment=environment).returncode


def test_other_addresses_require_a_token_by_default(tmp_path: Path) -> None:
    """And say at the start how to make the first token, while there is none."""
    arguments = ("--data", str(tmp_path / "data"), "--host", "0.0.0.0")  # noqa: S104 - asks for tokens
    with running("serve", *arguments, folder=tmp_path) as started:
        assert 401 == started.client.get(started.api + "/api/traces").status_code
        assert "tracefoundry token create" in started.stderr()


def test_a_closed_network_can_do_without(tmp_path: Path) -> None:
    """If that is said in so many words."""
    arguments = ("--data", str(tmp_path / "data"), "--host", "0.0.0.0")  # noqa: S104 - on purpose
    with running("serve", *arguments, "--insecure-no-auth", folder=tmp_path) as started:
        assert 200 == started.client.get(started.api + "/api/traces").status_code


def test_a_database_that_goes_away_is_503_and_never_401(tmp_path: Path) -> None:
    """For good tokens and bad ones; and it works again by itself."""
    server = PostgresServer(wheel_binaries())
    server.start()
    try:
        url = server.create_database("access")
        token = make_token("--role", "ingest", "--name", "agent", "--database", url)
        payloads = f"file://{tmp_path}/payloads"
        with running(
            "serve", "--database", url, "--payloads", payloads, "--require-token", folder=tmp_path
        ) as started:
            guarded = Guarded(started, "", "", token)
            assert 200 == guarded.send(token).status_code
            server.stop()
            statuses = {guarded.send(token).status_code, guarded.send("x" * 40).status_code}
            assert {503} == statuses
            assert 503 == guarded.get("/api/traces", "x" * 40).status_code
            server.start()
            eventually(
                lambda: guarded.send(token).status_code == 200, what="ingest after the outage"
            )
            eventually(
                lambda: guarded.send("x" * 40).status_code == 401,
                what="the refusal of a wrong token",
            )
    finally:
        server.remove()
