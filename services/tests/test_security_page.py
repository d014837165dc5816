"""docs/security.md names a test for each of its lines, and the tests are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)
DEFENDED = PAGE.split("## What is defended")[1].split("## What is not defended")[0]


def test_each_line_of_what_is_defended_names_a_test() -> None:
    """A promise that nothing checks does not belong on the page."""
    rows = [row for row in DEFENDED.splitlines() if row.startswith("| ") and "test |" not in row]
    assert rows
    assert [row for row in rows if not re.search(r"`[\w/]+\.py::\w+` \|$", row)] == []


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_named_test_is_there(file: str, name: str) -> None:
    """Under services/tests, or from the root on."""
    path = ROOT / file
    if not path.exists():
        path = ROOT / "services" / "tests" / file
    functions = [one.name for one in ast.walk(ast.parse(path.read_text()))
                 if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))]  # fmt: skip
    assert name in functions
