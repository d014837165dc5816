"""The user's pattern file: what it gives, and what its errors say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.pattern_file import PatternFileError, load_patterns
from tracefoundry.redaction.policy import Mode, Policy, UserPattern, UserPatterns


def written(folder: Path, text: str) -> Path:
    """A pattern file."""
    path = folder / "patterns.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_full_file_is_read(tmp_path: Path) -> None:
    """Patterns in order, with their replacements, and both lists of keys."""
    path = written(
        tmp_path,
        """
patterns:
  - name: employee_id
    regex: 'EMP-[0-9]{6}'
  - name: project
    regex: (?i)project\\s+blue
    replacement: '[project]'
deny_keys: [customer.name]
allow_keys: [app.release, app.feature.*]
""",
    )
    assert load_patterns(path) == UserPatterns(
        (
            UserPattern("employee_id", "EMP-[0-9]{6}"),
            UserPattern("project", "(?i)project\\s+blue", "[project]"),
        ),
        ("customer.name",),
        ("app.release", "app.feature.*"),
    )


@pytest.mark.parametrize("text", ["", "# nothing\n", "patterns:\ndeny_keys:\n", "patterns: []\n"])
def test_an_empty_file_adds_nothing(tmp_path: Path, text: str) -> None:
    """Also one with only comments or empty fields."""
    assert load_patterns(written(tmp_path, text)) == UserPatterns()


HEAD = "# head\npatterns:\n  - name: a\n    regex: "


@pytest.mark.parametrize(
    ("text", "line", "saying"),
    [
        (HEAD + "'('\n", 4, "missing )"),
        (HEAD + "'a(?=b)'\n", 4, "RE2"),
        (HEAD + "'a*'\n", 4, "empty text"),
        (HEAD + "'[a-z]{8}'\n", 4, "[withheld]"),
        (HEAD + "'assigned_[a-z]+'\n", 4, "[redacted:assigned_secret]"),
        (HEAD + "'denied_[a-z]+'\n", 4, "[redacted:denied_key]"),
        (HEAD + "123456\n", 4, "single quotes"),
        (HEAD + "[x]\n", 4, "single quotes"),
        (HEAD + "'x1'\n    replacement: \"a'b\"\n", 5, "without quotes"),
        (HEAD + "'x1'\n    replacement: ann@example.com\n", 5, "looks like a secret"),
        (HEAD + "'x1'\n    replacement: 'x1'\n", 4, "which redaction writes"),
        (HEAD + "'x1'\n    flags: i\n", 5, "no field 'flags'"),
        (HEAD + "'x1'\n    regex: 'x2'\n", 5, "given twice"),
        (HEAD + "'x1'\n  - name: a\n    regex: 'x2'\n", 5, "taken by line 3"),
        (HEAD + "'x1'\n  - name: b\n", 5, "without regex"),
        (HEAD + "'x1'\n  - regex: x2\n", 5, "without name"),
        ("patterns:\n  - name: Bad Name\n    regex: x1\n", 2, "lower-case"),
        ("patterns:\n  - name: email\n    regex: x1\n", 2, "built-in"),
        ("patterns:\n  - name: assigned_secret\n    regex: x1\n", 2, "built-in"),
        ("patterns:\n  - name: too_much_work\n    regex: x1\n", 2, "built-in"),
        ("patterns:\n  name: a\n", 2, "must be a list"),
        ("patterns:\n  - just text\n", 2, "must have the fields"),
        ("\npattern: []\n", 2, "known are patterns, deny_keys, allow_keys"),
        ("- a\n", 1, "must have the fields"),
        ("patterns: [\n", 2, "no valid YAML"),
        ("a: b: c\n", 1, "no valid YAML"),
        ("a: '\x01'\n", 1, "no valid YAML"),
        ("deny_keys: password\n", 1, "must be a list"),
        ("deny_keys:\n  - x\n  - 5\n", 3, "single quotes"),
        ("deny_keys:\n  - '--'\n", 2, "no letter or digit"),
        ("deny_keys:\n  - 'app.*'\n", 2, "wildcards"),
        ("allow_keys: ['*']\n", 1, "after a prefix"),
        ("allow_keys:\n - 'a*b'\n", 2, "at the end"),
        ("allow_keys: ['']\n", 1, "1 to 256"),
    ],
)
def test_an_error_names_file_and_line_and_says_what_to_do(
    tmp_path: Path, text: str, line: int, saying: str
) -> None:
    """So that a start that fails can be mended without a search."""
    path = written(tmp_path, text)
    with pytest.raises(PatternFileError) as failed:
        load_patterns(path)
    message = str(failed.value)
    assert message.startswith(f"{path}, line {line}: ")
    assert saying in message
    assert "\n" not in message


def test_a_file_that_is_missing_or_too_large_is_refused(tmp_path: Path) -> None:
    """By name."""
    with pytest.raises(PatternFileError, match=r"absent\.yaml: the pattern file cannot be read"):
        load_patterns(tmp_path / "absent.yaml")
    with pytest.raises(PatternFileError, match="over 1 MiB"):
        load_patterns(written(tmp_path, "#" * (1 << 20) + "\n"))
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"patterns: \xff\n")
    with pytest.raises(PatternFileError, match="UTF-8"):
        load_patterns(path)


def test_too_many_patterns_are_refused(tmp_path: Path) -> None:
    """Work on each text is bounded."""
    entries = "".join(f"  - {{name: p{n}, regex: x{n}}}\n" for n in range(501))
    with pytest.raises(PatternFileError, match="more than 500"):
        load_patterns(written(tmp_path, "patterns:\n" + entries))


def test_a_pattern_takes_out_its_match(tmp_path: Path) -> None:
    """With its own replacement, or its marker; other scripts included."""
    user = load_patterns(
        written(
            tmp_path,
            "patterns:\n- {name: emp, regex: 'EMP-\\d{4}'}\n"
            "- {name: city, regex: '\\bMünchen\\b', replacement: '<ort>'}\n",
        )
    )
    redacted, report = Redactor(Policy.of(Mode.STANDARD, user)).redact_text(
        "EMP-1234 in München, EMP-99"
    )
    assert "[redacted:emp] in <ort>, EMP-99" == redacted
    assert [("city", 1), ("emp", 1)] == [(entry.rule, entry.count) for entry in report.counts]


def test_the_version_tells_policies_apart() -> None:
    """The same policy has the same version in every process; 0 is of spans before redaction."""
    policies = [
        Policy(),
        Policy(Mode.STRICT),
        Policy(patterns=(UserPattern("a", "x1"),)),
        Policy(patterns=(UserPattern("a", "x1", "y"),)),
        Policy(deny_keys=("a",)),
        Policy(allow_keys=("a",)),
    ]
    versions = [policy.version for policy in policies]
    assert len(policies) == len(set(versions))
    assert all(2 <= version < 2**31 for version in versions)
    assert Policy().version == Policy.of(Mode.STANDARD).version
    assert 1 == Policy(Mode.OFF).version
