"""Work is bounded and linear in the text, and a marker says which bound was reached."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest

from redaction.rule_examples import filled
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import ALL_RULES, Policy, UserPattern
from tracefoundry.redaction.prefilter import Prefilter, Suspicion
from tracefoundry.redaction.rules import Rule, RuleMatcher

REDACTOR = Redactor(Policy())
MAIL = "ann" + "@" + "example.com"


@contextmanager
def prefiltered_bytes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The sizes of all texts that go through the prefilter: every decoded view does."""
    sizes: list[int] = []
    original = Prefilter.suspicion

    def counting(self: Prefilter, text: bytes, *, base64: bool = True) -> Suspicion | None:
        sizes.append(len(text))
        return original(self, text, base64=base64)

    with monkeypatch.context() as patch:
        patch.setattr(Prefilter, "suspicion", counting)
        yield sizes


def alternately_encoded(text: str, layers: int) -> str:
    """JSON escapes and percent-encoding in turn, both always visible."""
    for layer in range(layers):
        text = quote(text, safe=' @."abc') if layer % 2 else json.dumps(text)[1:-1]
    return text


@pytest.mark.parametrize("layers", range(1, 8))
def test_escapes_in_percent_encoding_in_escapes_give_few_views(
    layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as the square of the layers at most, and only the address is taken out."""
    part = alternately_encoded('path "a\\b" 100% of "x" ', layers)
    text = f"see {MAIL} {part}" * 200
    with prefiltered_bytes(monkeypatch) as sizes:
        redacted, report = REDACTOR.redact_text(text)
    assert text.replace(MAIL, "[redacted:email]") == redacted
    assert [("email", 200)] == [(entry.rule, entry.count) for entry in report.counts]
    assert sum(sizes) <= 2 * (layers + 2) ** 2 * len(text)


@pytest.mark.parametrize(
    "part", ["\\\\", "%25", "\\u005c", "%5C%5C", "\\%25", '\\"', "%22\\n", '{"a":', "%2522%5C"]
)
def test_views_are_linear_in_the_text(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the text is twice the work, whatever it is made of."""
    work = []
    for size in (10_000, 20_000):
        with prefiltered_bytes(monkeypatch) as sizes:
            REDACTOR.redact_text(f"{MAIL} " + part * (size // len(part)))
        work.append(sum(sizes))
    assert work[1] <= 2.2 * work[0]


def test_the_marker_says_that_the_text_is_nested_too_deep() -> None:
    """And the report counts nothing else, because nothing else was taken out."""
    text = f"{MAIL} " + "%" + "25" * 12 + "41"
    redacted, report = REDACTOR.redact_text(text)
    assert "[redacted:nested_encoding]" == redacted
    assert [("nested_encoding", 1)] == [(entry.rule, entry.count) for entry in report.counts]


def test_the_marker_says_that_the_work_was_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the budget of bytes is gone."""
    monkeypatch.setattr("tracefoundry.redaction.texts._WORK_FACTOR", 0)
    monkeypatch.setattr("tracefoundry.redaction.texts._WORK_BYTES", 10)
    redacted, report = REDACTOR.redact_text(f"see {MAIL} and \\n")
    assert "[redacted:too_much_work]" == redacted
    assert [("too_much_work", 1)] == [(entry.rule, entry.count) for entry in report.counts]


def cpu_seconds(matcher: RuleMatcher, text: bytes) -> float:
    """The time for finding all matches."""
    before = time.thread_time()
    for _ in matcher.matches(text):
        pass
    return time.thread_time() - before


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.name)
def test_a_rule_is_linear_in_hostile_text(rule: Rule) -> None:
    """Beginnings of its matches, repeated. Four times the text takes four times the time, not
    sixteen times; below 20 ms nothing can be told and nothing is wrong."""
    matcher = RuleMatcher(rule)
    for template in rule.match:
        example = filled(template)
        for length in (len(example) // 2, len(example)):
            for joint in ("", "\n"):
                part = example[:length].encode() + joint.encode()
                short, long = (part * (size // len(part)) for size in (16_384, 65_536))
                seconds = cpu_seconds(matcher, long)
                if seconds > 0.02:
                    assert seconds < 9 * cpu_seconds(matcher, short) + 0.02, (part, seconds)


@pytest.mark.parametrize("kind", ["", "RSA "])
def test_a_megabyte_of_beginnings_of_keys_takes_little_time(kind: str) -> None:
    """A key that has no end is searched for its end once, not once for each other beginning."""
    text = f"-----BEGIN {kind}PRIVATE KEY-----\n" * 30_000
    before = time.thread_time()
    redacted, _ = REDACTOR.redact_text(text)
    assert "[redacted:private_key]" * 30_000 == redacted
    assert time.thread_time() - before < 20


def test_a_users_pattern_that_is_not_linear_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finding all matches would take hours; the value is withheld, and the marker says why."""
    redactor = Redactor(Policy(patterns=(UserPattern("slow", "q[^c]*b|q"),)))
    monkeypatch.setattr("tracefoundry.redaction.texts._USER_NS_PER_BYTE", 100)
    before = time.thread_time()
    redacted, report = redactor.redact_text("q" * 1_000_000)
    assert "[redacted:too_much_work]" == redacted
    assert ["too_much_work"] == [entry.rule for entry in report.counts]
    assert time.thread_time() - before < 20
    assert "[redacted:slow]" * 2 == redactor.redact_text("qq")[0]


def test_a_users_pattern_with_very_many_matches_is_not_cut_off() -> None:
    """A table of a hundred thousand ids."""
    redactor = Redactor(Policy(patterns=(UserPattern("employee", "EMP-[0-9]+"),)))
    redacted, report = redactor.redact_text("EMP-123456\n" * 100_000)
    assert [("employee", 100_000)] == [(entry.rule, entry.count) for entry in report.counts]
    assert "[redacted:employee]\n" * 100_000 == redacted
