"""The session, projects, tokens and the audit log by the API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from query.app_client import AppClient
from query.rows import insert
from samples import make_span, trace_id
from stores import writer_of
from tracefoundry import __version__
from tracefoundry.auth import authenticator
from tracefoundry.auth.access import Access, open_access
from tracefoundry.auth.caller import Role, loopback_caller
from tracefoundry.auth.origin_check import LOOPBACK_HOSTS
from tracefoundry.query.app import create_app
from tracefoundry.query.settings import QuerySettings
from tracefoundry.settings import Settings
from tracefoundry.store.api import Store
from tracefoundry.store.sql import tables


@dataclass
class Bureau:
    """An application that asks for tokens."""

    client: AppClient
    access: Access
    engine: sa.Engine
    token: str

    def ask(
        self, method: str, path: str, body: Any = None, token: str | None = None, **options: Any
    ) -> httpx.Response:
        """An answer, to the admin unless another token is given."""
        headers = {"authorization": f"Bearer {token or self.token}"}
        return self.client.request(method, path, json=body, headers=headers, **options)

    def make(self, role: str, project: str | None = None, name: str = "other") -> str:
        """A token made by the API."""
        answer = self.ask("POST", "/api/tokens", {"name": name, "role": role, "project": project})
        assert 201 == answer.status_code, answer.text
        text: str = answer.json()["token"]
        return text


@pytest.fixture
def bureau(engine: sa.Engine, store: Store) -> Iterator[Bureau]:
    """With one admin's token."""
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:  # the first project was inserted with its id
            connection.exec_driver_sql(
                "SELECT setval(pg_get_serial_sequence('projects', 'project_id'), 1)"
            )
    access = open_access(store.administration, Settings(), ask_tokens=True)
    token, _ = access.tokens.create("boss", Role.ADMIN, loopback_caller())
    settings = QuerySettings(cors_origins=("https://page.example",))
    app = create_app(store, settings, access=access)
    yield Bureau(AppClient(app), access, engine, token)
    access.close()


def test_the_session_says_who_is_asking(bureau: Bureau) -> None:
    """And which projects can be chosen."""
    bureau.ask("POST", "/api/projects", {"name": "shop"})
    expected = {
        "role": "admin",
        "name": "boss",
        "project": None,
        "projects": ["default", "shop"],
        "login_required": True,
        "version": __version__,
    }
    assert expected == bureau.ask("GET", "/api/session").json()
    inside = bureau.make("viewer", "shop")
    assert {
        **expected,
        "role": "viewer",
        "name": "other",
        "project": "shop",
        "projects": ["shop"],
    } == bureau.ask("GET", "/api/session", token=inside).json()


def test_on_loopback_everybody_is_admin_and_needs_no_login(store: Store) -> None:
    """Even with a token of some other server in the request."""
    client = AppClient(create_app(store, QuerySettings()))
    for headers in ({}, {"authorization": "Bearer whatever-this-may-be"}):
        session = client.get("/api/session", headers=headers).json()
        assert ("admin", "loopback", False) == (
            session["role"],
            session["name"],
            session["login_required"],
        )


NO_QUOTAS = dict.fromkeys(
    (
        "quota_spans_per_second",
        "quota_bytes_per_second",
        "quota_spans_per_day",
        "quota_content_bytes_per_day",
    )
)


def test_a_project_is_made_changed_and_listed(bureau: Bureau) -> None:
    """Null takes a setting away again; what is left out stays."""
    made = bureau.ask("POST", "/api/projects", {"name": "shop", "retention_spans": "30d"})
    assert (201, "30d") == (made.status_code, made.json()["retention_spans"])
    path = "/api/projects/shop"
    bureau.ask("PATCH", path, {"redaction": "strict", "retention_payloads": "10d"})
    changed = bureau.ask("PATCH", path, {"redaction": None}).json()
    assert {
        "name": "shop",
        "redaction": None,
        "retention_spans": "30d",
        "retention_payloads": "10d",
        **NO_QUOTAS,
        "effective": {
            "redaction": "standard",
            "retention_spans": "30d",
            "retention_payloads": "10d",
            **NO_QUOTAS,
        },
        "usage_today": None,
    } == {key: value for key, value in changed.items() if key != "created_at"}
    assert changed in bureau.ask("GET", "/api/projects").json()["projects"]


def test_a_setting_beyond_a_bound_of_the_platform_is_422_and_names_it(store: Store) -> None:
    """Nothing is changed, and the answer of the list shows what holds."""
    settings = Settings.from_environment({"TRACEFOUNDRY_REDACTION_FLOOR": "strict"})
    access = open_access(store.administration, settings, ask_tokens=False)
    client = AppClient(create_app(store, QuerySettings(), access=access))
    refused = client.request("PATCH", "/api/projects/default", json={"redaction": "off"})
    assert (422, "out_of_bounds") == (refused.status_code, refused.json()["error"]["code"])
    assert "TRACEFOUNDRY_REDACTION_FLOOR" in refused.json()["error"]["remedy"]
    (project,) = client.get("/api/projects").json()["projects"]
    assert (None, "strict") == (project["redaction"], project["effective"]["redaction"])
    access.close()


def test_quotas_are_set_by_admins_of_all_projects_alone(bureau: Bureau) -> None:
    """A tenant must not lift what bounds it; it may change the rest, and sees its quotas."""
    limits = {"quota_spans_per_day": 100, "quota_bytes_per_second": 2048}
    made = bureau.ask("POST", "/api/projects", {"name": "shop", **limits}).json()
    inside = bureau.make("admin", "shop")
    path = "/api/projects/shop"
    for value in (1000, 100, None):
        refused = bureau.ask("PATCH", path, {"quota_spans_per_day": value}, token=inside)
        assert (403, "forbidden_project") == (
            refused.status_code,
            refused.json()["error"]["code"],
        )
    changed = bureau.ask("PATCH", path, {"retention_spans": "9d"}, token=inside).json()
    assert limits == {name: changed[name] for name in limits}
    assert {**made["effective"], "retention_spans": "9d"} == changed["effective"]
    lifted = bureau.ask("PATCH", path, {"quota_spans_per_day": None}).json()
    assert (None, 2048) == (lifted["quota_spans_per_day"], lifted["quota_bytes_per_second"])


def test_the_list_says_who_is_near_to_a_quota_of_today(bureau: Bureau, store: Store) -> None:
    """From 80 percent on."""
    bureau.ask("PATCH", "/api/projects/default", {"quota_spans_per_day": 10})
    writer = writer_of(store)
    try:
        for number, near in ((7, []), (1, ["spans_per_day"])):
            spans = [make_span(number, index) for index in range(1, number + 1)]
            writer.commit([writer.prepare_span(1, span) for span in spans], metered=(1,))
            (project,) = bureau.ask("GET", "/api/projects").json()["projects"]
            assert near == project["usage_today"]["near_quotas"]
        assert 8 == project["usage_today"]["spans"]
    finally:
        writer.close()


def test_readers_see_the_settings_of_their_projects(bureau: Bureau) -> None:
    """And of no other."""
    bureau.ask("POST", "/api/projects", {"name": "shop"})
    inside = bureau.make("viewer", "shop")
    shown = bureau.ask("GET", "/api/projects", token=inside).json()["projects"]
    assert ["shop"] == [project["name"] for project in shown]


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "/api/projects", {"name": "Shop"}, (400, "invalid_parameter")),
        ("POST", "/api/projects", {}, (400, "invalid_parameter")),
        ("POST", "/api/projects", [], (400, "invalid_parameter")),
        ("POST", "/api/projects", {"name": 1}, (400, "invalid_parameter")),
        ("POST", "/api/projects", {"name": "a", "x": 1}, (400, "invalid_parameter")),
        ("POST", "/api/projects", {"name": "a" * 70_000}, (413, "too_large")),
        ("POST", "/api/projects", {"name": "default"}, (409, "name_taken")),
        ("PATCH", "/api/projects/nowhere", {}, (404, "unknown_project")),
        ("PATCH", "/api/projects/default", {"name": "b"}, (400, "invalid_parameter")),
        (
            "PATCH",
            "/api/projects/default",
            {"retention_payloads": "8d"},
            (400, "invalid_parameter"),
        ),
        (
            "PATCH",
            "/api/projects/default",
            {"quota_spans_per_day": 0},
            (400, "invalid_parameter"),
        ),
        (
            "PATCH",
            "/api/projects/default",
            {"quota_bytes_per_second": "1MiB"},
            (400, "invalid_parameter"),
        ),
        ("POST", "/api/tokens", {"name": "a", "role": "king"}, (400, "invalid_parameter")),
        ("POST", "/api/tokens", {"name": "a"}, (400, "invalid_parameter")),
        ("POST", "/api/tokens", {"name": "boss", "role": "viewer"}, (409, "name_taken")),
        (
            "POST",
            "/api/tokens",
            {"name": "a", "role": "viewer", "project": "nowhere"},
            (404, "unknown_project"),
        ),
        (
            "POST",
            "/api/tokens",
            {"name": "a", "role": "viewer", "expires": "soon"},
            (400, "invalid_parameter"),
        ),
        ("DELETE", "/api/tokens/nobody", None, (404, "unknown_token")),
        ("GET", "/api/audit?limit=0", None, (400, "invalid_parameter")),
        ("GET", "/api/audit?outcome=maybe", None, (400, "invalid_parameter")),
        ("GET", "/api/audit?cursor=abc", None, (400, "invalid_parameter")),
        ("GET", "/api/audit?start=2&end=1", None, (400, "invalid_parameter")),
        ("GET", "/api/audit?who=me", None, (400, "invalid_parameter")),
    ],
)
def test_what_is_wrong_is_said_in_the_apis_form(
    bureau: Bureau, method: str, path: str, body: Any, expected: tuple[int, str]
) -> None:
    """And nothing is changed."""
    answer = bureau.ask(method, path, body)
    error = answer.json()["error"]
    assert expected == (answer.status_code, error["code"])
    assert ["code", "message", "remedy"] == sorted(error)
    assert ["default"] == [project.name for project in bureau.access.projects.all()]
    assert ["boss"] == [token.name for token in bureau.access.tokens.all()]


def test_a_token_of_the_api_works_until_it_is_revoked(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name or id; the answers show everything but its text."""
    text = bureau.make("engineer")
    assert 200 == bureau.ask("GET", "/api/traces", token=text).status_code
    listed = bureau.ask("GET", "/api/tokens").json()["tokens"]
    other = next(token for token in listed if token["name"] == "other")
    assert ("engineer", None, "live") == (other["role"], other["project"], other["state"])
    revoked = bureau.ask("DELETE", f"/api/tokens/{other['id']}").json()
    assert "revoked" == revoked["state"]
    monkeypatch.setattr(authenticator, "FRESH_S", 0.0)
    assert 401 == bureau.ask("GET", "/api/traces", token=text).status_code


def test_an_admin_of_one_project_works_inside_it(bureau: Bureau) -> None:
    """Its tokens hold for the project, its audit log shows the project."""
    bureau.ask("POST", "/api/projects", {"name": "shop"})
    keeper = bureau.make("admin", "shop", "keeper")
    made = bureau.ask("POST", "/api/tokens", {"name": "inner", "role": "viewer"}, keeper).json()
    assert "shop" == made["project"]
    names = [
        token["name"] for token in bureau.ask("GET", "/api/tokens", token=keeper).json()["tokens"]
    ]
    assert ["inner", "keeper"] == names
    assert 404 == bureau.ask("DELETE", "/api/tokens/boss", token=keeper).status_code
    assert (
        200 == bureau.ask("PATCH", "/api/projects/shop", {"redaction": "off"}, keeper).status_code
    )
    entries = bureau.ask("GET", "/api/audit", token=keeper).json()["entries"]
    assert {"shop"} == {entry["project"] for entry in entries}
    assert "project.set" in {entry["action"] for entry in entries}


def test_the_audit_log_is_paged_and_filtered(bureau: Bureau) -> None:
    """Newest first; a cursor belongs to its question."""
    for number in range(5):
        bureau.ask("POST", "/api/projects", {"name": f"p{number}"})
    first = bureau.ask("GET", "/api/audit?action=project.create&limit=3").json()
    path = f"/api/audit?action=project.create&limit=3&cursor={first['next_cursor']}"
    second = bureau.ask("GET", path).json()
    assert ["p4", "p3", "p2", "p1", "p0"] == [
        entry["target"] for page in (first, second) for entry in page["entries"]
    ]
    assert second["next_cursor"] is None
    wrong = bureau.ask("GET", f"/api/audit?limit=3&cursor={first['next_cursor']}")
    assert 400 == wrong.status_code


def test_deleting_a_trace_is_recorded(bureau: Bureau) -> None:
    """With the project that it was in."""
    insert(bureau.engine, [make_span(7)])
    assert 200 == bureau.ask("DELETE", f"/api/traces/{trace_id(7).hex()}").status_code
    assert 200 == bureau.ask("DELETE", "/api/traces?before=5").status_code
    entries = bureau.ask("GET", "/api/audit?action=trace.delete").json()["entries"]
    assert [("before 5 ns", None, "allowed"), (trace_id(7).hex(), "default", "allowed")] == [
        (entry["target"], entry["project"], entry["outcome"]) for entry in entries
    ]


def test_refusals_of_strangers_are_counted_by_address(bureau: Bureau) -> None:
    """One row for many."""
    for _ in range(7):
        assert 401 == bureau.client.get("/api/traces").status_code
    entries = bureau.ask("GET", "/api/audit?outcome=denied").json()["entries"]
    assert 7 == sum(entry["count"] for entry in entries)
    assert len(entries) <= 2  # the minute may have ended meanwhile
    assert {(401, "127.0.0.1", None)} == {
        (entry["status"], entry["address"], entry["actor"]) for entry in entries
    }


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("Application/JSON; charset=utf-8", 201),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("text/plain; application/json", 415),
        ("application/json, text/plain", 415),
        (None, 415),
    ],
)
def test_writes_must_be_json(bureau: Bureau, content_type: str | None, status: int) -> None:
    """A page may send the other types to any origin, without a preflight."""
    headers = {"authorization": f"Bearer {bureau.token}"}
    if content_type is not None:
        headers["content-type"] = content_type
    answer = bureau.client.request(
        "POST", "/api/projects", content=b'{"name": "shop"}', headers=headers
    )
    assert status == answer.status_code, answer.text
    if status == 415:
        assert "unsupported_media_type" == answer.json()["error"]["code"]


def test_a_wrong_host_or_origin_is_recorded(store: Store) -> None:
    """On loopback, where that is checked."""
    settings = QuerySettings(allowed_hosts=LOOPBACK_HOSTS)
    client = AppClient(create_app(store, settings))
    for headers in (
        {"host": "evil.example"},
        {"host": "localhost", "origin": "http://evil.example"},
    ):
        assert 403 == client.delete("/api/traces?before=1", headers=headers).status_code
    listed = client.get("/api/audit", headers={"host": "localhost"}).json()["entries"]
    assert {("trace.delete", "denied", 403)} == {
        (entry["action"], entry["outcome"], entry["status"]) for entry in listed
    }
    assert 2 == sum(entry["count"] for entry in listed)


def test_a_preflight_needs_no_token(bureau: Bureau) -> None:
    """Browsers send it without one; the request after it carries the header."""
    headers = {
        "origin": "https://page.example",
        "access-control-request-method": "PATCH",
        "access-control-request-headers": "authorization,content-type",
    }
    answer = bureau.client.request("OPTIONS", "/api/projects/default", headers=headers)
    assert (200, "https://page.example") == (
        answer.status_code,
        answer.headers["access-control-allow-origin"],
    )
    refused = bureau.client.get("/api/traces", headers={"origin": "https://page.example"})
    assert (401, "https://page.example", 'Bearer realm="tracefoundry"') == (
        refused.status_code,
        refused.headers["access-control-allow-origin"],
        refused.headers["www-authenticate"],
    )


def test_tokens_that_cannot_be_checked_are_503(bureau: Bureau) -> None:
    """Never 401; who shows none hears so all the same."""
    with bureau.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE tokens RENAME TO away")
    answer = bureau.ask("GET", "/api/traces")
    assert (503, "store_unavailable") == (answer.status_code, answer.json()["error"]["code"])
    assert int(answer.headers["retry-after"]) > 0
    assert 401 == bureau.client.get("/api/traces").status_code


def test_what_cannot_be_recorded_is_not_done(bureau: Bureau) -> None:
    """A trace stays when its deletion would leave no trace in the audit log."""
    insert(bureau.engine, [make_span(7)])
    with bureau.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE audit_log RENAME TO away")
    path = f"/api/traces/{trace_id(7).hex()}"
    assert 503 == bureau.ask("DELETE", path).status_code
    assert 200 == bureau.ask("GET", path).status_code
    assert 503 == bureau.ask("POST", "/api/projects", {"name": "shop"}).status_code
    with bureau.engine.connect() as connection:
        names = connection.execute(sa.select(tables.projects.c.name)).scalars().all()
    assert ["default"] == names


def test_the_audit_log_of_a_project_names_no_token_of_another(bureau: Bureau) -> None:
    """Whoever tried to reach it is shown as that, by the refusal that stands in its log."""
    for project in ("shop", "bank"):
        bureau.ask("POST", "/api/projects", {"name": project})
    keeper = bureau.make("admin", "shop", "shop-keeper")
    stranger = bureau.make("admin", "bank", "bank-secret-name")
    refused = bureau.ask("GET", "/api/traces?project=shop", token=stranger)
    assert 403 == refused.status_code
    bureau.ask("PATCH", "/api/projects/shop", {"retention_spans": "5d"}, token=stranger)
    seen = bureau.ask("GET", "/api/audit", token=keeper)
    assert "bank" not in seen.text
    actors = {entry["actor"] for entry in seen.json()["entries"]}
    assert {"boss", "(token of another project)"} == actors
    whole = bureau.ask("GET", "/api/audit").text
    assert "bank-secret-name" in whole
    listed = bureau.ask("GET", "/api/tokens", token=keeper).json()["tokens"]
    assert ["shop-keeper"] == [token["name"] for token in listed]
