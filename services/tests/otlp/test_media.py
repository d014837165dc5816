"""Content-Type headers and the encodings they name."""

from __future__ import annotations

import pytest

from tracefoundry.otlp.media import CONTENT_TYPES, Encoding, parse_content_type


@pytest.mark.parametrize(
    ("value", "encoding"),
    [
        ("application/x-protobuf", "protobuf"),
        ("application/protobuf", "protobuf"),
        ("application/json", "json"),
        ("APPLICATION/JSON", "json"),
        ("application/json; charset=utf-8", "json"),
        (" Application/X-Protobuf ;v=1", "protobuf"),
        ("text/plain", None),
        ("application/jsonl", None),
        ("", None),
        (None, None),
    ],
)
def test_a_content_type_names_an_encoding_in_any_case_and_with_parameters(
    value: str | None, encoding: Encoding | None
) -> None:
    """Case and parameters are ignored; anything else is unknown."""
    assert encoding == parse_content_type(value)


def test_answers_carry_types_that_are_read_as_their_own_encoding() -> None:
    """The collector compares the answer's Content-Type exactly."""
    assert {"protobuf": "application/x-protobuf", "json": "application/json"} == CONTENT_TYPES
    assert list(CONTENT_TYPES) == [parse_content_type(value) for value in CONTENT_TYPES.values()]
