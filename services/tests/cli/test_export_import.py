"""A trace that travels as a file is the same trace: export, import elsewhere, export again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Run
from platform_process import run_command, running


@pytest.mark.parametrize("payloads", [[], ["--payloads"]])
def test_an_imported_trace_is_exported_with_the_same_root(
    run: Run, tmp_path: Path, payloads: list[str]
) -> None:
    """By another platform with another database."""
    roots = []
    first, again = str(tmp_path / "first.zip"), str(tmp_path / "again.zip")
    with running("serve", "--data", str(tmp_path / "one"), folder=tmp_path) as one:
        sent = run_command("demo", "--traces", "3", "--seed", "7", "--url", one.api)
        assert sent.returncode == 0, sent.stderr
        listed = json.loads(run("list", "--status", "ok", "--json", "--url", one.api).out)
        ids = [trace["trace_id"] for trace in listed["traces"]]
        made = run("export", *ids, *payloads, "-o", first, "--json", "--url", one.api)
        assert made.code == 0, made.err
        roots.append(json.loads(made.out)["root"])
    with running("serve", "--data", str(tmp_path / "two"), folder=tmp_path) as two:
        taken = run("import", first, "--url", two.api)
        assert taken.code == 0, taken.err
        made = run("export", *ids, *payloads, "-o", again, "--json", "--url", two.api)
        assert made.code == 0, made.err
        roots.append(json.loads(made.out)["root"])
    assert roots[0] == roots[1]
