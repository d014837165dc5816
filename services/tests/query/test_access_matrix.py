"""Every route of the API by every kind of caller.

The routes are taken from the application: one that is added without an entry here fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry

from query.app_client import AppClient
from query.rows import insert
from samples import NOW_NS, make_span
from tracefoundry.auth.access import Access, open_access
from tracefoundry.auth.caller import Role, loopback_caller
from tracefoundry.auth.token_text import new_token
from tracefoundry.query.app import create_app
from tracefoundry.query.cursors import write_part_cursor
from tracefoundry.query.settings import QuerySettings
from tracefoundry.server.readiness import Readiness, health_router
from tracefoundry.settings import Settings
from tracefoundry.store import migrations
from tracefoundry.store.api import open_store
from tracefoundry.store.records import AuditEntry, SpanPosition
from tracefoundry.store.sql import tables
from tracefoundry.store.sql.engine import make_engine

Level = Literal["open", "viewer", "engineer", "admin"]

TRACE = bytes.fromhex("0af7651916cd43dd8448eb211c80319c")
SPAN = bytes.fromhex("b7ad6b7169203331")
PART = write_part_cursor(SpanPosition(NOW_NS, SPAN), "attributes", 1, 0)
ABSENT = "ff" * 16
REF = "sha256:" + "00" * 32


@dataclass(frozen=True)
class Entry:
    """Who may use a route, and a request for it. ``scoped`` routes take a project."""

    level: Level
    path: str
    body: dict[str, Any] | None = None
    scoped: bool = True


MATRIX: dict[str, Entry] = {
    "GET /healthz": Entry("open", "/healthz", scoped=False),
    "HEAD /healthz": Entry("open", "/healthz", scoped=False),
    "GET /readyz": Entry("open", "/readyz", scoped=False),
    "HEAD /readyz": Entry("open", "/readyz", scoped=False),
    "GET /metrics": Entry("open", "/metrics", scoped=False),
    "GET /docs": Entry("open", "/docs", scoped=False),
    "GET /openapi.json": Entry("open", "/openapi.json", scoped=False),
    "HEAD /openapi.json": Entry("open", "/openapi.json", scoped=False),
    "GET /api/traces": Entry("viewer", "/api/traces"),
    "GET /api/traces/{trace_id}": Entry("viewer", f"/api/traces/{TRACE.hex()}"),
    "GET /api/traces/{trace_id}/spans": Entry("viewer", f"/api/traces/{TRACE.hex()}/spans"),
    "GET /api/traces/{trace_id}/tree": Entry("viewer", f"/api/traces/{TRACE.hex()}/tree"),
    "GET /api/spans/{span_id}": Entry("viewer", f"/api/spans/{SPAN.hex()}?trace_id={TRACE.hex()}"),
    "GET /api/spans/{span_id}/parts": Entry(
        "viewer",
        f"/api/spans/{SPAN.hex()}/parts?trace_id={TRACE.hex()}&part=attributes&cursor={PART}",
    ),
    "GET /api/stats": Entry("viewer", "/api/stats"),
    "GET /api/payloads/{ref}": Entry("engineer", f"/api/payloads/{REF}"),
    "POST /api/traces/{trace_id}/dry-replay": Entry(
        "engineer", f"/api/traces/{TRACE.hex()}/dry-replay", {}
    ),
    "POST /api/traces/{trace_id}/export": Entry("engineer", f"/api/traces/{TRACE.hex()}/export"),
    "POST /api/export": Entry("engineer", "/api/export?start=0&service=nobody"),
    "DELETE /api/traces/{trace_id}": Entry("admin", f"/api/traces/{ABSENT}"),
    "DELETE /api/traces": Entry("admin", "/api/traces?before=1"),
    "GET /api/session": Entry("viewer", "/api/session", scoped=False),
    "GET /api/projects": Entry("viewer", "/api/projects", scoped=False),
    "POST /api/bundles/import": Entry("admin", "/api/bundles/import", scoped=False),
    "POST /api/projects": Entry("admin", "/api/projects", {"name": "UPPER"}, scoped=False),
    "PATCH /api/projects/{name}": Entry(
        "admin", "/api/projects/shop", {"redaction": "wrong"}, scoped=False
    ),
    "GET /api/tokens": Entry("admin", "/api/tokens", scoped=False),
    "POST /api/tokens": Entry(
        "admin", "/api/tokens", {"name": "1", "role": "viewer"}, scoped=False
    ),
    "DELETE /api/tokens/{name}": Entry("admin", "/api/tokens/nobody", scoped=False),
    "GET /api/audit": Entry("admin", "/api/audit", scoped=False),
}

ALLOWED: dict[Level, set[str]] = {
    "open": {"ingest", "viewer", "engineer", "admin"},
    "viewer": {"viewer", "engineer", "admin"},
    "engineer": {"engineer", "admin"},
    "admin": {"admin"},
}

STRANGERS = ("none", "wrong", "revoked", "expired", "basic", "twice", "in_the_query")


def routes_of(app: FastAPI) -> set[str]:
    """``METHOD /path`` of every route, however deep its router is."""
    found = set()
    waiting = list(app.routes)
    while waiting:
        route = waiting.pop()
        inner = getattr(route, "original_router", None)
        if inner is not None:
            waiting += inner.routes
            continue
        path = getattr(route, "path", None)
        methods = getattr(route, "methods", None)
        assert isinstance(path, str), f"what is {route!r}?"
        found |= {f"{method} {path}" for method in methods or ()}
    return found


@dataclass
class ProtectedApp:
    """An application that asks for tokens, and a token of every kind."""

    app: FastAPI
    client: AppClient
    access: Access
    tokens: dict[str, str]

    def ask(self, method: str, entry: Entry, who: str, **parameters: str) -> tuple[int, str]:
        """Status and error code of an entry's request by somebody."""
        headers = [("authorization", value) for value in self.authorization(who)]
        if who == "in_the_query":
            parameters["token"] = self.tokens["admin"]
        path = entry.path
        if parameters:
            pairs = "&".join(f"{name}={value}" for name, value in parameters.items())
            path += ("&" if "?" in path else "?") + pairs
        answer = self.client.request(method, path, headers=headers, json=entry.body)
        if answer.status_code < 400:
            return answer.status_code, ""
        if method == "HEAD":
            return answer.status_code, "?"
        return answer.status_code, answer.json()["error"]["code"]

    def authorization(self, who: str) -> list[str]:
        """The Authorization headers that somebody sends."""
        if who in ("none", "in_the_query"):
            return []
        if who == "wrong":
            return [f"Bearer {new_token()}"]
        if who == "basic":
            return ["Basic " + "dXNlcjpwYXNzd29yZDEyMzQ1Njc4"]
        if who == "twice":
            return [f"Bearer {self.tokens['admin']}"] * 2
        return [f"Bearer {self.tokens[who]}"]

    def denials(self) -> list[AuditEntry]:
        """The refusals on record, newest first."""
        entries, _ = self.access.audit.page(
            start_ns=0, end_ns=2**63 - 1, limit=1000, outcome="denied"
        )
        return entries


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProtectedApp]:
    """The application over a database with two projects; the trace is in ``default``."""
    url = f"sqlite:///{tmp_path_factory.mktemp('matrix')}/test.db"
    migrations.upgrade(url)
    engine = make_engine(url)
    store = open_store(url)
    access = open_access(store.administration, Settings(), ask_tokens=True)
    boss = loopback_caller()
    access.projects.create("shop", boss)
    insert(engine, [make_span(int.from_bytes(TRACE, "big"), int.from_bytes(SPAN, "big"))])
    made = {}
    for role in Role:
        made[role.value] = access.tokens.create(role.value, role, boss)[0]
        made[f"{role.value}@shop"] = access.tokens.create(
            f"{role.value}@shop", role, boss, project="shop"
        )[0]
    made["revoked"] = access.tokens.create("revoked", Role.ADMIN, boss)[0]
    access.tokens.revoke("revoked", boss)
    made["expired"] = access.tokens.create("expired", Role.ADMIN, boss, expires="1s")[0]
    with engine.begin() as connection:
        connection.execute(
            sa.update(tables.tokens)
            .where(tables.tokens.c.name == "expired")
            .values(expires_at_ns=1)
        )
    app = create_app(store, QuerySettings(), access=access)
    app.include_router(health_router(Readiness({}), CollectorRegistry()))
    yield ProtectedApp(app, AppClient(app), access, made)
    access.close()
    store.close()
    engine.dispose()


def test_every_route_of_the_application_is_in_the_matrix(protected: ProtectedApp) -> None:
    """And the matrix holds no route that is gone."""
    assert set(MATRIX) == routes_of(protected.app)


def test_every_route_that_is_not_open_wants_a_role(protected: ProtectedApp) -> None:
    """Told by its dependencies, so that a route cannot be protected by luck alone."""
    wants = {"viewer", "engineer", "admin"}
    waiting, without = list(protected.app.routes), set()
    while waiting:
        route = waiting.pop()
        waiting += getattr(getattr(route, "original_router", None), "routes", [])
        if isinstance(route, APIRoute):
            names = {getattr(part.call, "__name__", "") for part in route.dependant.dependencies}
            if not names & wants:
                without |= {f"{method} {route.path}" for method in route.methods or ()}
    open_routes = {route for route, entry in MATRIX.items() if entry.level == "open"}
    assert set() == without - open_routes


@pytest.mark.parametrize("route", MATRIX)
@pytest.mark.parametrize("who", STRANGERS)
def test_strangers_get_nothing(protected: ProtectedApp, route: str, who: str) -> None:
    """401 with a challenge, whatever is wrong with what they show; the open routes answer."""
    method, entry = route.split()[0], MATRIX[route]
    if entry.level == "open":
        if who != "in_the_query":
            assert 200 == protected.ask(method, entry, who)[0]
        return
    assert (401, "unauthenticated") == protected.ask(method, entry, who)


@pytest.mark.parametrize("route", MATRIX)
@pytest.mark.parametrize("role", [role.value for role in Role])
def test_each_role_may_do_what_the_contract_says(
    protected: ProtectedApp, route: str, role: str
) -> None:
    """403 where it may not; elsewhere the route itself answers, if only that a value is wrong."""
    method, entry = route.split()[0], MATRIX[route]
    status, code = protected.ask(method, entry, role)
    if role in ALLOWED[entry.level]:
        assert status not in (401, 403, 500, 503), code
    else:
        assert (403, "forbidden") == (status, code)


@pytest.mark.parametrize("project", ["default", "nowhere", "SHOP", "x" * 60])
@pytest.mark.parametrize("route", [route for route, entry in MATRIX.items() if entry.scoped])
def test_a_token_of_one_project_cannot_tell_whether_another_exists(
    protected: ProtectedApp, route: str, project: str
) -> None:
    """403 for one that is there and for one that is not."""
    method, entry = route.split()[0], MATRIX[route]
    for role in ALLOWED[entry.level] - {"ingest"}:
        expected = (403, "forbidden_project")
        assert expected == protected.ask(method, entry, f"{role}@shop", project=project)


@pytest.mark.parametrize("route", [route for route, entry in MATRIX.items() if entry.scoped])
def test_a_token_of_one_project_sees_nothing_of_another(
    protected: ProtectedApp, route: str
) -> None:
    """Ids of another project are as if they had never been; its own project is open to it."""
    method, entry = route.split()[0], MATRIX[route]
    for role in ALLOWED[entry.level] - {"ingest"}:
        for parameters in ({}, {"project": "shop"}):
            status, _ = protected.ask(method, entry, f"{role}@shop", **parameters)
            assert (
                404 if entry.path.startswith(f"/api/traces/{TRACE.hex()}") else status
            ) == status
            assert status in (200, 404)


@pytest.mark.parametrize(
    ("route", "path"),
    [
        ("POST /api/projects", "/api/projects"),
        ("PATCH /api/projects/{name}", "/api/projects/default"),
        ("PATCH /api/projects/{name}", "/api/projects/nowhere"),
    ],
)
def test_an_admin_of_one_project_administers_that_one(
    protected: ProtectedApp, route: str, path: str
) -> None:
    """Others are forbidden, there or not."""
    entry = Entry("admin", path, MATRIX[route].body)
    assert (403, "forbidden_project") == protected.ask(route.split()[0], entry, "admin@shop")


@pytest.mark.parametrize("project", ["default", "nowhere"])
def test_an_admin_of_one_project_makes_tokens_for_it_alone(
    protected: ProtectedApp, project: str
) -> None:
    """Not for others and not for all."""
    entry = Entry("admin", "/api/tokens", {"name": "n", "role": "admin", "project": project})
    assert (403, "forbidden_project") == protected.ask("POST", entry, "admin@shop")


@pytest.mark.parametrize("path", ["/api/nothing", "/", "/api", "/healthz/", "/docs/x", "/metrics/"])
def test_paths_that_are_not_there_say_so_to_callers_only(
    protected: ProtectedApp, path: str
) -> None:
    """Strangers cannot feel their way, and a slash opens nothing."""
    entry = Entry("viewer", path)
    assert (401, "unauthenticated") == protected.ask("GET", entry, "none")
    assert (404, "not_found") == protected.ask("GET", entry, "viewer")


HIDDEN = ("bank-reader", "bank-ci", "bank-old")
"""Names of tokens of a project that the admin of ``shop`` must not learn."""


@pytest.fixture(scope="module")
def beside_bank(protected: ProtectedApp) -> ProtectedApp:
    """The application with a third project, whose tokens have tried to reach ``shop``."""
    boss, tokens = loopback_caller(), protected.access.tokens
    protected.access.projects.create("bank", boss)
    for name in HIDDEN:
        text, _ = tokens.create(name, Role.ENGINEER, boss, project="bank")
        protected.tokens[name] = text
        for path in ("/api/traces", f"/api/payloads/{REF}"):
            assert 403 == protected.ask("GET", Entry("viewer", path), name, project="shop")[0]
    tokens.revoke("bank-old", boss)
    tokens.create("bank-old", Role.VIEWER, boss, project="bank")
    return protected


@pytest.mark.parametrize("role", [f"{role.value}@shop" for role in Role])
def test_no_answer_to_a_project_names_tokens_of_another(
    beside_bank: ProtectedApp, role: str
) -> None:
    """Every route of the API, and requests that name such a token or its id."""
    requests = [(route.split()[0], entry.path, entry.body) for route, entry in MATRIX.items()]
    requests += [("GET", "/api/audit?start=0&limit=1000", None)]
    for record in beside_bank.access.tokens.all():
        if record.project == "bank":
            # A name that an answer repeats was known to the one who asked for it.
            requests.append(("DELETE", f"/api/tokens/{record.token_id}", None))
    (authorization,) = beside_bank.authorization(role)
    for method, path, body in requests:
        answer = beside_bank.client.request(
            method, path, headers={"authorization": authorization}, json=body
        )
        assert not any(name in answer.text for name in HIDDEN), path


def test_an_admin_cannot_probe_for_names_of_tokens_of_another_project(
    beside_bank: ProtectedApp,
) -> None:
    """A name that another project uses is answered like one that nobody uses."""
    for name in (HIDDEN[0], "nobody-uses-this"):
        revoke = Entry("admin", f"/api/tokens/{name}")
        assert (404, "unknown_token") == beside_bank.ask("DELETE", revoke, "admin@shop")
        create = Entry("admin", "/api/tokens", {"name": name, "role": "viewer"})
        assert (201, "") == beside_bank.ask("POST", create, "admin@shop")
        assert (409, "name_taken") == beside_bank.ask("POST", create, "admin@shop")
        assert (200, "") == beside_bank.ask("DELETE", revoke, "admin@shop")
    states = {
        record.name: record.revoked_at_ns
        for record in beside_bank.access.tokens.all()
        if record.project == "bank"
    }
    assert states[HIDDEN[0]] is None


def test_refusals_name_the_project_of_a_token_of_another_one(beside_bank: ProtectedApp) -> None:
    """To those who see all projects: the name alone could be any project's."""
    actors = {(one.actor, one.detail) for one in beside_bank.denials() if one.project == "shop"}
    assert {(name, "token of the project bank") for name in HIDDEN} <= actors
    (authorization,) = beside_bank.authorization("admin@shop")
    shown = beside_bank.client.get(
        "/api/audit?start=0&outcome=denied&limit=1000", headers={"authorization": authorization}
    ).json()["entries"]
    assert "token of the project" not in repr(shown)
    assert "(token of another project)" in {entry["actor"] for entry in shown}


def test_what_a_refused_caller_typed_is_not_on_record(protected: ProtectedApp) -> None:
    """It may be a secret in the wrong place."""
    typed = "sk-" + "ant-" + "a1b2c3d4" * 5
    entry = Entry("engineer", f"/api/payloads/{typed}?project={typed}", scoped=False)
    assert 403 == protected.ask("GET", entry, "viewer")[0]
    denial = protected.denials()[0]
    assert (None, "/api/payloads/...") == (denial.project, denial.target)


def test_a_denied_read_of_content_is_on_record(protected: ProtectedApp) -> None:
    """Who, what, from where, before the answer is out."""
    protected.ask("GET", MATRIX["GET /api/payloads/{ref}"], "viewer", project="shop")
    entry = protected.denials()[0]
    assert ("payload.read", "viewer", "viewer", "shop", f"/api/payloads/{REF}", 403) == (
        entry.action,
        entry.actor,
        entry.role,
        entry.project,
        entry.target,
        entry.status,
    )


def test_no_token_stands_in_an_answer_or_on_record(protected: ProtectedApp) -> None:
    """Wherever it was put."""
    token = protected.tokens["admin"]
    for entry in (
        Entry("admin", f"/api/tokens/{token}"),
        Entry("admin", f"/api/projects/{token}"),
        Entry("admin", f"/api/traces/{token}"),
        Entry("admin", f"/api/traces?project={token}"),
    ):
        for who in ("viewer@shop", "none", "wrong", "ingest"):
            protected.ask("DELETE", entry, who)
    assert token not in repr(protected.denials())
    shown = protected.client.get("/api/tokens", headers={"authorization": f"Bearer {token}"}).text
    assert not any(text in shown for text in protected.tokens.values())
    listed = protected.client.get("/api/audit", headers={"authorization": f"Bearer {token}"}).text
    assert not any(text in listed for text in protected.tokens.values())
