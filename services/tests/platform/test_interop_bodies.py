"""What real libraries sent, recorded by ``make record-interop``, as the API shows it."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from ingest.bodies import recent_ns
from ingest.interop_facts import FOLDER, expected_facts, facts_of
from ingest.interop_recordings import libraries, move_times, recorded
from ingest.sending import assert_stored, post
from platform_process import Platform

MOST_BYTES = 64 * 1024
"""Most bytes of a library's files."""

FORBIDDEN = {
    "a path of a machine": r"/(?:root|home|tmp|work|Users|usr|opt|var|private)/[\w.-]",
    "a path of Windows": r"\b[A-Za-z]:\\+(?:Users|Windows|Program)",
    "an installed package's path": r"/(?:site|dist)-packages/",
    "facts of a machine": r"host\.(?:name|id|arch|ip|mac)|os\.(?:type|version|description)"
    r"|process\.|container\.id|service\.instance\.id|thread\.id",
    "a key": r"\bsk-[\w-]{8,}|\bpk-lf-|(?i:authorization|bearer )|AKIA[0-9A-Z]{16}",
    "another machine's address": r"https?://(?!127\.0\.0\.1:8000\b|opentelemetry\.io/"
    r"|json-schema\.org/)[\w.-]+",
}
"""What may not be in any string of a file."""


@pytest.mark.parametrize("library", libraries())
def test_a_library(platform: Platform, library: str) -> None:
    """Kinds, models, tools, messages, tokens of spans and totals of traces are right."""
    expected = expected_facts(library)
    requests = recorded(library)
    move_times(requests, first_ns=recent_ns())
    for request in requests:
        path = expected["path"] + request.signal
        content = gzip.compress(request.export.SerializeToString())
        assert_stored(post(platform, content, path=path, content_encoding="gzip"))
    assert {"traces": expected["traces"]} == facts_of(platform, library)


def strings_of(value: Any) -> Iterator[str]:
    """All strings in a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for member in value.values():
            yield from strings_of(member)
    elif isinstance(value, list):
        for member in value:
            yield from strings_of(member)


@pytest.mark.parametrize("text", ["File /root/.cache/x", "key=sk-12345678abc", "http://pypi.org/s"])
def test_what_is_forbidden_is_found(text: str) -> None:
    """In any string, whatever stands before it."""
    assert any(re.search(pattern, text) for pattern in FORBIDDEN.values())


@pytest.mark.parametrize("library", libraries())
def test_files_hold_nothing_of_the_machine(library: str) -> None:
    """No path or fact of a machine, no key, no address but the model server's and of schemas."""
    folder = FOLDER / library
    assert sum(file.stat().st_size for file in folder.iterdir()) < MOST_BYTES
    found = [(folder / "expected.json").read_text()]
    for request in recorded(library):
        found += strings_of(MessageToDict(request.export))
    for text in found:
        for what, pattern in FORBIDDEN.items():
            assert re.search(pattern, text) is None, f"{what}: {text}"


def test_ten_libraries_are_recorded() -> None:
    """As many as the product is known to understand."""
    assert len(libraries()) >= 10
