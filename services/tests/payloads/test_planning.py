"""What is stored for message lists, how much it costs, and that it reads back exactly."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefoundry.model.payload import ref_of
from tracefoundry.payloads.codec import BlobCodec, DecodedBlob
from tracefoundry.payloads.errors import PayloadCorrupt, PayloadMissing
from tracefoundry.payloads.lists import (
    MAX_DEPTH,
    ListNode,
    Part,
    assemble,
    decode_node,
    encode_node,
)
from tracefoundry.payloads.planning import CHUNK_BYTES, NewBlob, PayloadPlan

BLOB_ROW_BYTES = 96
"""What a row about a blob holds: ref, object, project, day, offset, lengths, codec, depth."""

SPAN_REF_BYTES = 64
"""What a span's reference holds: project, trace, span, start, slot and ref."""


class Blobs:
    """One project and day in memory: what was stored, by ref."""

    def __init__(self, *, forgetful: bool = False) -> None:
        """A forgetful one answers lookups with nothing, like a stale cache."""
        self.stored: dict[str, NewBlob] = {}
        self.forgetful = forgetful
        self.fetches = 0
        self.looked_up = 0

    def lookup(self, refs: Sequence[str]) -> dict[str, int]:
        """Depths of the refs that are stored."""
        self.looked_up += len(refs)
        if self.forgetful:
            return {}
        return {ref: self.stored[ref].depth for ref in refs if ref in self.stored}

    def commit(self, *values: bytes) -> list[NewBlob]:
        """Store some values; returns what was new."""
        plan = PayloadPlan()
        for value in values:
            plan.add(value)
        known = self.lookup(plan.first_lookup())
        known |= self.lookup(plan.second_lookup(known))
        blobs, _ = plan.finish(known)
        for blob in blobs:
            self.stored.setdefault(blob.ref, blob)
        return blobs

    def fetch(self, refs: Sequence[str]) -> Mapping[str, DecodedBlob]:
        """Blobs as the store gives them, through the codec."""
        self.fetches += 1
        codec, found = BlobCodec(), {}
        for ref in refs:
            if ref in self.stored:
                blob = self.stored[ref]
                data = codec.encode("p", ref, blob.content, form=blob.form).data
                found[ref] = codec.decode("p", ref, data)
        return found

    def read(self, value: bytes) -> bytes:
        """The value again, from what was stored."""
        return assemble(ref_of(value), self.fetch)


def message(seed: int, length: int = 2000) -> dict[str, str]:
    """A chat message of about ``length`` bytes."""
    letters = random.Random(seed).choices("abcdefghijklmnopqrstuvwxyz     ", k=length - 40)
    return {"role": "user" if seed % 2 else "assistant", "content": "".join(letters)}


def text_of(messages: Iterable[object]) -> bytes:
    """A message list as instrumentations send it."""
    return json.dumps(list(messages)).encode()


def cost_bytes(blobs: Iterable[NewBlob]) -> int:
    """Uncompressed bytes of blobs with their headers and rows, so that no luck helps."""
    return sum(14 + len(blob.content) + BLOB_ROW_BYTES for blob in blobs)


@pytest.mark.parametrize("added_a_turn", [1, 2, 5])
@pytest.mark.parametrize("turns_a_commit", [1, 10])
def test_fifty_turns_cost_under_a_fifth_more_than_their_messages(
    added_a_turn: int, turns_a_commit: int
) -> None:
    """Blobs, headers, rows and refs of a conversation that resends its history, uncompressed."""
    blobs = Blobs()
    messages = [message(seed) for seed in range(50 * added_a_turn)]
    turns = [text_of(messages[: (i + 1) * added_a_turn]) for i in range(50)]
    for start in range(0, 50, turns_a_commit):
        blobs.commit(*turns[start : start + turns_a_commit])
    stored = cost_bytes(blobs.stored.values()) + 50 * SPAN_REF_BYTES
    distinct = sum(len(json.dumps(m)) for m in messages)
    assert (True, turns) == (stored < 1.2 * distinct, [blobs.read(turn) for turn in turns])


def test_rewriting_the_last_message_every_turn_stays_cheap() -> None:
    """Agents that end their list with a changing reminder still share the history."""
    blobs = Blobs()
    messages = [message(seed) for seed in range(100)]
    turns = [text_of([*messages[: 2 * i + 2], {"role": "user", "now": i}]) for i in range(50)]
    for turn in turns:
        blobs.commit(turn)
    stored = cost_bytes(blobs.stored.values()) + 50 * SPAN_REF_BYTES
    distinct = sum(len(json.dumps(m)) for m in messages)
    assert (True, turns) == (stored < 1.25 * distinct, [blobs.read(turn) for turn in turns])


def test_a_sliding_window_stores_each_message_once() -> None:
    """Messages are shared between lists that did not grow from each other."""
    blobs = Blobs()
    messages = [message(seed) for seed in range(60)]
    for start in range(40):
        blobs.commit(text_of(messages[start : start + 20]))
    contents = [b for b in blobs.stored.values() if b.form == "content"]
    assert 59 == len(contents)


def test_an_answer_is_stored_once_as_output_and_in_the_next_input() -> None:
    """Separators are not part of messages."""
    blobs = Blobs()
    question, answer = message(1), message(2)
    blobs.commit(text_of([question, answer]))
    new = blobs.commit(text_of([answer, question, message(3)]))
    assert 2 == len(new)


def test_the_chain_of_a_long_conversation_is_bounded() -> None:
    """A read takes a bounded number of steps after any number of turns."""
    blobs = Blobs()
    messages = [message(seed, 200) for seed in range(300)]
    for turn in range(1, 300):
        blobs.commit(text_of(messages[:turn]))
    last = text_of(messages[:299])
    blobs.fetches = 0
    deepest = max(blob.depth for blob in blobs.stored.values())
    read = blobs.read(last)
    assert (last, True, True) == (read, deepest <= MAX_DEPTH, blobs.fetches <= MAX_DEPTH + 2)


def test_a_turn_asks_about_few_refs() -> None:
    """The history is not looked up message by message."""
    blobs = Blobs()
    messages = [message(seed, 300) for seed in range(200)]
    blobs.commit(text_of(messages[:198]))
    blobs.looked_up = 0
    blobs.commit(text_of(messages))
    assert True is (blobs.looked_up < 50)


@given(
    lengths=st.lists(st.integers(50, 2500), min_size=1, max_size=40),
    cuts=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    forgetful=st.booleans(),
    together=st.booleans(),
)
def test_any_growing_list_reads_back_exactly(
    lengths: list[int], cuts: list[int], forgetful: bool, together: bool
) -> None:
    """In one commit or several, with complete or empty answers to lookups."""
    blobs = Blobs(forgetful=forgetful)
    messages = [message(seed, length) for seed, length in enumerate(lengths)]
    values = [text_of(messages[:cut]) for cut in cuts]
    if together:
        blobs.commit(*values)
    else:
        for value in values:
            blobs.commit(value)
    assert values == [blobs.read(value) for value in values]


@given(value=st.binary(max_size=2000))
def test_any_value_reads_back_exactly(value: bytes) -> None:
    """Whatever it is."""
    blobs = Blobs()
    blobs.commit(value)
    assert value == blobs.read(value)


def test_the_same_value_again_stores_nothing() -> None:
    """It is answered by the first lookup."""
    blobs = Blobs()
    value = text_of(message(seed) for seed in range(5))
    blobs.commit(value, value)
    assert [] == blobs.commit(value)


def test_stored_refs_that_a_commit_relies_on_are_reported() -> None:
    """They must be locked against deletion."""
    blobs = Blobs()
    first = text_of(message(seed) for seed in range(3))
    blobs.commit(first, b"a result")
    plan = PayloadPlan()
    plan.add(text_of(message(seed) for seed in range(4)))
    plan.add(b"a result")
    known = blobs.lookup(plan.first_lookup())
    known |= blobs.lookup(plan.second_lookup(known))
    assert sorted([ref_of(first), ref_of(b"a result")]) == plan.finish(known)[1]


def test_blobs_come_after_those_they_need() -> None:
    """A reader never meets a list whose parts are not stored yet."""
    blobs = Blobs()
    seen: set[str] = set()
    new = blobs.commit(*(text_of(message(s) for s in range(n)) for n in (40, 3, 20)))
    for blob in new:
        assert set() == set(blob.references) - seen
        seen.add(blob.ref)


def test_very_large_content_is_cut_to_fit_into_packs() -> None:
    """No blob is longer than half a pack, and the value reads back."""
    blobs = Blobs()
    huge = random.Random(1).randbytes(2 * CHUNK_BYTES + 100)
    conversation = text_of([message(1), {"image": "x" * (CHUNK_BYTES + 5)}, message(2)])
    blobs.commit(huge, conversation)
    longest = max(len(blob.content) for blob in blobs.stored.values())
    read = [blobs.read(huge), blobs.read(conversation)]
    assert ([huge, conversation], CHUNK_BYTES) == (read, longest)


def test_an_element_that_is_itself_a_stored_list_reads_back() -> None:
    """Before or after the list that holds it."""
    inner = text_of(message(seed) for seed in range(3))
    outer = b"[" + inner + b", " + inner + b"]"
    for order in ([inner, outer], [outer, inner]):
        blobs = Blobs()
        for value in order:
            blobs.commit(value)
        assert [inner, outer] == [blobs.read(inner), blobs.read(outer)]


def test_two_writers_that_describe_each_others_parts_leave_readable_lists() -> None:
    """Whichever row wins, content and list of one ref are the same bytes."""
    inner = text_of(message(seed) for seed in range(3))
    outer = b"[" + inner + b", 1]"
    one, other = Blobs(), Blobs()
    one.commit(inner)
    other.commit(outer)
    one.stored = {**other.stored, **one.stored}
    assert [inner, outer] == [one.read(inner), one.read(outer)]


def test_a_missing_part_is_named() -> None:
    """The error names the ref that is not there."""
    blobs = Blobs()
    value = text_of(message(seed) for seed in range(3))
    blobs.commit(value)
    part = ref_of(json.dumps(message(1)).encode())
    del blobs.stored[part]
    with pytest.raises(PayloadMissing, match=part):
        blobs.read(value)


@pytest.mark.parametrize(
    "node",
    [
        ListNode(12, None, 0, (Part(b"[", ref_of(b"a")),), b", 1]"),
        ListNode(4, ref_of(b"a"), 1, (), b"[1]"),
        ListNode(2**34, None, 0, (), b""),
        ListNode(6, ref_of(b"list"), 0, (), b""),
        ListNode(3, None, 0, (Part(b"", ref_of(b"list")),), b""),
    ],
)
def test_a_description_that_gives_other_bytes_is_corrupt(node: ListNode) -> None:
    """Wrong lengths, wrong bytes, and circles."""
    blobs = {
        ref_of(b"list"): DecodedBlob("list", encode_node(node)),
        ref_of(b"a"): DecodedBlob("content", b"a"),
    }
    with pytest.raises(PayloadCorrupt, match=ref_of(b"list")):
        assemble(ref_of(b"list"), lambda refs: {ref: blobs[ref] for ref in refs})


@given(data=st.binary(max_size=120))
def test_any_bytes_are_a_description_or_an_error(data: bytes) -> None:
    """Damage is never an unexpected exception or a large allocation."""
    try:
        node = decode_node(data)
    except ValueError:
        return
    assert True is (len(node.tail) <= len(data))


def test_a_description_survives_its_encoding() -> None:
    """All fields come back."""
    node = ListNode(300, ref_of(b"x"), 200, (Part(b",", ref_of(b"y")),) * 3, b"]" * 200)
    assert node == decode_node(encode_node(node))
