"""Any trace that a store can hold comes out of a bundle as it went in."""

from __future__ import annotations

import copy
import io
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given

from bundle.stored_traces import OFF, exported
from store.test_model_reading import PROPERTY, exact, offload, traces
from stores import writer_of
from tracefoundry.bundle.reading import Bundle
from tracefoundry.model.contents import restore_span
from tracefoundry.model.payload import Content
from tracefoundry.model.span import Span
from tracefoundry.model.times import day_of
from tracefoundry.payloads.codec import BlobCodec
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.payloads.storing import PayloadWriter
from tracefoundry.store.api import Store


@pytest.fixture
def objects(tmp_path: Path) -> FilesystemStore:
    """An empty payload store."""
    return FilesystemStore(tmp_path / "payloads")


def keep(store: Store, objects: FilesystemStore, spans: Sequence[Span]) -> None:
    """Store offloaded spans and their contents."""
    writer = writer_of(store)
    contents: dict[tuple[int, str, int], list[Content]] = {}
    for span in spans:
        if span.contents:
            key = (1, "default", day_of(span.start_time_ns))
            contents.setdefault(key, []).extend(span.contents)
    payloads = PayloadWriter(objects, BlobCodec(), previews=True)
    rows = payloads.store(contents, writer.stored_payloads)
    result = writer.commit([writer.prepare_span(1, span) for span in spans], (), rows)
    assert result.refused_spans == []
    writer.close()


def comparable(spans: Sequence[Span]) -> list[bytes]:
    """Spans without what a bundle does not say: views are derived, policies belong to a store."""
    return exact(
        [
            msgspec.structs.replace(
                span, genai=None, policy_version=0, contents=(), encoded_attributes=b""
            )
            for span in spans
        ]
    )


@PROPERTY
@given(spans=traces())
def test_spans_and_contents_survive_an_export(
    store: Store, objects: FilesystemStore, spans: list[Span]
) -> None:
    """Entries and refs as stored; put back, the values that were sent."""
    originals = copy.deepcopy(spans)
    offload(spans)
    keep(store, objects, spans)
    data, _ = exported(store, objects, [spans[0].trace_id], policy=OFF)
    bundle = Bundle(io.BytesIO(data))
    found = [span for chunk in bundle.spans() for span in chunk]
    assert comparable(found) == comparable(spans)
    contents = {f"sha256:{sha256}": content for sha256, content in bundle.payloads()}
    restored = [restore_span(span, contents) for span in found]
    for original, span in zip(originals, spans, strict=True):
        original.payloads = tuple(one for one in span.payloads if one.state == "reference")
    assert comparable(restored) == comparable(originals)
