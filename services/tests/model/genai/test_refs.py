"""References to content that the sender stored."""

from __future__ import annotations

from tracefoundry.model.genai.refs import ContentRef, refs_of

DIGEST = bytes(range(32))


def test_references_are_found_with_their_slots() -> None:
    """Ours have a digest; a hash in a file name is not one of ours."""
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
        ContentRef("gen_ai.system_instructions_ref", "system_instructions", foreign, None),
        ContentRef("gen_ai.input.messages_ref", "input_messages", own, DIGEST),
    ]


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


def test_a_digest_that_is_not_exact_points_outside() -> None:
    """Case and length count."""
    assert [None, None] == [
        ref.digest
        for ref in refs_of(
            {
                "gen_ai.input.messages_ref": f"sha256:{DIGEST.hex().upper()}",
                "gen_ai.output.messages_ref": f"sha256:{DIGEST.hex()}00",
            }
        )
    ]
