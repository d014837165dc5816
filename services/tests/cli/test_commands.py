"""The reading commands: what they ask of the API, and what they print."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import Any

import pytest

from cli.canned_server import Canned, CannedServer
from cli.conftest import Run
from tracefoundry.cli.clear import STEP_TRACES
from tracefoundry.cli.listing import MAX_TRACES, PAGE_TRACES
from tracefoundry.cli.span_view import span_view
from tracefoundry.schemas.spans import PayloadEntry, Span

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "00f067aa0ba902b7"
REF = "sha256:" + "ab" * 32
QUOTED_REF = REF.replace(":", "%3A")
START_NS = 1_795_262_400_000_000_000  # 2026-11-21T12:00:00Z


def trace(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A trace as the API sends it."""
    return {
        "trace_id": f"{number:032x}",
        "project": "default",
        "root_name": "invoke_agent research",
        "service": "research-agent",
        "status": "ok",
        "start_time_ns": str(START_NS),
        "end_time_ns": str(START_NS + 1_240_000_000),
        "duration_ns": "1240000000",
        "span_count": 7,
        "error_count": 0,
        "input_tokens": 1000,
        "output_tokens": 234,
        "cost_usd": None,
        "a_field_of_the_future": True,
        **fields,
    }


def page(*traces: dict[str, Any], **fields: Any) -> Canned:
    """A page of traces as the API sends it."""
    answer = {
        "traces": list(traces),
        "start_ns": str(START_NS - 86_400_000_000_000),
        "end_ns": str(2**62),
        "next_cursor": None,
        "search_complete": True,
        **fields,
    }
    return Canned(json.dumps(answer).encode())


def test_list_prints_a_table_without_colours_or_cuts(run: Run, api: CannedServer) -> None:
    """Off a terminal: exact times, words for marks, and nothing is cut."""
    long = "a name that is much longer than any terminal is wide " * 4
    api.answers["GET /api/traces"] = page(
        trace(1), trace(2, root_name=long.strip(), status="error", error_count=3)
    )
    outcome = run("list")
    header, *table = [line.split("  ") for line in outcome.out.splitlines()]
    assert ["start", "trace", "status", "name"] == [
        cell for cell in map(str.strip, header) if cell
    ][:4]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in table]
    assert [
        [
            "2026-11-21T12:00:00.000Z",
            f"{1:032x}",
            "ok",
            "invoke_agent research",
            "research-agent",
            "1.24s",
            "7",
            "1,234",
        ],
        [
            "2026-11-21T12:00:00.000Z",
            f"{2:032x}",
            "error",
            long.strip(),
            "research-agent",
            "1.24s",
            "7",
            "3",
            "1,234",
        ],
    ] == cells
    assert "2 traces since 2026-11-20T12:00:00.000Z\n" == outcome.err


def test_list_passes_every_filter_on(run: Run, api: CannedServer) -> None:
    """And sends nothing that was not asked for, because the API refuses what it does not know."""
    api.answers["GET /api/traces"] = page()
    run(
        *("list", "--project", "p", "--service", "s", "--environment", "e", "--status", "error"),
        *(
            "--model",
            "m",
            "--tool",
            "t",
            "--since",
            "2026-11-20T00:00:00Z",
            "--until",
            str(START_NS),
        ),
        *("--min-duration", "500ms", "--max-duration", "1.5ms", "--min-tokens", "1"),
        *("--max-tokens", "2", "--min-cost", "0.5", "--max-cost", "3", "-q", "50% off & more"),
        *("--sort", "slowest", "--limit", "7", "--cursor", "c=="),
    )
    run("list")
    expected = {
        "project": "p",
        "service": "s",
        "environment": "e",
        "status": "error",
        "model": "m",
        "tool": "t",
        "start": "1795132800000000000",
        "end": str(START_NS),
        "min_duration_ms": "500",
        "max_duration_ms": "1.5",
        "min_tokens": "1",
        "max_tokens": "2",
        "min_cost_usd": "0.5",
        "max_cost_usd": "3.0",
        "q": "50% off & more",
        "sort": "slowest",
        "limit": "7",
        "cursor": "c==",
    }
    assert [expected, {"sort": "newest", "limit": "50"}] == [
        request.query for request in api.received
    ]


def test_the_token_goes_as_a_bearer(
    run: Run, api: CannedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the option or the environment; without one, no header at all."""
    api.answers["GET /api/traces"] = page()
    run("list")
    run("list", "--token", "tf_1")
    monkeypatch.setenv("TRACEFOUNDRY_TOKEN", "tf_2")
    run("list")
    sent = [request.headers.get("authorization") for request in api.received]
    assert [None, "Bearer tf_1", "Bearer tf_2"] == sent


def test_loopback_addresses_are_never_asked_of_a_proxy(
    run: Run, api: CannedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy for the outside cannot reach this machine."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    api.answers["GET /api/traces"] = page()
    assert 0 == run("list").code


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "socks5h://u:p@proxy:1", "ftp://x"])
def test_a_proxy_that_cannot_be_used_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    """With what to do, and without the proxy's password."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    result = run("list", "--url", "http://traces.example.internal:8080")
    assert 1 == result.code
    [line] = result.err.splitlines()
    assert "ALL_PROXY" in line
    assert "NO_PROXY" in line
    assert proxy not in line


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["list"], "/api/traces"),
        (["show", TRACE], f"/api/traces/{TRACE}/tree"),
        (["show", TRACE, "--spans"], f"/api/traces/{TRACE}/spans"),
        (["show", TRACE, "--span", SPAN], f"/api/spans/{SPAN}"),
        (["stats"], "/api/stats"),
    ],
)
def test_json_is_the_answer_unchanged(
    run: Run, api: CannedServer, arguments: list[str], path: str
) -> None:
    """Byte for byte, odd spacing and unknown fields included, plus a newline."""
    body = '{"traces": [],   "roots":[], "spans":[],"groups":[],"x":1.0,"é":"\\u001b" }'
    api.answers[f"GET {path}"] = Canned(body.encode())
    outcome = run(*arguments, "--json")
    assert (0, body + "\n", "") == (outcome.code, outcome.out, outcome.err)


def test_list_says_how_to_go_on(run: Run, api: CannedServer) -> None:
    """The next page, and a search that ran out of time."""
    api.answers["GET /api/traces"] = page(trace(), next_cursor="abc", search_complete=False)
    assert [
        "1 trace since 2026-11-20T12:00:00.000Z",
        "The search stopped at its time limit before the end.",
        "More: add --all, or --cursor abc",
    ] == run("list").err.splitlines()


def test_an_empty_list_says_where_older_traces_are(run: Run, api: CannedServer) -> None:
    """Nothing in the last day is not nothing at all."""
    api.answers["GET /api/traces"] = page()
    outcome = run("list")
    expected = "0 traces since 2026-11-20T12:00:00.000Z. For older ones: --since all\n"
    assert (0, "", expected) == (outcome.code, outcome.out, outcome.err)


def test_list_all_follows_the_cursors(run: Run, api: CannedServer) -> None:
    """To the last page; with --json one answer a line."""
    pages = [page(trace(1), next_cursor="b"), page(trace(2), next_cursor="c"), page(trace(3))]
    api.answers["GET /api/traces"] = [*pages, *pages]
    assert 4 == len(run("list", "--all").out.splitlines())
    assert [None, "b", "c"] == [request.query.get("cursor") for request in api.received]
    lines = run("list", "--all", "--json").out.splitlines()
    assert [one.body.decode() for one in pages] == lines


def test_list_all_has_a_bound(run: Run, api: CannedServer) -> None:
    """It stops after that many traces and says how to go on."""
    full = page(*(trace(n) for n in range(PAGE_TRACES)), next_cursor="more")
    api.answers["GET /api/traces"] = full
    outcome = run("list", "--all")
    assert MAX_TRACES // PAGE_TRACES == len(api.received)
    assert "More: add --all, or --cursor more" == outcome.err.splitlines()[-1]


def test_hostile_names_do_not_reach_the_terminal(run: Run, api: CannedServer) -> None:
    """In the list as anywhere."""
    api.answers["GET /api/traces"] = page(trace(root_name="\x1b[2Jgone\r\n[bold]x[/bold]"))
    outcome = run("list")
    assert "␛[2Jgone␍␊[bold]x[/bold]" in outcome.out
    assert "\x1b" not in outcome.out


def test_show_prints_summary_and_tree(run: Run, api: CannedServer) -> None:
    """Both answers in one view."""
    root = {
        "span_id": SPAN,
        "parent_span_id": None,
        "name": "invoke_agent research",
        "kind": "internal",
        "status": {"code": "ok"},
        "start_time_ns": str(START_NS),
        "duration_ns": "1240000000",
        "genai": {"kind": "agent", "input_tokens": 5, "output_tokens": None, "cost_usd": None},
        "children": [],
    }
    api.answers[f"GET /api/traces/{TRACE}"] = Canned(json.dumps(trace(0xABC)).encode())
    api.answers[f"GET /api/traces/{TRACE}/tree"] = Canned(json.dumps({"roots": [root]}).encode())
    lines = run("show", TRACE).out.splitlines()
    assert "invoke_agent research" == lines[0].split("  ")[0]
    assert f"invoke_agent research  agent  {'━' * 40}  1.24s  5 → ?" == lines[-1]


def test_show_escapes_what_is_no_id(run: Run, api: CannedServer) -> None:
    """An argument cannot lead to another path of the API."""
    run("show", "../projects?x=#")
    assert "/api/traces/..%2Fprojects%3Fx%3D%23/tree" == api.received[0].path


def test_show_spans_lists_ids(run: Run, api: CannedServer) -> None:
    """A page of one parent's children, as the tree's hint says."""
    span = {"span_id": SPAN, "name": "chat", "status": {"code": "error"}, "duration_ns": "2000000"}
    answer = {"spans": [span], "next_cursor": "n"}
    api.answers[f"GET /api/traces/{TRACE}/spans"] = Canned(json.dumps(answer).encode())
    outcome = run("show", TRACE, "--spans", "--parent", "b" * 16, "--limit", "9")
    expected = {"view": "skeleton", "parent_id": "b" * 16, "limit": "9"}
    assert expected == api.received[0].query
    assert [SPAN, "chat", "error", "2.0ms"] == outcome.out.splitlines()[1].split()[1:]
    assert ["1 span", "More: add --cursor n"] == outcome.err.splitlines()


def test_show_payload_prints_its_bytes(run: Run, api: CannedServer) -> None:
    """Exactly, where they do not go to a terminal; an error is one line."""
    api.answers[f"GET /api/payloads/{QUOTED_REF}"] = Canned(b'{"a":\r\n"b"}')
    outcome = run("show", "--payload", REF, "--project", "p")
    assert (0, '{"a":\r\n"b"}') == (outcome.code, outcome.out)
    assert {"project": "p"} == api.received[0].query
    gone = {"error": {"code": "payload_gone", "message": "it has expired", "remedy": "None."}}
    api.answers[f"GET /api/payloads/{QUOTED_REF}"] = Canned(json.dumps(gone).encode(), 410)
    outcome = run("show", "--payload", REF)
    assert (1, "") == (outcome.code, outcome.out)
    assert "it has expired" in outcome.err


@pytest.mark.parametrize(
    "arguments", [[], [TRACE, "--payload", "x"], ["--payload", "x", "--spans"]]
)
def test_show_wants_a_trace_or_a_payload(run: Run, arguments: list[str]) -> None:
    """One of them."""
    assert 2 == run("show", *arguments).code


def test_a_preview_is_cut_to_the_line_of_a_terminal() -> None:
    """Whatever it holds, it stays on one line."""
    payload = PayloadEntry(
        slot="documents", place="span", key="k", type="string", state="present",
        preview="x\n" * 100,
    )  # fmt: skip
    span = Span(trace_id=TRACE, span_id=SPAN, name="s", payloads=[payload])
    lines = [line.plain for line in span_view(span, width=40)]
    assert ("    x␊x", "…", 40) == (lines[-1][:7], lines[-1][-1], len(lines[-1]))


def test_show_span_prints_everything_it_holds(run: Run, api: CannedServer) -> None:
    """Attributes, resource, events, links and logs; values of several lines are indented."""
    span = {
        "trace_id": TRACE,
        "span_id": SPAN,
        "parent_span_id": "b" * 16,
        "name": "chat",
        "kind": "client",
        "status": {"code": "error", "message": "429"},
        "start_time_ns": str(START_NS),
        "end_time_ns": str(START_NS + 5_000_000),
        "duration_ns": "5000000",
        "service": "research-agent",
        "attributes": {"n": 9007199254740993, "list": ["a", 1], "text": "one\ntwo \x1b[0m"},
        "resource": {"service.name": "research-agent"},
        "scope": {"name": "lib", "version": "1", "attributes": {}},
        "events": [
            {"name": "exception", "time_ns": str(START_NS + 2_000_000), "attributes": {"k": "v"}}
        ],
        "links": [{"trace_id": "1" * 32, "span_id": "2" * 16, "attributes": {}}],
        "logs": [
            {
                "name": "gen_ai.x",
                "time_ns": str(START_NS - 1000),
                "attributes": {},
                "body": {"a": 1},
                "redactions": [{"rule": "email", "count": 1}],
            }
        ],
        "genai": None,
        "payloads": [
            {
                "slot": "input_messages",
                "place": "span",
                "key": "gen_ai.input.messages",
                "type": "string",
                "ref": REF,
                "bytes": 1234,
                "media_type": "application/json",
                "state": "present",
                "preview": '[{"role": "user"}\n\x1b[0m',
                "expired_at": None,
            },
            {
                "slot": "attribute",
                "place": "logs/0",
                "key": "body",
                "type": "string",
                "ref": None,
                "bytes": None,
                "media_type": None,
                "state": "expired",
                "preview": None,
                "expired_at": "2026-11-21T12:00:00Z",
            },
        ],
        "redactions": [{"rule": "email", "count": 2}, {"rule": "card", "count": 1}],
        "warnings": ["end_before_start"],
    }
    api.answers[f"GET /api/spans/{SPAN}"] = Canned(json.dumps({"spans": [span]}).encode())
    expected = f"""\
chat  client
status   error 429
span     {SPAN} · trace {TRACE}
parent   {"b" * 16}
service  research-agent
scope    lib · 1
time     2026-11-21T12:00:00.000Z · 5.0ms
note     end before start

Attributes
  n = 9007199254740993
  list = ["a",1]
  text =
    one
    two ␛[0m

Resource
  service.name = research-agent

Event exception +2.0ms
  k = v

Link to span {"2" * 16} of trace {"1" * 32}

Log gen_ai.x -1µs
  body = {{"a":1}}

Payloads
  gen_ai.input.messages  input_messages · span · 1,234 bytes · present
    {REF}
    [{{"role": "user"}}␊␛[0m
  body  attribute · logs/0 · expired 2026-11-21T12:00:00Z

Redactions
  email = 3
  card = 1
"""
    assert expected == run("show", TRACE, "--span", SPAN).out


def test_stats_prints_a_line_for_each_group(run: Run, api: CannedServer) -> None:
    """Errors with their share, and spans without the thing as `(none)`."""
    group = {"key": "gpt-5", "traces": 2, "spans": 200, "errors": 10, "p50_ns": "350000000"}
    rest = {"key": None, "traces": 1, "spans": 3, "errors": 0, "p50_ns": "1", "cost_usd": 0.02}
    answer = {"groups": [group, rest], "start_ns": "0", "end_ns": str(START_NS)}
    api.answers["GET /api/stats"] = Canned(json.dumps(answer).encode())
    outcome = run("stats", "--by", "model", "--since", "all")
    assert {"by": "model", "start": "0"} == api.received[0].query
    assert [
        ["model", "traces", "spans", "errors", "p50", "cost"],
        ["gpt-5", "2", "200", "10", "(5%)", "350ms"],
        ["(none)", "1", "3", "1ns", "$0.0200"],
    ] == [line.split() for line in outcome.out.splitlines()]


RECEIPT = Canned(
    b'{"traces":2,"spans":14,"logs":1,"payload_refs":0,"objects":[],"objects_total":0}'
)


def test_clear_without_anybody_to_ask_deletes_nothing(run: Run, api: CannedServer) -> None:
    """A script must say --yes."""
    outcome = run("clear")
    expected = "error: clear deletes traces and nobody is there to ask: pass --yes\n"
    assert (1, expected, []) == (outcome.code, outcome.err, api.received)


class Terminal(io.StringIO):
    """Standard input with a person behind it."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "deletes"), [("n\n", 0), ("\n", 0), ("", 0), ("y\n", 1)])
def test_clear_says_what_it_will_delete_and_asks(
    run: Run, api: CannedServer, monkeypatch: pytest.MonkeyPatch, answer: str, deletes: int
) -> None:
    """Only a yes deletes; the count is of traces that ended before the time."""
    api.answers["GET /api/traces"] = page(
        trace(1), trace(2), trace(3, end_time_ns=str(START_NS + 9 * 10**9))
    )
    api.answers["DELETE /api/traces"] = RECEIPT
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    outcome = run("clear", "--before", str(START_NS + 2 * 10**9))
    question = (
        f"2 traces (14 spans) that ended before {START_NS + 2 * 10**9} in all projects at {api.url}"
    )
    assert question == outcome.err.splitlines()[0]
    assert deletes == len([one for one in api.received if one.method == "DELETE"])
    assert (0 if deletes else 1) == outcome.code


def test_clear_prints_the_receipt(run: Run, api: CannedServer) -> None:
    """What was removed, after one request for a small number."""
    api.answers["GET /api/traces"] = page(trace(1), trace(2))
    api.answers["DELETE /api/traces"] = RECEIPT
    outcome = run("clear", "--yes", "--project", "p")
    assert (0, "Deleted 2 traces, 14 spans, 1 log.\n") == (outcome.code, outcome.out)
    assert {"project": "p", "before": str(2**63 - 1)} == api.received[-1].query


def test_clear_json_is_one_request_and_its_receipt(run: Run, api: CannedServer) -> None:
    """Unchanged, for scripts."""
    api.answers["DELETE /api/traces"] = RECEIPT
    outcome = run("clear", "--yes", "--json", "--before", str(START_NS))
    assert RECEIPT.body.decode() + "\n" == outcome.out
    assert [("DELETE", {"before": str(START_NS)})] == [
        (request.method, request.query) for request in api.received
    ]


def test_clear_deletes_many_traces_in_steps_of_time(run: Run, api: CannedServer) -> None:
    """Oldest first, so that a progress bar can move; the last step is the time asked for."""
    count = 2 * STEP_TRACES + 1
    api.answers["GET /api/traces"] = page(
        *(trace(n, end_time_ns=str(START_NS + n)) for n in range(count))
    )
    api.answers["DELETE /api/traces"] = RECEIPT
    outcome = run("clear", "--yes")
    steps = [one.query["before"] for one in api.received if one.method == "DELETE"]
    expected = [START_NS + STEP_TRACES, START_NS + 2 * STEP_TRACES, 2**63 - 1]
    assert [str(before) for before in expected] == steps
    assert "Deleted 6 traces, 42 spans, 3 logs.\n" == outcome.out


def test_clear_of_nothing_sends_no_delete(run: Run, api: CannedServer) -> None:
    """And is no failure."""
    api.answers["GET /api/traces"] = page()
    outcome = run("clear", "--yes")
    assert (0, "Nothing to delete.\n", 1) == (outcome.code, outcome.out, len(api.received))


@pytest.mark.parametrize("arguments", [["version"], ["--version"]])
def test_the_version_is_printed(run: Run, arguments: list[str]) -> None:
    """As a command and as an option."""
    assert (0, "tracefoundry 0.1.0\n") == (run(*arguments).code, run(*arguments).out)


def test_starting_imports_nothing_heavy() -> None:
    """Help and completion must come at once."""
    heavy = (
        "alembic",
        "fastapi",
        "grpc",
        "httpx",
        "opentelemetry",
        "rich",
        "sqlalchemy",
        "uvicorn",
    )
    code = f"import sys, tracefoundry.cli.app; print([m for m in {heavy} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert b"[]\n" == shown.stdout


def test_a_reader_that_leaves_early_is_no_traceback(api: CannedServer) -> None:
    """`tracefoundry list | head -1`."""
    api.answers["GET /api/traces"] = page(*(trace(n) for n in range(PAGE_TRACES)))
    code = "import sys; from tracefoundry.cli.app import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "list", "--url", api.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        errors = process.stderr.read()
    assert b"Traceback" not in errors
    assert b"Exception ignored" not in errors


def test_a_span_that_is_not_all_here_says_so() -> None:
    """With the way to the rest."""
    span = Span(trace_id=TRACE, span_id=SPAN, name="s", more={"links": "c", "attributes": "c"})
    text = "\n".join(line.plain for line in span_view(span, width=None))
    assert "not all attributes, links are here: --json has the cursors" in text
