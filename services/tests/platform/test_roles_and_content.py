"""Who may see content, end to end: metadata for viewers, content for engineers, a record of both;
keys that rotate; projects with rules of their own."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

import planting
import secret_search
from content_ledger import ref_of
from ingest.bodies import PROTOBUF, body, new_trace_id, span
from platform_process import Platform, eventually, run_command, running, traces_found
from store.reading import rows

WORD = "edelweiss"
CONTENT = frozenset(planting.CONTENT_PLACES) - {
    # Short attributes that no table names are metadata, but for strict mode.
    "attribute", "attribute_bytes", "attribute_map", "event", "stack_trace", "link", "resource",
    "scope_attribute", "log_attribute",
}  # fmt: skip


@dataclass
class Office:
    """A platform that asks for tokens, with one of each role, and a trace full of content."""

    platform: Platform
    url: str
    tokens: dict[str, str]
    trace: str = ""

    def get(self, role: str, path: str, **parameters: str | int) -> httpx.Response:
        """GET in a role."""
        return self.platform.client.get(
            self.platform.api + path,
            params=parameters or None,
            headers={"authorization": f"Bearer {self.tokens[role]}"},
        )

    def json(self, role: str, path: str, **parameters: str | int) -> Any:
        """JSON that must come."""
        answer = self.get(role, path, **parameters)
        assert 200 == answer.status_code, answer.text
        return answer.json()

    def send(
        self, content: bytes, path: str = "/v1/traces", role: str = "ingest"
    ) -> httpx.Response:
        """POST an export."""
        headers = {"authorization": f"Bearer {self.tokens[role]}", "content-type": PROTOBUF}
        return self.platform.client.post(
            self.platform.otlp + path, content=content, headers=headers
        )

    def spans(self, role: str) -> list[dict[str, Any]]:
        """The spans of the trace."""
        found: list[dict[str, Any]] = self.json(
            role, f"/api/traces/{self.trace}/spans", limit=10_000
        )["spans"]
        return found

    def administer(self, method: str, path: str, **fields: str) -> Any:
        """A change by the admin."""
        answer = self.platform.client.request(
            method,
            self.platform.api + path,
            json=fields,
            headers={"authorization": f"Bearer {self.tokens['admin']}"},
        )
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def audit(self, **parameters: str) -> list[dict[str, Any]]:
        """Entries of the audit log, newest first."""
        found: list[dict[str, Any]] = self.json("admin", "/api/audit", limit=1000, **parameters)[
            "entries"
        ]
        return found


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """``serve --require-token`` with a word in every place that is content."""
    folder = tmp_path_factory.mktemp("office")
    data = folder / "data"
    made = run_command(
        "token", "create", "--role", "admin", "--name", "admin", "--data", str(data), "--json"
    )
    assert 0 == made.returncode, made.stderr
    with running("serve", "--data", str(data), "--require-token", folder=folder) as platform:
        office = Office(
            platform,
            f"sqlite:///{data}/tracefoundry.db",
            {"admin": json.loads(made.stdout)["token"]},
        )
        office.administer("POST", "/api/projects", name="shop")
        office.administer("POST", "/api/projects", name="vault", redaction="strict")
        for role in ("ingest", "viewer", "engineer"):
            office.tokens[role] = office.administer("POST", "/api/tokens", name=role, role=role)[
                "token"
            ]
        office.tokens["shop engineer"] = office.administer(
            "POST", "/api/tokens", name="shop engineer", role="engineer", project="shop"
        )["token"]
        spans, logs = planting.in_every_place(WORD, places=CONTENT)
        first = spans.resource_spans[0].scope_spans[0].spans[0]
        planting.SPAN_PLACES["payload_ref"](spans, ref_of(f"{WORD} elsewhere"))
        office.trace = first.trace_id.hex()
        assert 200 == office.send(spans.SerializeToString()).status_code
        assert 200 == office.send(logs.SerializeToString(), "/v1/logs").status_code
        yield office


def test_a_viewer_sees_metadata_and_nothing_of_content(office: Office) -> None:
    """No answer of the API to a viewer holds a word of content or a ref."""
    refs = {entry["ref"] for found in office.spans("engineer") for entry in found["payloads"]}
    assert len(refs) >= 10
    search = secret_search.SecretSearch(
        {WORD: WORD, **{ref: ref.removeprefix("sha256:") for ref in refs}}
    )
    below = f"/api/traces/{office.trace}"
    (span_id,) = {found["span_id"] for found in office.spans("viewer")[:1]}
    paths = [
        "/api/traces", below, f"{below}/tree", f"{below}/spans?limit=1000",
        f"{below}/spans?view=skeleton", f"/api/spans/{span_id}?trace_id={office.trace}",
        f"/api/traces?q={WORD}", "/api/stats?by=model", "/api/projects", "/api/session",
    ]  # fmt: skip
    for path in paths:
        answer = office.get("viewer", path)
        assert 200 == answer.status_code, path
        assert set() == search.found(answer.content), path
    entries = [entry for found in office.spans("viewer") for entry in found["payloads"]]
    assert {(None, None)} == {(entry["ref"], entry["preview"]) for entry in entries}
    assert {"present", "dangling"} == {entry["state"] for entry in entries}
    assert {"input_messages", "tool_result", "attribute"} < {entry["slot"] for entry in entries}
    logs = [log for found in office.spans("viewer") for log in found["logs"]]
    assert logs
    assert {None} == {log.get("body") for log in logs}


def test_an_engineer_sees_content_of_every_place(office: Office) -> None:
    """Each place's payload holds the word; the answers differ from a viewer's in nothing else."""
    places = set()
    for found in office.spans("engineer"):
        for entry in found["payloads"]:
            if entry["state"] != "present":
                continue
            answer = office.get("engineer", f"/api/payloads/{entry['ref']}")
            assert 200 == answer.status_code
            assert WORD in answer.text
            assert answer.content.decode().startswith(entry["preview"])
            places.add(entry["place"].partition("/")[0])
    assert {"span", "resource", "events", "logs"} == places
    for seen, whole in zip(office.spans("viewer"), office.spans("engineer"), strict=True):
        assert shape_of(whole) == shape_of(seen)


def shape_of(found: dict[str, Any]) -> dict[str, Any]:
    """A span without what only some may see."""
    entries = [{**entry, "ref": None, "preview": None} for entry in found["payloads"]]
    pointer = "gen_ai.input.messages_ref"
    attributes = {key: found["attributes"][key] for key in found["attributes"] if key != pointer}
    return {**found, "payloads": entries, "attributes": attributes, "warnings": None}


def test_a_payload_is_refused_to_all_others_and_that_is_recorded(office: Office) -> None:
    """403 for viewers and senders, 404 for an engineer of another project, 401 without a token."""
    (entry, *_) = (e for found in office.spans("engineer") for e in found["payloads"] if e["bytes"])
    ref = entry["ref"]
    path = f"/api/payloads/{ref}"
    assert [403, 403, 404] == [
        office.get(role, path).status_code for role in ("viewer", "ingest", "shop engineer")
    ]
    assert 403 == office.get("shop engineer", path, project="default").status_code
    assert 401 == office.platform.client.get(office.platform.api + path).status_code
    assert 200 == office.get("engineer", path).status_code
    unknown = ref_of("never seen")
    assert 403 == office.get("viewer", f"/api/payloads/{unknown}").status_code
    allowed = office.audit(action="payload.read", outcome="allowed")
    assert ("engineer", "engineer", "default", ref) == tuple(
        allowed[0][name] for name in ("actor", "role", "project", "target")
    )

    def denials() -> set[tuple[str | None, int]]:
        denied = office.audit(action="payload.read", outcome="denied")
        return {(entry["actor"], entry["status"]) for entry in denied}

    wanted = {("viewer", 403), ("ingest", 403), ("shop engineer", 403), (None, 401)}
    eventually(lambda: wanted <= denials(), what="the denials in the audit log")


def test_search_looks_into_content_for_engineers_only(office: Office) -> None:
    """A viewer cannot find out by searching what stands in a prompt."""
    found = {
        role: traces_found(partial(office.json, role), WORD)
        for role in ("viewer", "engineer", "admin")
    }
    assert {"viewer": [], "engineer": [office.trace], "admin": [office.trace]} == found
    assert [] == traces_found(partial(office.json, "shop engineer"), WORD)


def test_strict_beside_standard_in_one_body(office: Office) -> None:
    """Each envelope is kept by the rules of its own project."""
    content = {"gen_ai.input.messages": "a word in confidence", "note": "kept by standard"}
    traces = {"vault": new_trace_id(), "shop": new_trace_id()}
    export = b"".join(
        body([span(trace, attributes=content)], {"service.name": "a", "tracefoundry.project": name})
        for name, trace in traces.items()
    )
    eventually(lambda: office.send(export).content == b"", what="the new projects at ingest")
    shown = {}
    for name, trace in traces.items():
        (found,) = office.json("engineer", f"/api/traces/{trace.hex()}/spans")["spans"]
        (entry,) = [one for one in found["payloads"] if one["slot"] == "input_messages"]
        shown[name] = (entry["state"], entry["ref"], found["attributes"])
    assert {
        "vault": ("redacted", None, {}),
        "shop": ("present", ref_of(content["gen_ai.input.messages"]), {"note": content["note"]}),
    } == shown
    projects = {
        row["project_id"]: row["name"] for row in rows(office.url, "SELECT * FROM projects")
    }
    assert "vault" not in {
        projects[row["project_id"]] for row in rows(office.url, "SELECT * FROM payload_blobs")
    }


def test_a_change_of_the_rules_is_in_force_within_seconds(office: Office) -> None:
    """Without a restart; what was stored before stays as it was."""
    office.administer("POST", "/api/projects", name="lab")
    resource = {"service.name": "a", "tracefoundry.project": "lab"}

    def state() -> str | None:
        trace = new_trace_id()
        sent = body([span(trace, attributes={"gen_ai.prompt": trace.hex()})], resource)
        if office.send(sent).content:
            return None
        (found,) = office.json("admin", f"/api/traces/{trace.hex()}/spans")["spans"]
        state: str = found["payloads"][0]["state"]
        return state

    eventually(lambda: state() == "present", what="the new project at ingest")
    office.administer("PATCH", "/api/projects/lab", redaction="strict")
    eventually(lambda: state() == "redacted", what="strict mode at ingest")


def test_personal_data_is_redacted_in_a_project_that_asks_for_it(office: Office) -> None:
    """Phones, addresses and national ids, within seconds; in other projects they stay."""
    note = "call +1 415 555 2671 from 203.0.113.7, Aadhaar 2345 6789 0124"
    office.administer("POST", "/api/projects", name="clinic", personal_data="on")
    office.administer("POST", "/api/projects", name="plant")

    def kept(project: str) -> str | None:
        trace = new_trace_id()
        resource = {"service.name": "a", "tracefoundry.project": project}
        if office.send(body([span(trace, attributes={"note": note})], resource)).content:
            return None
        (found,) = office.json("admin", f"/api/traces/{trace.hex()}/spans")["spans"]
        kept: str = found["attributes"]["note"]
        return kept

    redacted = (
        "call [redacted:personal_phone] from [redacted:personal_ip], Aadhaar [redacted:in_aadhaar]"
    )
    eventually(lambda: kept("clinic") == redacted, what="personal data at ingest")
    eventually(lambda: kept("plant") == note, what="the other project at ingest")
    office.administer("PATCH", "/api/projects/plant", personal_data="on")
    eventually(lambda: kept("plant") == redacted, what="the change at ingest")
    office.administer("PATCH", "/api/projects/plant", personal_data=None)
    eventually(lambda: kept("plant") == note, what="the change back at ingest")
    entries = office.json("admin", "/api/audit", action="project.set")["entries"]
    assert "redaction of personal data on -> default" == entries[0]["detail"]


def test_no_token_is_stored_or_logged(office: Office) -> None:
    """Only their hashes are; not even a wrong one is written down."""
    wrong = office.tokens["viewer"][:-4] + "0000"
    answer = office.platform.client.get(
        office.platform.api + "/api/traces", headers={"authorization": f"Bearer {wrong}"}
    )
    assert 401 == answer.status_code
    search = secret_search.SecretSearch({**office.tokens, "wrong": wrong})
    assert [] == search.left_in(secret_search.database_rows(office.url))
    assert set() == search.found(office.platform.stderr().encode())
    assert set() == search.found(office.get("admin", "/api/tokens").content)


def key(name: str) -> str:
    """A new key under that name."""
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"


def test_keys_rotate_and_a_removed_one_is_reported(tmp_path: Path) -> None:
    """What the old key encrypted is read beside the new one; without it the answer is 503 that
    names the key, never 404, and what the new key encrypted is read on."""
    old, new = key("old"), key("new")
    data = tmp_path / "data"
    texts = {"old": f"{WORD} before the rotation " * 9, "new": f"{WORD} after the rotation " * 9}

    def serving(*keys: str) -> Any:
        environment = {"TRACEFOUNDRY_ENCRYPTION_KEYS": ",".join(keys)} if keys else {}
        return running("serve", "--data", str(data), folder=tmp_path, environment=environment)

    def send(platform: Platform, text: str) -> None:
        sent = body([span(new_trace_id(), attributes={"gen_ai.input.messages": text})])
        headers = {"content-type": PROTOBUF}
        url = platform.otlp + "/v1/traces"
        assert 200 == platform.client.post(url, content=sent, headers=headers).status_code

    def read(platform: Platform, name: str) -> httpx.Response:
        return platform.client.get(f"{platform.api}/api/payloads/{ref_of(texts[name])}")

    with serving(old) as platform:
        send(platform, texts["old"])
        assert texts["old"] == read(platform, "old").text
    with serving(new, old) as platform:
        assert texts["old"] == read(platform, "old").text
        send(platform, texts["new"])
        traces = platform.get("/api/traces", start=0)["traces"]
        for trace in traces:
            (found,) = platform.get(f"/api/traces/{trace['trace_id']}/spans")["spans"]
            assert [None] == [entry["preview"] for entry in found["payloads"]]
        assert [] == traces_found(platform.get, WORD)
    with serving(new) as platform:
        assert texts["new"] == read(platform, "new").text
        answer = read(platform, "old")
        error = answer.json()["error"]
        assert (503, "payload_key_missing") == (answer.status_code, error["code"])
        assert "old" in error["message"]
        assert ref_of(texts["old"]) in error["message"]
    search = secret_search.SecretSearch({WORD: WORD, "old": old[4:], "new": new[4:]})
    assert [] == search.left_in(secret_search.files(tmp_path))
