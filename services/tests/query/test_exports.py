"""Routes that export: who may, what is selected, what is refused, what is on record."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from bundle.stored_traces import keep
from query.app_client import PATIENT, AppClient
from query.payload_store import RoleGate
from samples import make_log, make_span, trace_id
from store.answers import add_projects
from tracefoundry.auth.access import open_access
from tracefoundry.auth.caller import Caller, Role
from tracefoundry.bundle.reading import Bundle
from tracefoundry.bundle.verification import verify
from tracefoundry.model.payload import ref_of
from tracefoundry.model.times import day_of
from tracefoundry.payloads.errors import ObjectStoreUnavailable
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.query import exports
from tracefoundry.query.app import create_app
from tracefoundry.query.settings import QuerySettings
from tracefoundry.settings import Settings
from tracefoundry.store.api import Store
from tracefoundry.store.memory.store import MemoryStore

CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.input.messages": '[{"role":"user","content":"a word of a person"}]',
}
ONE = f"/api/traces/{trace_id(1).hex()}/export"


@dataclass
class Exports:
    """A store with traces, and clients of its API."""

    store: Store
    objects: FilesystemStore
    settings: QuerySettings = PATIENT

    def post(
        self, path: str, body: dict[str, Any] | None = None, *, role: str = "engineer", **query: Any
    ) -> httpx.Response:
        """The answer to a request in a role."""
        access = open_access(self.store.administration, Settings(), ask_tokens=False)
        gate = RoleGate(None, access.audit)
        gate.caller = Caller(name=role, role=Role(role), project_id=None, project=None)
        app = create_app(
            self.store, self.settings, access=replace(access, gate=gate), objects=self.objects
        )
        options = {} if body is None else {"json": body}
        return AppClient(app).request("POST", path, params=query, **options)

    def bundle(self, path: str, body: dict[str, Any] | None = None, **query: Any) -> Bundle:
        """The bundle of an answer that must be a success."""
        answer = self.post(path, body, **query)
        assert answer.status_code == 200, answer.text
        assert verify(io.BytesIO(answer.content)).valid
        return Bundle(io.BytesIO(answer.content))

    def refused(
        self, path: str, body: dict[str, Any] | None = None, **query: Any
    ) -> tuple[int, str]:
        """Status and code of an answer that must be an error of our shape."""
        answer = self.post(path, body, **query)
        error = answer.json()["error"]
        assert sorted(error) == ["code", "message", "remedy"]
        assert all(error.values())
        return answer.status_code, error["code"]

    def audit(self) -> list[Any]:
        """Entries of exports, newest first."""
        found, _ = self.store.administration.audit_page(
            start_ns=0, end_ns=2**63 - 1, limit=100, action="trace.export"
        )
        return found


@pytest.fixture
def exported(tmp_path: Path) -> Exports:
    """Three traces in the project default, one of them in the project shop too."""
    made = Exports(MemoryStore(), FilesystemStore(tmp_path / "payloads"))
    (shop,) = add_projects(made.store, "shop")
    for number in (1, 2, 3):
        spans = [
            make_span(number, 1, name="root", start=number),
            make_span(number, 2, 1, start=number + 10, attributes=dict(CHAT)),
        ]
        keep(made.store, made.objects, spans, [make_log(number, 2, body={"content": "said"})])
    keep(made.store, made.objects, [make_span(3, 9, start=5)], project=(shop, "shop"))
    return made


def test_a_trace_is_exported_with_its_contents(exported: Exports) -> None:
    """As a download with a name, which nothing caches."""
    answer = exported.post(ONE, {"payloads": True})
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="trace-{trace_id(1).hex()}.zip"'
    )
    assert "no-store" in answer.headers["cache-control"]
    bundle = exported.bundle(ONE, {"payloads": True})
    assert bundle.manifest.counts.payloads == 2
    assert [payload for _, payload in bundle.payloads()]


def test_without_a_body_contents_stay(exported: Exports) -> None:
    """The default is the careful one."""
    bundle = exported.bundle(ONE)
    assert (bundle.manifest.counts.spans, bundle.manifest.counts.payloads) == (2, 0)
    (facts,) = bundle.traces()
    assert facts.payloads == {"excluded": 2}


def test_the_filters_of_the_list_select(exported: Exports) -> None:
    """All that they find, sorted by id; a limit takes the first of the list."""
    every = exported.bundle("/api/export", start=0, project="default")
    assert [trace.trace_id[-1] for trace in every.traces()] == ["1", "2", "3"]
    newest = exported.bundle("/api/export", start=0, project="default", limit=1)
    assert [trace.trace_id[-1] for trace in newest.traces()] == ["3"]
    both = exported.bundle("/api/export", start=0, service="agent")
    assert [(trace.trace_id[-1], trace.project) for trace in both.traces()][2:] == [
        ("3", "default"),
        ("3", "shop"),
    ]
    found = exported.bundle("/api/export", start=0, q="ROOT", model="m")
    assert found.manifest.counts.traces == 3


def test_trace_ids_select_exactly_these(exported: Exports) -> None:
    """Each once, in one order."""
    ids = [trace_id(n).hex() for n in (2, 1, 2)]
    bundle = exported.bundle("/api/export", {"trace_ids": ids})
    assert [trace.trace_id[-1] for trace in bundle.traces()] == ["1", "2"]


def test_json_adds_a_copy_of_the_spans(exported: Exports) -> None:
    """In OTLP/JSON."""
    bundle = exported.bundle(ONE, {"format": "json"})
    names = [member.path for member in bundle.manifest.members]
    assert "spans.otlp.000000.json" in names


@pytest.mark.parametrize(
    ("path", "body", "query", "expected"),
    [
        (f"/api/traces/{'f' * 32}/export", None, {}, (404, "trace_not_found")),
        ("/api/export", {"trace_ids": ["f" * 32]}, {}, (404, "trace_not_found")),
        ("/api/export", None, {"service": "nobody"}, (404, "trace_not_found")),
        (f"/api/traces/{trace_id(3).hex()}/export", None, {}, (409, "ambiguous_project")),
        ("/api/export", {"trace_ids": [trace_id(3).hex()]}, {}, (409, "ambiguous_project")),
        (ONE, None, {"project": "nowhere"}, (404, "unknown_project")),
        (ONE, {"redaction": "off"}, {}, (422, "weaker_redaction")),
        ("/api/export", {"redaction": "off"}, {"start": 0}, (422, "weaker_redaction")),
        (ONE, {"redaction": "weak"}, {}, (400, "invalid_parameter")),
        (ONE, {"payload": True}, {}, (400, "invalid_parameter")),
        (ONE, {"trace_ids": ["f" * 32]}, {}, (400, "invalid_parameter")),
        ("/api/export", {"trace_ids": []}, {}, (400, "invalid_parameter")),
        ("/api/export", {"trace_ids": ["x"]}, {}, (400, "invalid_parameter")),
        ("/api/export", {"trace_ids": [None]}, {}, (400, "invalid_parameter")),
        ("/api/export", {"trace_ids": [7]}, {}, (400, "invalid_parameter")),
        ("/api/export", {"trace_ids": ["f" * 32]}, {"model": "m"}, (400, "invalid_parameter")),
    ],
)
def test_what_cannot_be_exported_is_refused_with_a_remedy(
    exported: Exports, path: str, body: Any, query: dict[str, Any], expected: tuple[int, str]
) -> None:
    """Nothing of it is on record as allowed."""
    assert exported.refused(path, body, **query) == expected
    assert exported.audit() == []


def test_ten_thousand_trace_ids_fit_into_a_request(exported: Exports) -> None:
    """They are looked up, not refused as too large."""
    ids = [f"{n:032x}" for n in range(2**100, 2**100 + 10_000)]
    assert exported.refused("/api/export", {"trace_ids": ids}) == (404, "trace_not_found")


@pytest.mark.parametrize("role", ["ingest", "viewer"])
def test_who_may_not_read_content_may_not_export(exported: Exports, role: str) -> None:
    """Not without payloads either."""
    assert exported.refused(ONE, role=role) == (403, "forbidden")
    assert exported.refused("/api/export", role=role, start=0) == (403, "forbidden")


def test_too_many_traces_are_refused(exported: Exports, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the remedy to export fewer; a limit says which."""
    monkeypatch.setattr(exports, "MAX_TRACES", 2)
    monkeypatch.setattr(exports, "PAGE_TRACES", 1)
    query = {"start": 0, "project": "default"}
    assert exported.refused("/api/export", **query) == (422, "too_many_traces")
    assert exported.bundle("/api/export", limit=2, **query).manifest.counts.traces == 2


def test_a_search_that_did_not_end_is_refused(exported: Exports) -> None:
    """The bundle would miss traces, and nobody would see it."""
    exported.settings = QuerySettings(search_seconds=0.0)
    assert exported.refused("/api/export", start=0, q="root") == (422, "incomplete_search")


def test_every_export_is_on_record(exported: Exports) -> None:
    """Which traces, of which project, with contents or without."""
    exported.bundle(ONE, {"payloads": True, "redaction": "strict"})
    exported.bundle("/api/export", start=0, project="default")
    several, one = exported.audit()
    assert (one.target, one.project, one.outcome) == (trace_id(1).hex(), "default", "allowed")
    assert one.detail == "with payloads, redaction strict"
    assert (several.target, several.project) == ("3 traces", "default")
    assert trace_id(2).hex() in str(several.detail)


def test_the_mode_of_the_project_is_the_default(exported: Exports) -> None:
    """A project that turned strict exports nothing else, whatever is stored."""
    with exported.store.administration.change() as change:
        project = change.lock_project("default")
        assert project is not None
        change.save_project(replace_mode(project, "strict"))
    bundle = exported.bundle(ONE, {"payloads": True})
    assert bundle.manifest.redaction.mode == "strict"
    assert exported.refused(ONE, {"redaction": "standard"}) == (422, "weaker_redaction")
    with exported.store.administration.change() as change:
        change.save_project(replace_mode(project, "off"))
    assert exported.bundle(ONE).manifest.redaction.mode == "off"
    assert exported.bundle(ONE, {"redaction": "standard"}).manifest.redaction.mode == "standard"


def replace_mode(project: Any, mode: str) -> Any:
    """A project with a redaction mode of its own."""
    return msgspec.structs.replace(project, redaction=mode)


def test_exports_at_once_are_bounded(exported: Exports, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is told to come again; one that failed gives its place back."""
    monkeypatch.setattr("tracefoundry.query.exporting.EXPORTS_AT_ONCE", 0)
    assert exported.refused(ONE) == (503, "too_many_exports")
    assert int(exported.post(ONE).headers["retry-after"]) > 0


def test_an_object_store_that_is_down_is_503(
    exported: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was sent yet, so the answer has a status."""

    def get(*_arguments: Any, **_options: Any) -> bytes:
        raise ObjectStoreUnavailable("the object store is down")

    monkeypatch.setattr(exported.objects, "get", get)
    refused = exported.refused(ONE, {"payloads": True})
    assert refused == (503, "payload_store_unavailable")
    assert exported.bundle(ONE).manifest.counts.spans == 2


def expire(exported: Exports, *days: int) -> None:
    """The payloads of these days are gone."""
    with exported.store.deletion.retention_run(dry_run=False, check=lambda: None) as run:
        for day in days:
            run.mark_payloads_expired(1, day, now_ns=time.time_ns(), reason="retention")


def test_an_export_whose_contents_have_all_expired_is_refused(exported: Exports) -> None:
    """Before anything is on record; without payloads it goes on, and so it does for a trace that
    never had any."""
    plain = exported.bundle("/api/export", {"payloads": True}, start=0, project="shop")
    expire(exported, day_of(make_span(1, 1).start_time_ns))
    before = exported.audit()
    assert exported.refused(ONE, {"payloads": True}) == (410, "contents_expired")
    asked = {"payloads": True, "trace_ids": [trace_id(1).hex(), trace_id(2).hex()]}
    assert exported.refused("/api/export", asked, project="default") == (410, "contents_expired")
    assert exported.audit() == before
    assert exported.bundle(ONE).manifest.counts.spans == 2
    again = exported.bundle("/api/export", {"payloads": True}, start=0, project="shop")
    assert again.manifest.root == plain.manifest.root


def test_an_export_of_which_a_part_has_expired_has_the_rest(exported: Exports) -> None:
    """It says which is gone."""
    late = make_span(
        1, 3, 1, start=make_span(1, 1).start_time_ns + 86_400 * 10**9, attributes=dict(CHAT)
    )
    keep(exported.store, exported.objects, [late])
    expire(exported, day_of(make_span(1, 1).start_time_ns))
    (facts,) = exported.bundle(ONE, {"payloads": True}).traces()
    assert facts.payloads == {"expired": 2, "present": 1}


def test_a_trace_that_points_at_stored_content_is_exported_after_its_day(
    exported: Exports,
) -> None:
    """What it points at may be stored on another day."""
    pointing = make_span(7, 1, attributes={"gen_ai.input.messages_ref": ref_of(b"a text")})
    keep(exported.store, exported.objects, [pointing])
    expire(exported, day_of(pointing.start_time_ns))
    path = f"/api/traces/{trace_id(7).hex()}/export"
    (facts,) = exported.bundle(path, {"payloads": True}).traces()
    assert facts.payloads == {"dangling": 1}
