"""Whatever a file holds, it is read or refused with a place: nothing else is raised."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreign_traces import PHOENIX_SPAN, TRACE, trajectory
from tracefoundry.interchange.detect import FORMATS, Format
from tracefoundry.interchange.errors import UnreadableFile
from tracefoundry.interchange.files import read_file
from tracefoundry.interchange.report import MAX_KINDS, LossReport
from tracefoundry.otlp.encode import encode_traces

SAMPLES: dict[str, Any] = {
    "atif": trajectory(),
    "langfuse": TRACE,
    "phoenix": PHOENIX_SPAN,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)  # fmt: skip


def _read(content: bytes, format: Format | None) -> None:
    with suppress(UnreadableFile):
        for chunk in read_file(io.BytesIO(content), format).chunks():
            encode_traces(chunk.spans)  # every value has a form in OTLP


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = (
        value.items() if type(value) is dict else enumerate(value) if type(value) is list else ()
    )
    for key, inner in items:
        found += _paths(inner, (*path, key))
    return found


@pytest.mark.parametrize("name", SAMPLES)
@given(data=st.data(), value=JSON)
def test_any_value_at_any_place_is_read_or_refused(
    name: Format, data: st.DataObject, value: Any
) -> None:
    document = orjson.loads(orjson.dumps(SAMPLES[name]))
    *parents, last = data.draw(st.sampled_from(_paths(document)))
    holder: Any = document
    for key in parents:
        holder = holder[key]
    holder[last] = value
    _read(orjson.dumps(document), name)


@pytest.mark.parametrize("name", [None, *FORMATS])
@given(value=JSON | st.binary(max_size=30))
def test_any_file_is_read_or_refused(name: Format | None, value: Any) -> None:
    _read(value if type(value) is bytes else orjson.dumps(value), name)


def test_a_report_is_bounded() -> None:
    report = LossReport()
    for number in range(MAX_KINDS + 50):
        report.add(f"loss {number}", "line 1")
    assert len(report.lines()) == MAX_KINDS + 1
    assert report.lines()[-1] == "other losses: 50 (first: line 1)"
