"""Long runs of base64: what hides in them is found, what is only random bytes stays."""

from __future__ import annotations

import random
import re
from base64 import b64decode, b64encode, urlsafe_b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redaction import secret_samples
from tracefoundry.redaction.base64_text import (
    ALL_LETTERS,
    LONG_RUN,
    STANDARD_LETTERS,
    long_runs,
    readings,
    without_runs,
)
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import BUILTIN_RULES, Policy, UserPattern
from tracefoundry.redaction.re2_patterns import compiled, may_match_only

REDACTOR = Redactor(Policy())
SECRETS = secret_samples.any_secret()
IN_FRONT = ["", "x", "ab", "/a/", "data:image/png;base64,", "\\n", '"', "k="]


@settings(max_examples=500, deadline=None)
@given(
    SECRETS,
    st.integers(0, 400),
    st.integers(0, 400),
    st.sampled_from(IN_FRONT),
    st.sampled_from([b64encode, urlsafe_b64encode]),
    st.integers(0, 99),
)
def test_a_secret_between_random_bytes_in_a_long_run_is_found(
    secret: secret_samples.Sample, before: int, after: int, front: str, encode: object, seed: int
) -> None:
    """With text around it, as in the fields of a file; at any alignment."""
    generator = random.Random(seed)
    rule, text, core = secret
    hidden = (
        generator.randbytes(before)
        + f"\0some notes: {text} (see there)\0".encode()
        + generator.randbytes(after + LONG_RUN)
    )
    coded = encode(hidden).decode()  # type: ignore[operator]
    redacted, report = REDACTOR.redact_text(front + coded)
    assert rule in [entry.rule for entry in report.counts]
    assert not REDACTOR.body_is_clean((front + coded).encode())
    run = max(re.findall(rb"[A-Za-z0-9+/_-]+", redacted.encode()), key=len)
    assert not any(core.encode() in reading for reading in readings(run))


@settings(max_examples=300, deadline=None)
@given(SECRETS, st.integers(0, 600), st.integers(0, 600))
def test_a_secret_beside_a_long_run_is_found(
    secret: secret_samples.Sample, before: int, after: int
) -> None:
    """Also where its own letters make the run longer."""
    generator = random.Random(before)
    runs = (b64encode(generator.randbytes(size)).decode().rstrip("=") for size in (before, after))
    redacted, report = REDACTOR.redact_text(f" {secret[1]} ".join(runs))
    assert secret[0] in [entry.rule for entry in report.counts]
    assert secret[2] not in redacted


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(secret_samples.keys())), st.data())
def test_a_key_in_the_middle_of_a_run_of_letters_is_found(name: str, data: st.DataObject) -> None:
    """As in a long path, or glued to base64 by a slash."""
    rule, text, core = data.draw(secret_samples.keys()[name])
    filling = "/".join(["some-folder_x"] * 30)
    redacted, report = REDACTOR.redact_text(f"{filling}/{text}/{filling}")
    assert rule in [entry.rule for entry in report.counts]
    assert core not in redacted


def test_a_token_with_a_very_long_part_is_taken_out_whole() -> None:
    """The parts of a JWT are long runs themselves."""
    part = b64encode(random.Random(3).randbytes(3_000)).decode().replace("+", "-").replace("/", "_")
    token = ".".join(["ey" + "J" + part, "ey" + "J" + part, part])
    assert "a [redacted:jwt] b" == REDACTOR.redact_text(f"a {token} b")[0]


def test_a_users_pattern_is_found_in_a_long_run() -> None:
    """Like the built-in ones."""
    redactor = Redactor(Policy(patterns=(UserPattern("employee", r"\bEMP-\d{6}\b"),)))
    generator = random.Random(5)
    for size in range(300, 304):
        hidden = generator.randbytes(size) + b" by EMP-123456 \0" + generator.randbytes(size)
        redacted, _ = redactor.redact_text(b64encode(hidden).decode())
        assert hidden.replace(b"EMP-123456", b"[redacted:employee]") == b64decode(redacted)


@given(st.binary(min_size=10, max_size=60), st.sampled_from([b"", b"A", b"AB", b"ABC"]))
def test_all_alignments_are_read(content: bytes, front: bytes) -> None:
    """One reading shows the content, whatever stands in front."""
    run = front + b64encode(content).rstrip(b"=")
    assert any(content in reading for reading in readings(run))


@given(st.lists(st.tuples(st.integers(0, 700), st.sampled_from([b" ", b".", b'", "'])), max_size=6))
def test_long_runs_are_where_the_letters_are(parts: list[tuple[int, bytes]]) -> None:
    """All of them, whole, and none that is short."""
    text = b"".join(b"a/B-9" * (size // 5) + gap for size, gap in parts)
    sizes = [size // 5 * 5 for size, _ in parts]
    runs = long_runs(text)
    assert [size for size in sizes if size >= LONG_RUN] == [end - start for start, end in runs]
    assert len(text) - sum(sizes) == len(without_runs(text, runs, 0)) - len(runs) - sum(
        size for size in sizes if size < LONG_RUN
    )


@pytest.mark.parametrize("letters", [STANDARD_LETTERS, ALL_LETTERS], ids=["standard", "all"])
@settings(max_examples=300, deadline=None)
@given(secret=SECRETS)
def test_no_rule_is_left_out_whose_match_can_be_letters_alone(
    letters: frozenset[int], secret: secret_samples.Sample
) -> None:
    """The smaller sets for runs are derived from the patterns themselves."""
    if not letters.issuperset(secret[1].encode()):
        return
    matching = [
        rule for rule in BUILTIN_RULES if compiled(rule.expression).search(secret[1].encode())
    ]
    assert all(may_match_only(rule.prefilter_pattern, letters) for rule in matching)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("ab{2}", True), ("a-b", False), ("a-?b", True), ("a-*b", True), ("a-{0,2}b", True),
        ("a-+b", False), ("a|-b", True), ("(?:-|a)b", True), ("(?:-)?b", True), ("a\\.b", False),
        ("a[.]b", False), ("a[.x]b", True), ("a[^a-z]b", True), ("a\\x2eb", False), ("a.b", True),
        ("a\\sb", False), ("a[ -]{3}b", False), ("a[ -]{0,3}b", True), ("a(?:b-){2}c", True),
    ],
)  # fmt: skip
def test_what_fits_into_letters(pattern: str, expected: bool) -> None:
    """Unsure is True."""
    assert expected == may_match_only(pattern, STANDARD_LETTERS)
