"""OTLP JSON files: lines, documents, compression, and what is wrong with a file."""

from __future__ import annotations

import gzip
import io
import json

import orjson
import pytest
import zstandard

from tracefoundry.interchange.errors import UnreadableFile
from tracefoundry.interchange.files import read_file
from tracefoundry.model.span import Resource, Scope, Span
from tracefoundry.otlp.encode import encode_traces_json


def _span(number: int) -> Span:
    return Span(
        trace_id=bytes(15) + b"\x01",
        span_id=number.to_bytes(8, "big"),
        parent_span_id=b"",
        name=f"step {number}",
        kind=1,
        start_time_ns=1_700_000_000_000_000_000 + number,
        end_time_ns=1_700_000_000_000_000_900,
        status_code=0,
        status_message="",
        attributes={"n": number, "text": "a\nb"},
        resource=Resource({"service.name": "shop"}),
        scope=Scope("agents", "1"),
    )


SPANS = [_span(1), _span(2), _span(3)]
LINES = b"".join(encode_traces_json([span]) + b"\n" for span in SPANS)
DOCUMENT = json.dumps(orjson.loads(encode_traces_json(SPANS)), indent=2).encode()


def _frames() -> bytes:
    frames = [zstandard.compress(line) for line in LINES.splitlines()]
    return b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)


@pytest.mark.parametrize(
    "content",
    [
        LINES,
        LINES.rstrip(b"\n"),
        LINES.replace(b"\n", b"\r\n\r\n"),
        b"\xef\xbb\xbf" + LINES,
        DOCUMENT,
        gzip.compress(LINES, mtime=0),
        gzip.compress(LINES[:500], mtime=0) + gzip.compress(LINES[500:], mtime=0),
        zstandard.compress(DOCUMENT),
        zstandard.compress(LINES[:500]) + zstandard.compress(LINES[500:]),
        _frames(),
    ],
    ids=[
        "lines", "no last newline", "CRLF and blank lines", "byte order mark", "document", "gzip",
        "gzip members", "zstd", "zstd frames", "frames of the collector",
    ],
)  # fmt: skip
def test_spans_of_a_file_equal_those_that_were_written(content: bytes) -> None:
    imported = read_file(io.BytesIO(content))
    assert imported.format == "otlp"
    for _ in range(2):  # a file can be read again
        assert [span for chunk in imported.chunks() for span in chunk.spans] == SPANS
    assert imported.report.lines() == []


def test_metrics_other_logs_and_refused_spans_are_reported() -> None:
    bad = {"traceId": "00", "spanId": "01", "name": "bad"}
    lines = [
        {"resourceMetrics": [{}]},
        {"resourceSpans": [{"scopeSpans": [{"spans": [bad]}]}]},
        {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "hi"}}]}]}]},
    ]
    imported = read_file(io.BytesIO(b"\n".join(map(orjson.dumps, lines))))
    assert [chunk.spans for chunk in imported.chunks()] == [[], [], []]
    assert [(loss.what, loss.count) for loss in imported.report] == [
        ("OTLP metrics are not imported", 1),
        ("OTLP records refused: invalid_trace_id", 1),
        ("logs that are no GenAI events", 1),
    ]
    assert [loss.first_place for loss in imported.report][1].startswith("line 2, resourceSpans[0]")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file: is empty"),
        (b" \n\n", "the file: is empty"),
        (b"PAR1....", "the file: is Parquet"),
        (b"PK\x03\x04....", "the file: is a zip archive"),
        (b"time,name\n1,2\n", "line 1: is not valid JSON"),
        (LINES + b"{broken\n", "line 4: is not valid JSON"),
        (LINES + b'{"resourceSpans": [\n', "line 4: the body is not valid JSON"),
        (LINES + b'{"name": "x"}\n', "line 4: is no OTLP export request"),
        (LINES + b"[1]\n", "line 4: is no object"),
        (b'{"resourceSpans": 7}', "line 1: resourceSpans: expected an array"),
        (b'{"name": "x"}', "line 1: the file is none of the known formats"),
        (b"[" * 150 + b"]" * 150, "line 1: is nested deeper than 100 levels"),
        (gzip.compress(LINES, mtime=0)[:-9], "the gzip data: end too early"),
        (gzip.compress(LINES, mtime=0)[:-8] + b"x" * 8, "the gzip data: are damaged"),
        (zstandard.compress(LINES)[:-3], "the zstd data: end too early"),
        (_frames()[:-3], "record 3: ends too early"),
    ],
)
def test_a_bad_file_is_refused_with_its_place_and_a_remedy(content: bytes, message: str) -> None:
    with pytest.raises(UnreadableFile) as refused:
        for _ in read_file(io.BytesIO(content)).chunks():
            pass
    assert str(refused.value).startswith(message)
    assert "; " in str(refused.value)


def test_spans_and_logs_of_one_record_are_both_read() -> None:
    log = {
        "traceId": "01" * 16, "spanId": "02" * 8, "eventName": "gen_ai.choice", "timeUnixNano": "5"
    }  # fmt: skip
    both = orjson.loads(LINES.splitlines()[0]) | {
        "resourceLogs": [{"scopeLogs": [{"logRecords": [log]}]}]
    }
    (chunk,) = read_file(io.BytesIO(orjson.dumps(both))).chunks()
    assert (chunk.spans, [found.name for found in chunk.logs]) == ([SPANS[0]], ["gen_ai.choice"])


def test_a_bomb_is_refused() -> None:
    bomb = zstandard.compress((b" " * 1_000_000 + b"\n") * 200)
    with pytest.raises(UnreadableFile, match="inflate to more than 1000 times"):
        read_file(io.BytesIO(bomb))
