"""The API over the store in memory: nothing above ``store/`` relies on a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from query.app_client import PATIENT, AppClient
from samples import NOW_NS, llm, make_log, make_span, span_id, trace_id
from stores import writer_of
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.query.app import create_app
from tracefoundry.store.memory.store import MemoryStore

TRACE = f"/api/traces/{trace_id(1).hex()}"


def test_traces_are_listed_opened_counted_and_deleted(tmp_path: Path) -> None:
    """Every kind of question once."""
    store = MemoryStore()
    writer = writer_of(store)
    spans = [
        make_span(1, 1, name="root", duration=10),
        make_span(1, 2, 1, start=1, attributes=llm(7, 3)),
        make_span(2, 1, start=9, name="other"),
    ]
    writer.commit(
        [writer.prepare_span(1, span) for span in spans], [writer.prepare_log(1, make_log(1, 2))]
    )
    objects = FilesystemStore(tmp_path)
    client = AppClient(create_app(store, PATIENT, objects=objects))

    def get(path: str, **parameters: object) -> Any:
        answer = client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    listed = get("/api/traces", start=0)["traces"]
    assert [trace["root_name"] for trace in listed] == ["other", "root"]
    assert get(TRACE) == listed[1]
    assert len(get("/api/traces", start=0, q="ROOT")["traces"]) == 1
    tree = get(f"{TRACE}/spans", view="skeleton")["spans"]
    assert [span["span_id"] for span in tree] == [span_id(1).hex(), span_id(2).hex()]
    (_, call) = get(f"{TRACE}/spans")["spans"]
    assert (call["genai"]["input_tokens"], len(call["logs"])) == (7, 1)
    groups = get("/api/stats", start=NOW_NS, end=NOW_NS + 100)["groups"]
    assert [(group["key"], group["spans"]) for group in groups] == [("agent", 3)]
    receipt = client.delete(TRACE).json()
    assert (receipt["traces"], receipt["spans"], receipt["logs"]) == (1, 2, 1)
    assert client.get(TRACE).status_code == 410
    actions = get("/api/audit", start=0)["entries"]
    assert [entry["action"] for entry in actions] == ["trace.delete", "payload.search"]
