"""Which of two overlapping edits is made."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redaction import looking, secret_samples
from tracefoundry.redaction.edits import Edit, without_overlaps
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import Policy

REDACTOR = Redactor(Policy())
MAIL = "ann" + "@" + "example.com"


def edit(start: int, end: int, priority: int, **kind: bool) -> Edit:
    """An edit that is named by its priority."""
    return Edit(
        start, end, b"[%d]" % priority, (str(priority),), kind.get("random", False), priority,
        kind.get("rewrite", False),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        # apart
        ([edit(5, 9, 3), edit(0, 5, 7)], [(0, 5, 7), (5, 9, 3)]),
        # one inside another: the range of the wider one, the name of the more important one
        ([edit(0, 9, 7), edit(2, 5, 3)], [(0, 9, 3)]),
        ([edit(0, 9, 3), edit(0, 5, 7)], [(0, 9, 3)]),
        ([edit(0, 9, 7), edit(5, 9, 3)], [(0, 9, 3)]),
        ([edit(0, 9, 7), edit(0, 9, 3)], [(0, 9, 3)]),
        # a marker wins over base64 that would be put back, wherever it lies
        ([edit(0, 9, 7), edit(2, 5, 2, rewrite=True)], [(0, 9, 7)]),
        ([edit(0, 9, 7), edit(0, 9, 2, rewrite=True)], [(0, 9, 7)]),
        ([edit(0, 9, 2, rewrite=True), edit(2, 5, 7)], [(0, 9, 7)]),
        ([edit(0, 6, 2, rewrite=True), edit(4, 9, 7)], [(0, 9, 7)]),
        # of two readings of base64, one
        ([edit(0, 9, 2, rewrite=True), edit(2, 9, 1, rewrite=True)], [(2, 9, 1)]),
        # those that overlap in part become one
        ([edit(0, 6, 7), edit(4, 9, 3)], [(0, 9, 3)]),
        # what random bytes can match gives way, and is found again in the next pass
        ([edit(0, 9, 7, random=True), edit(2, 5, 3)], [(2, 5, 3)]),
        ([edit(0, 6, 3), edit(4, 9, 7, random=True)], [(0, 6, 3)]),
        ([edit(0, 6, 2, rewrite=True), edit(4, 9, 7, random=True)], [(0, 6, 2)]),
        ([edit(2, 6, 2, rewrite=True), edit(0, 9, 7, random=True)], [(0, 9, 7)]),
    ],
)
def test_overlapping_edits_become_one(
    edits: list[Edit], expected: list[tuple[int, int, int]]
) -> None:
    """In any order of finding them."""
    for order in (edits, edits[::-1]):
        assert expected == [(e.start, e.end, e.priority) for e in without_overlaps(order)]


SPANS = st.tuples(st.integers(0, 30), st.integers(1, 10), st.integers(0, 9), st.booleans())


@given(st.lists(SPANS, max_size=8))
def test_nothing_that_an_edit_takes_out_is_left(spans: list[tuple[int, int, int, bool]]) -> None:
    """Of edits that put a marker: all their ranges are covered, and none overlap."""
    edits = [edit(s, s + n, 2 if r else p + 3, rewrite=r) for s, n, p, r in spans]
    kept = without_overlaps(edits)
    assert all(one.end <= two.start for one, two in pairwise(kept))
    covered = {at for one in kept for at in range(one.start, one.end)}
    marked = {at for one in edits if not one.rewrite for at in range(one.start, one.end)}
    assert marked <= covered


def test_a_token_whose_payload_holds_an_address_goes_as_a_token() -> None:
    """Not only the address in it: the rest of the payload and the signature would stay."""
    parts = ['{"alg":"HS256","typ":"JWT"}', f'{{"sub":"7","email":"{MAIL}","name":"Ann Example"}}']
    coded = [urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts]
    token = ".".join([*coded, secret_samples.ALNUM[:43]])
    for text in (token, f'{{"x": "{token}"}}', f"use {token} now"):
        redacted, report = REDACTOR.redact_text(text)
        assert text.replace(token, "[redacted:jwt]") == redacted
        assert ["jwt"] == [entry.rule for entry in report.counts]


def test_a_bearer_token_that_is_base64_of_an_address_goes_as_a_token() -> None:
    """Its range is that of the base64."""
    token = b64encode(f"user: {MAIL}, id: 12345, more".encode()).decode()
    redacted, _ = REDACTOR.redact_text(f"Authorization: Bearer {token}")
    assert not looking.leaks("12345, more", redacted)
    assert "Authorization: Bearer [redacted:bearer_token]" == redacted
