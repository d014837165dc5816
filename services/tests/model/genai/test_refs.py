"""References to content that the sender stored."""

from __future__ import annotations

import pytest

from tracefoundry.model.genai.refs import ContentRef, refs_of
from tracefoundry.model.payload import digest_of

DIGEST = bytes(range(32))


def test_references_are_found_with_their_slots() -> None:
    """A ref of ours has a digest; a hash in a file name is not one."""
    foreign = f"s3://bucket/traces/{DIGEST.hex()}_system_instruction.jsonl"
    own = f"sha256:{DIGEST.hex()}"
    found = refs_of(
        {
            "gen_ai.request.model": "m",
            "gen_ai.system_instructions_ref": foreign,
            "gen_ai.input.messages_ref": own,
        }
    )
    assert found == [
        ContentRef("gen_ai.system_instructions_ref", "system_instructions", foreign),
        ContentRef("gen_ai.input.messages_ref", "input_messages", own),
    ]
    assert DIGEST == digest_of(own)
    with pytest.raises(ValueError, match="is not a payload ref"):
        digest_of(foreign)


def test_what_is_no_reference_is_left_alone() -> None:
    """Wrong types, endless strings, and our own names from outside."""
    assert [] == refs_of(
        {
            "gen_ai.input.messages_ref": 3,
            "gen_ai.output.messages_ref": "x" * 5000,
            "gen_ai.tool.definitions_ref": "",
            "tracefoundry.payload.input_messages_ref": f"sha256:{DIGEST.hex()}",
        }
    )


@pytest.mark.parametrize("text", [f"sha256:{DIGEST.hex().upper()}", f"sha256:{DIGEST.hex()}00"])
def test_a_digest_that_is_not_exact_points_outside(text: str) -> None:
    """Case and length count."""
    with pytest.raises(ValueError, match="is not a payload ref"):
        digest_of(text)
