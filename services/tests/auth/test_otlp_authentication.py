"""OTLP by HTTP and gRPC: who may send, told before a byte of the body is read."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx
import orjson
import pytest
from google.rpc.status_pb2 import Status
from prometheus_client import CollectorRegistry
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp

from ingest.bodies import JSON, PROTOBUF
from tracefoundry.auth.access import Access, open_access
from tracefoundry.auth.caller import Role, loopback_caller
from tracefoundry.auth.gate import Gate
from tracefoundry.auth.origin_check import LOOPBACK_HOSTS
from tracefoundry.auth.token_text import new_token
from tracefoundry.ingest.admission import Admission
from tracefoundry.ingest.grpc import SERVICES, make_server
from tracefoundry.ingest.http import ROUTES
from tracefoundry.ingest.messages import IngestRequest, Outcome
from tracefoundry.ingest.metrics import IngestMetrics
from tracefoundry.ingest.pool import WorkerPool
from tracefoundry.ingest.service import IngestService
from tracefoundry.server.http import otlp_behind_checks, with_otlp
from tracefoundry.settings import Settings
from tracefoundry.store import migrations
from tracefoundry.store.api import open_store
from tracefoundry.store.records import AuditEntry
from tracefoundry.store.sql.engine import make_engine

REFUSED = {
    "none": (401, 16),
    "wrong": (401, 16),
    "revoked": (401, 16),
    "viewer": (403, 7),
    "engineer": (403, 7),
    "admin": (403, 7),
}
SENDERS = {"ingest": None, "ingest@shop": "shop"}


class Pool(WorkerPool):
    """A pool at its seam: stores nothing, keeps the requests."""

    def __init__(self) -> None:
        self.requests: list[IngestRequest] = []

    async def submit(self, request: IngestRequest, body: bytes) -> Outcome:
        """Success."""
        self.requests.append(request)
        return Outcome(request.id, "ok")


@dataclass
class Platform:
    """OTLP over HTTP and gRPC, with the same authentication."""

    access: Access
    tokens: dict[str, str]
    pool: Pool = field(default_factory=Pool)
    hosts: frozenset[str] | None = None

    @property
    def service(self) -> IngestService:
        """A service for the running loop."""
        return IngestService(Admission(1 << 20), self.pool, IngestMetrics(CollectorRegistry()))

    def bearer(self, who: str) -> dict[str, str]:
        """The header of somebody."""
        token = new_token() if who == "wrong" else self.tokens.get(who)
        return {} if token is None else {"authorization": f"Bearer {token}"}

    def app(self, gate: Gate | None = None) -> ASGIApp:
        """The HTTP side of a process."""
        otlp = otlp_behind_checks(
            self.service,
            gate or self.access.gate,
            allowed_hosts=self.hosts,
            cors_origins=("https://page.example",),
            max_body_bytes=1 << 20,
        )
        return with_otlp(PlainTextResponse("not OTLP", 404), otlp)

    def send(
        self,
        path: str,
        headers: dict[str, str],
        *,
        content_type: str = PROTOBUF,
        method: str = "POST",
        gate: Gate | None = None,
    ) -> httpx.Response:
        """An OTLP/HTTP request with an empty body."""

        async def request() -> httpx.Response:
            transport = httpx.ASGITransport(self.app(gate))
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                sent = {"content-type": content_type, **headers}
                return await client.request(method, path, content=b"", headers=sent)

        return asyncio.run(request())

    def call(self, service_name: str, metadata: dict[str, str]) -> tuple[str, str]:
        """Status name and details of a gRPC call with an empty message."""

        async def request() -> tuple[str, str]:
            server, port = make_server(self.service, "127.0.0.1", 0, self.access.gate)
            await server.start()
            try:
                async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                    call: Any = channel.unary_unary(f"/{service_name}/Export")
                    await call(b"", metadata=tuple(metadata.items()))
                    return "OK", ""
            except grpc.aio.AioRpcError as error:
                return error.code().name, error.details() or ""
            finally:
                await server.stop(None)

        return asyncio.run(request())

    def denials(self) -> list[AuditEntry]:
        """The refusals on record, newest first."""
        entries, _ = self.access.audit.page(
            start_ns=0, end_ns=2**63 - 1, limit=1000, outcome="denied"
        )
        return entries


@pytest.fixture
def platform(sqlite_url: str) -> Iterator[Platform]:
    """With a token of every role."""
    migrations.upgrade(sqlite_url)
    store = open_store(sqlite_url)
    access = open_access(store.administration, Settings(), ask_tokens=True)
    boss = loopback_caller()
    access.projects.create("shop", boss)
    made = {role.value: access.tokens.create(role.value, role, boss)[0] for role in Role}
    made["ingest@shop"] = access.tokens.create("shop", Role.INGEST, boss, project="shop")[0]
    made["revoked"] = access.tokens.create("old", Role.INGEST, boss)[0]
    access.tokens.revoke("old", boss)
    yield Platform(access, made)
    access.close()
    store.close()


def error(answer: httpx.Response) -> tuple[int, int, str]:
    """HTTP status, google.rpc.Code and message, in the encoding of the request."""
    if answer.headers["content-type"] == JSON:
        body = orjson.loads(answer.content)
        return answer.status_code, body["code"], body["message"]
    assert PROTOBUF == answer.headers["content-type"]
    status = Status.FromString(answer.content)
    return answer.status_code, status.code, status.message


@pytest.mark.parametrize("path", [*ROUTES, "/v1/traces/"])
def test_every_path_takes_otlp_from_ingest_tokens_alone(platform: Platform, path: str) -> None:
    """Readers do not write, not even admins: a token that leaks is good for one thing."""
    for content_type in (PROTOBUF, JSON):
        for who, (status, code) in REFUSED.items():
            answer = platform.send(path, platform.bearer(who), content_type=content_type)
            assert (status, code) == error(answer)[:2], who
            assert (status == 401) == ("www-authenticate" in answer.headers)
    assert [] == platform.pool.requests
    for who, project in SENDERS.items():
        assert 200 == platform.send(path, platform.bearer(who)).status_code
        assert project == platform.pool.requests[-1].token_project


@pytest.mark.parametrize("service_name", SERVICES)
def test_grpc_takes_otlp_from_ingest_tokens_alone(platform: Platform, service_name: str) -> None:
    """With the codes that clients know."""
    names = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED"}
    for who, (status, _) in REFUSED.items():
        code, details = platform.call(service_name, platform.bearer(who))
        assert names[status] == code
        assert details
    assert [] == platform.pool.requests
    for who, project in SENDERS.items():
        assert "OK" == platform.call(service_name, platform.bearer(who))[0]
        assert project == platform.pool.requests[-1].token_project


@pytest.mark.parametrize("path", ROUTES)
def test_the_password_of_basic_is_taken(platform: Platform, path: str) -> None:
    """As SDKs of Langfuse send: a public key and a secret one."""

    def header(user: str, password: str) -> dict[str, str]:
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        return {"authorization": f"Basic {pair}"}

    token = platform.tokens["ingest"]
    assert 200 == platform.send(path, header("pk-lf-1", token)).status_code
    assert 401 == platform.send(path, header(token, "")).status_code
    assert 401 == platform.send(path, header("pk-lf-1", new_token())).status_code
    assert 403 == platform.send(path, header("pk-lf-1", platform.tokens["admin"])).status_code


@pytest.mark.parametrize("who", REFUSED)
def test_a_refusal_comes_before_the_first_byte_of_the_body(platform: Platform, who: str) -> None:
    """Strangers cannot make this process hold their data."""

    async def never() -> Any:
        raise AssertionError("the body was read")

    async def request() -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000000")]
        headers += [(name.encode(), value.encode()) for name, value in platform.bearer(who).items()]
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/traces",
            "headers": headers,
            "client": ("127.0.0.1", 1),
        }
        await platform.app()(scope, never, send)
        return sent

    assert REFUSED[who][0] == asyncio.run(request())[0]["status"]


def test_refusals_are_on_record(platform: Platform) -> None:
    """By whom, from where, and over which protocol."""
    platform.send("/otlp/v1/logs", platform.bearer("viewer"))
    platform.call(next(iter(SERVICES)), platform.bearer("admin"))
    for _ in range(3):
        platform.send("/v1/traces", platform.bearer("wrong"))
    seen = {(entry.actor, entry.target, entry.status) for entry in platform.denials()}
    assert {
        ("viewer", "/otlp/v1/logs", 403),
        ("admin", "grpc traces", 403),
        (None, None, 401),
    } == seen
    assert {"otlp.send"} == {entry.action for entry in platform.denials()}
    assert {"127.0.0.1"} == {entry.address for entry in platform.denials()}
    assert not any(token in repr(platform.denials()) for token in platform.tokens.values())


def test_a_database_that_cannot_be_asked_is_503(platform: Platform, sqlite_url: str) -> None:
    """A sender that is answered 401 drops its data."""
    engine = make_engine(sqlite_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE tokens RENAME TO away")
    engine.dispose()
    for content_type in (PROTOBUF, JSON):
        answer = platform.send("/v1/traces", platform.bearer("ingest"), content_type=content_type)
        assert (503, 14) == error(answer)[:2]
        assert int(answer.headers["retry-after"]) > 0
    assert "UNAVAILABLE" == platform.call(next(iter(SERVICES)), platform.bearer("ingest"))[0]


def test_where_no_token_is_asked_for_anybody_sends(platform: Platform) -> None:
    """With any header: SDKs send the keys of other platforms."""
    gate = Gate(None, platform.access.audit)
    for who in ("none", "wrong", "viewer", "ingest@shop"):
        assert 200 == platform.send("/v1/traces", platform.bearer(who), gate=gate).status_code
        assert platform.pool.requests[-1].token_project is None


def test_a_wrong_origin_is_recorded_too(platform: Platform) -> None:
    """Before anybody looks at the token."""
    platform.hosts = LOOPBACK_HOSTS
    headers = {"host": "evil.example", **platform.bearer("ingest")}
    assert (403, 7) == error(platform.send("/v1/traces", headers))[:2]
    (entry,) = platform.denials()
    assert ("otlp.send", 403, None) == (entry.action, entry.status, entry.actor)


def test_a_page_may_send_with_a_token(platform: Platform) -> None:
    """Its browser asks first, without the token."""
    headers = {
        "origin": "https://page.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    answer = platform.send("/v1/traces", headers, method="OPTIONS")
    assert (200, "https://page.example") == (
        answer.status_code,
        answer.headers["access-control-allow-origin"],
    )
