"""Frames between the listening process and its workers."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tracefoundry.ingest.messages import FRAME, IngestRequest, Outcome, frame


@given(
    st.builds(
        IngestRequest,
        id=st.integers(0, 2**63 - 1),
        signal=st.sampled_from(["traces", "logs"]),
        encoding=st.sampled_from(["protobuf", "json"]),
        content_encoding=st.text(max_size=20),
        project=st.none() | st.text(max_size=20),
    ),
    st.binary(max_size=1000),
)
def test_a_request_and_its_body_come_out_as_they_went_in(
    request: IngestRequest, body: bytes
) -> None:
    """The lengths tell head and body apart; the body is not copied."""
    head, payload = frame(request, body)
    assert body is payload
    head_size, body_size = FRAME.unpack(head[: FRAME.size])
    assert len(head) - FRAME.size == head_size
    assert len(body) == body_size
    assert request == msgspec.msgpack.decode(head[FRAME.size :], type=IngestRequest)


def test_an_outcome_comes_out_as_it_went_in() -> None:
    """Counts by reason included."""
    outcome = Outcome(7, "ok", "2 spans refused", 3, 4, 5, {"invalid_trace_id": 2}, 0.25)
    head, payload = frame(outcome)
    assert b"" == payload
    assert outcome == msgspec.msgpack.decode(head[FRAME.size :], type=Outcome)
    assert 2 == outcome.rejected_total
