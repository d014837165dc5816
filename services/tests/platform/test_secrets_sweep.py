"""No planted secret reaches the database, the object store, the logs or an answer.

Secrets of every kind go in at every input, hidden in every way in every place; then everything that
the platform has stored or said is searched, objects decompressed first. A harmless word that goes
in by the same ways shows that the search looks where things are.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

import planting
import secret_search
from ingest.bodies import JSON, PROTOBUF, new_trace_id, request, span
from ingest.sending import assert_stored, partial, post
from payloads.s3_server import S3Server
from platform_process import Platform, run_command, running, traces_found
from postgres_server import PostgresServer
from redaction import hiding, looking, secret_samples
from tracefoundry.payloads.planning import CHUNK_BYTES

WORD, CONTENT_WORD, STRICT = "marigolds-everywhere", "hyacinths-in-content", "strictly"
Inputs = dict[str, Callable[[planting.Export], None]]


@dataclass
class Swept:
    """A platform that secrets were sent to, and where it keeps things."""

    platform: Platform
    url: str
    objects: Path
    """The folder below which all objects lie, as files."""
    data: Path | None
    """The data folder, where there is one."""
    search: secret_search.SecretSearch
    rules: set[str]
    """The rules that must have found something."""
    traces: list[str] = field(default_factory=list)

    def answers(self, traces: Sequence[str]) -> Iterator[secret_search.Where]:
        """What the API says of these traces, and of all together."""
        paths = ["/api/traces?start=0&limit=1000", "/api/audit?limit=1000", "/api/projects"]
        paths += [f"/api/stats?by={by}" for by in ("service", "model", "tool", "agent")]
        paths += ["/metrics", "/readyz", "/openapi.json", "/api/session", "/api/tokens"]
        for trace in traces:
            below = f"/api/traces/{trace}"
            paths += [below, f"{below}/tree", f"{below}/spans?limit=10000"]
            paths += [f"{below}/spans?limit=10000&view=skeleton"]
        for path in paths:
            yield path, self._get(path)

    def payloads(self, traces: Sequence[str], every: int = 1) -> Iterator[secret_search.Where]:
        """What the API gives for refs that spans have: each ``every``-th one."""
        refs = dict.fromkeys(
            entry["ref"]
            for trace in traces
            for found in self.platform.get(f"/api/traces/{trace}/spans", limit=10_000)["spans"]
            for entry in found["payloads"]
            if entry["state"] == "present"
        )
        for ref in list(refs)[::every]:
            yield ref, self._get(f"/api/payloads/{ref}")

    def stored(self) -> Iterator[secret_search.Where]:
        """Every row, object and blob, and what was logged."""
        yield from secret_search.database_rows(self.url)
        yield from secret_search.object_contents(self.objects)
        if self.data is not None:
            yield from secret_search.files(self.data)
        yield "standard error", self.platform.stderr().encode()

    def _get(self, path: str) -> bytes:
        answer = self.platform.client.get(self.platform.api + path)
        assert 200 == answer.status_code, answer.text
        return answer.content


def inputs(platform: Platform, channel: grpc.Channel) -> Inputs:
    """Every way in; each takes an export and wants it stored."""

    def http(compress: Callable[[bytes], bytes], encoding: str, *, as_json: bool = False) -> Any:
        def send(export: planting.Export) -> None:
            traces = isinstance(export, ExportTraceServiceRequest)
            plain = (
                json.dumps(planting.as_json(export)).encode()
                if as_json
                else export.SerializeToString()
            )
            answer = post(
                platform,
                compress(plain),
                path="/v1/traces" if traces else "/v1/logs",
                content_type=JSON if as_json else PROTOBUF,
                **({"content_encoding": encoding} if encoding else {}),
            )
            assert_stored(answer)

        return send

    trace_stub: Any = TraceServiceStub(channel)  # type: ignore[no-untyped-call]
    log_stub: Any = LogsServiceStub(channel)  # type: ignore[no-untyped-call]

    def call(compression: grpc.Compression) -> Any:
        def send(export: planting.Export) -> None:
            traces = isinstance(export, ExportTraceServiceRequest)
            stub = trace_stub if traces else log_stub
            answer = stub.Export(export, compression=compression)
            assert not answer.HasField("partial_success"), answer

        return send

    return {
        "protobuf": http(bytes, ""),
        "json": http(bytes, "", as_json=True),
        "grpc": call(grpc.Compression.NoCompression),
        "protobuf zstd": http(zstandard.compress, "zstd"),
        "json gzip": http(gzip.compress, "gzip", as_json=True),
        "grpc gzip": call(grpc.Compression.Gzip),
    }


@pytest.fixture(scope="module", params=["sqlite and folder", "postgres and s3"])
def swept(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Swept]:
    """A platform after all secrets have gone in by all inputs, into two projects."""
    folder = tmp_path_factory.mktemp("swept")
    environment: dict[str, str] = {}
    data: Path | None = None
    if request.param == "sqlite and folder":
        data = folder / "data"
        url, objects = f"sqlite:///{data}/tracefoundry.db", data / "payloads"
        where = ["--data", str(data)]
    else:
        postgres: PostgresServer = request.getfixturevalue("postgres_server")
        s3: S3Server = request.getfixturevalue("s3_server")
        bucket = request.getfixturevalue("new_bucket")()
        url, objects = postgres.create_database("swept"), s3.folder / "root" / bucket / "some"
        where = ["--database", url, "--payloads", f"s3://{bucket}/some"]
        environment = s3.environment
    created = run_command(
        "project", "create", STRICT, "--redaction", "strict", *where[:2], environment=environment
    )
    assert 0 == created.returncode, created.stderr
    samples = planting.samples(1)
    if data is None:
        # Where things are stored matters here; the engine has seen all kinds before.
        samples = dict(list(samples.items())[::2])
    search = secret_search.SecretSearch({kind: core for kind, (_, _, core) in samples.items()})
    with running("serve", *where, folder=folder, environment=environment) as platform:
        rules = {rule for rule, _, _ in samples.values()}
        swept = Swept(platform, url, objects, data, search, rules)
        with grpc.insecure_channel(platform.grpc) as channel:
            _send_everything(swept, inputs(platform, channel), samples)
        yield swept


def hiding_from(number: int) -> Callable[[int, str], str]:
    """Encodings in turn, for each place the next one."""
    return lambda place, text: hiding.ENCODINGS[(place + number) % len(hiding.ENCODINGS)](text)


def _send_everything(swept: Swept, ways: Inputs, samples: dict[str, secret_samples.Sample]) -> None:
    """Each kind in every place, in an encoding and by an input that go round; some of them into the
    other project too."""
    names = list(ways)
    for number, (_, text, _) in enumerate(samples.values()):
        for project in (None, STRICT) if number % 8 == 0 else (None,):
            spans, logs = planting.in_every_place(text, hiding_from(number))
            way_in = ways[names[number % len(names)]]
            for export in (spans, logs):
                if project is not None:
                    planting.into_project(export, project)
                way_in(export)
            swept.traces.append(spans.resource_spans[0].scope_spans[0].spans[0].trace_id.hex())
    for word, project in ((WORD, None), (CONTENT_WORD, STRICT)):
        spans, logs = planting.in_every_place(
            word, places=None if project is None else planting.CONTENT_PLACES
        )
        for export in (spans, logs):
            if project is not None:
                planting.into_project(export, project)
            ways["protobuf"](export)
        swept.traces.append(spans.resource_spans[0].scope_spans[0].spans[0].trace_id.hex())


def test_nothing_of_a_secret_is_stored_or_logged(swept: Swept) -> None:
    """Rows, objects, decompressed blobs, the files of the data folder, standard error."""
    assert [] == swept.search.left_in(swept.stored())


def test_nothing_of_a_secret_is_answered(swept: Swept) -> None:
    """Lists, statistics, spans, skeletons, trees, audit, metrics and a choice of payloads."""
    assert [] == swept.search.left_in(swept.answers(swept.traces[::2]))
    assert [] == swept.search.left_in(swept.payloads(swept.traces[::4], every=10))


def test_the_search_finds_what_is_there(swept: Swept) -> None:
    """A harmless word of the same places: in tables, previews, blobs, trees and payloads."""
    search = secret_search.SecretSearch({"word": WORD})
    places = {where.partition(" ")[0] for where, _ in search.left_in(swept.stored())}
    tables = {place.removeprefix("public.").partition("_y")[0] for place in places}
    assert {"blob", "resources", "scopes", "payload_blobs"} <= tables
    assert [True, True] == [
        any(place.startswith(start) for place in tables) for start in ("spans", "span_logs")
    ]
    trace = swept.traces[-2]
    answers = {where for where, _ in search.left_in(swept.answers([trace]))}
    assert {f"/api/traces/{trace}/tree", f"/api/traces/{trace}/spans?limit=10000"} <= answers
    assert search.left_in(swept.payloads([trace]))


def test_searching_for_a_secret_finds_no_trace(swept: Swept) -> None:
    """Neither by a text search nor by the hash of the secret."""
    for kind, (_, _, core) in list(planting.samples(1).items())[::12]:
        assert [] == traces_found(swept.platform.get, core), kind
    assert traces_found(swept.platform.get, WORD)


def test_every_rule_is_counted(swept: Swept) -> None:
    """In the metrics, and on the spans themselves."""
    text = swept.platform.client.get(swept.platform.api + "/metrics").text
    counted = set(re.findall(r'tracefoundry_redactions_total\{rule="([a-z0-9_]+)"\}', text))
    assert set() == swept.rules - counted
    for trace in swept.traces[:9:4]:
        spans = swept.platform.get(f"/api/traces/{trace}/spans", limit=10_000)["spans"]
        assert all(found["redactions"] for found in spans)


def test_strict_mode_keeps_no_content_at_all(swept: Swept) -> None:
    """No blob, no object, no word of it in any row: only that there was something."""
    assert [] == [where for where, _ in secret_search.files(swept.objects) if STRICT in where]
    search = secret_search.SecretSearch({"word": CONTENT_WORD})
    assert [] == search.left_in(swept.stored())
    spans = swept.platform.get(f"/api/traces/{swept.traces[-1]}/spans", limit=10_000)["spans"]
    entries = [entry for found in spans for entry in found["payloads"]]
    assert {("redacted", None, None)} == {
        (entry["state"], entry["ref"], entry["preview"]) for entry in entries
    }
    assert {"input_messages", "output_messages", "tool_result"} <= {e["slot"] for e in entries}


def around_border(texts: list[str]) -> str:
    """A text a little longer than our chunks with secrets close together where the first ends,
    before and after they have become shorter."""
    crowd = " ".join(texts * 4) + " "
    return "padding " * ((CHUNK_BYTES - len(crowd) // 5) // 8) + crowd + "padding " * 4_000


def test_secrets_across_our_own_chunks_and_segments_are_found(swept: Swept) -> None:
    """Values longer than a chunk; lists that grow past where they are cut; a message longer than a
    chunk in a list."""
    samples = [s for k, s in planting.samples(2).items() if k != "private_key"]
    search = secret_search.SecretSearch({s[1]: s[2] for s in samples})
    texts = [text for _, text, _ in samples]
    history = [
        {"role": "user", "content": f"{texts[at % len(texts)]} {'word ' * 60}{texts[-at]}"}
        for at in range(40)
    ]
    large = around_border(texts)
    history.insert(20, {"role": "tool", "content": large})
    values = [large, *(json.dumps(history[:turns]) for turns in (5, 19, 41))]
    trace = new_trace_id()
    for value in values:
        attributes = {"gen_ai.input.messages": value}
        plain = request([span(trace, attributes=attributes)]).SerializeToString()
        assert_stored(post(swept.platform, gzip.compress(plain, 1), content_encoding="gzip"))
    spans = swept.platform.get(f"/api/traces/{trace.hex()}/spans")["spans"]
    refs = [found["payloads"][0]["ref"] for found in spans]
    read = [(ref, swept._get(f"/api/payloads/{ref}")) for ref in refs]
    assert len(values) == len(set(refs))
    assert all(len(text) > 1_000 and b"[redacted:" in text for _, text in read)
    assert [] == search.left_in(read)
    assert [] == search.left_in(secret_search.object_contents(swept.objects))


def refused_bodies(secret: str) -> dict[str, tuple[bytes, str, dict[str, str]]]:
    """Bodies with a secret that are refused, whole or in part: content, type, headers."""
    good = planting.trace_export()
    for plant in ("attribute", "input_messages", "span_name", "resource"):
        planting.SPAN_PLACES[plant](good, secret)
    whole = good.SerializeToString()
    text = json.dumps(planting.as_json(good)).encode()
    bad_ids, old, other = (ExportTraceServiceRequest.FromString(whole) for _ in range(3))
    bad_ids.resource_spans[0].scope_spans[0].spans[0].trace_id = secret.encode()[:15]
    old.resource_spans[0].scope_spans[0].spans[0].start_time_unix_nano = 1_000
    planting.into_project(other, "nobodys")
    return {
        "protobuf cut": (whole[:-3], PROTOBUF, {}),
        "protobuf with garbage": (whole + b"\xff\xff\xff" + secret.encode(), PROTOBUF, {}),
        "json cut": (text[:-9], JSON, {}),
        "json of a wrong shape": (json.dumps({"resourceSpans": secret}).encode(), JSON, {}),
        "json with a wrong time": (
            re.sub(
                rb'("startTimeUnixNano": )"\d+"',
                lambda found: found[1] + json.dumps(secret).encode(), text,
            ),
            JSON, {},
        ),
        "json with a wrong id": (
            re.sub(
                rb'("traceId": )"\w+"',
                lambda found: found[1] + json.dumps(secret).encode(), text,
            ),
            JSON, {},
        ),
        "gzip cut": (gzip.compress(whole)[:-4], PROTOBUF, {"content_encoding": "gzip"}),
        "no gzip": (whole, PROTOBUF, {"content_encoding": "gzip"}),
        "json as protobuf": (text, PROTOBUF, {}),
        "wrong ids": (bad_ids.SerializeToString(), PROTOBUF, {}),
        "outside the window": (old.SerializeToString(), PROTOBUF, {}),
        "unknown project": (other.SerializeToString(), PROTOBUF, {}),
        "a project by header": (whole, PROTOBUF, {"x_tracefoundry_project": "nobodys-either"}),
    }  # fmt: skip


def test_what_is_refused_leaves_nothing(swept: Swept) -> None:
    """Neither in the answer, nor in the logs, nor in the store."""
    _, secret, core = planting.samples(3)["anthropic"]
    search = secret_search.SecretSearch({"secret": core})
    for case, (content, content_type, headers) in refused_bodies(secret).items():
        answer = post(swept.platform, content, content_type=content_type, **headers)
        if answer.status_code == 200:
            assert 1 == partial(answer)[0], case
        else:
            assert 400 == answer.status_code, (case, answer.content)
        assert set() == search.found(answer.content), (case, answer.content)
    assert [] == search.left_in(swept.stored())


def test_what_is_asked_for_is_not_written_down(swept: Swept) -> None:
    """A secret that somebody pastes into an address stays out of logs and tables."""
    core = planting.samples(4)["openai"][2]
    search = secret_search.SecretSearch({"secret": core})
    for path in (
        f"/api/{core}",
        f"/api/traces/{core}",
        f"/api/traces/{core}/spans",
        f"/api/payloads/{core}",
        f"/api/spans/{core}?trace_id={core}",
        f"/api/traces?project={core}",
        f"/api/traces?cursor={core}",
        f"/api/traces?{core}=1",
        f"/v1/traces?token={core}",
        f"/{core}",
    ):
        answer = swept.platform.client.get(
            swept.platform.api + path, headers={"cookie": core, "x-api-key": core}
        )
        assert 400 <= answer.status_code < 500, path
    assert [] == search.left_in(swept.stored())


PROPERTY_EXAMPLES = 80


@settings(max_examples=PROPERTY_EXAMPLES, deadline=None)
@given(
    secret=secret_samples.any_secret().filter(lambda secret: len(set(secret[2])) > 3),
    hide=st.sampled_from(hiding.ENCODINGS),
    place=st.one_of(
        st.sampled_from(sorted(planting.SPAN_PLACES)).map(lambda name: ("span", name)),
        st.sampled_from(sorted(planting.LOG_PLACES)).map(lambda name: ("log", name)),
    ),
    as_json=st.booleans(),
)
def test_one_secret_alone_is_found_wherever_and_however_it_is_hidden(
    platform: Platform,
    secret: secret_samples.Sample,
    hide: hiding.Hide,
    place: tuple[str, str],
    as_json: bool,
) -> None:
    """No other secret in the body draws the engine's eye. What the API shows of the trace, with
    its payloads, is read by brute force."""
    _, text, core = secret
    signal, name = place
    trace_id = new_trace_id()
    spans = planting.trace_export(trace_id)
    export: planting.Export = spans
    if signal == "span":
        planting.SPAN_PLACES[name](spans, hide(text))
    else:
        plain = spans.resource_spans[0].scope_spans[0].spans[0]
        assert_stored(post(platform, spans.SerializeToString()))
        export = planting.log_export(trace_id, plain.span_id)
        planting.LOG_PLACES[name](export, hide(text))
    path = "/v1/traces" if signal == "span" else "/v1/logs"
    content = planting.as_json(export) if as_json else export.SerializeToString()
    assert_stored(post(platform, content, path=path))
    below = f"/api/traces/{trace_id.hex()}"
    trace, listed = platform.get(below), platform.get(f"{below}/spans")
    (found,) = listed["spans"]
    assert found["redactions"] or any(log["redactions"] for log in found["logs"])
    texts = [json.dumps(without_ids(shown)) for shown in (trace, listed)]
    for entry in found["payloads"]:
        if entry["state"] == "present":
            answer = platform.client.get(f"{platform.api}/api/payloads/{entry['ref']}")
            assert 200 == answer.status_code
            texts.append(answer.text)
    for shown in texts:
        short = shown.replace(planting.LONG, "")
        assert not looking.leaks(core, short), (place, hide.__name__, short)


def without_ids(value: Any) -> Any:
    """The answer without what is a number to everybody: ids and times hold any digits."""
    if isinstance(value, dict):
        return {
            key: without_ids(member)
            for key, member in value.items()
            if not key.endswith(("_id", "_ns")) or key == "conversation_id" or key == "user_id"
        }
    if isinstance(value, list):
        return [without_ids(member) for member in value]
    return value
