"""``token``, ``project`` and the tokens of Secrets, typed by people and by Jobs."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from platform_process import run_command
from tracefoundry.auth.token_text import hash_of, new_token
from tracefoundry.cli.app import main
from tracefoundry.store.sql.administration import SqlAdministration
from tracefoundry.store.sql.engine import make_engine

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run a command on the data folder of this test: exit code, stdout, stderr."""
    for name in list(os.environ):
        if name.startswith("TRACEFOUNDRY_"):
            monkeypatch.delenv(name)

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--data", str(tmp_path / "data")])
        shown = capfd.readouterr()
        assert "Traceback" not in shown.err
        return code, shown.out, shown.err

    return command


def answer(result: tuple[int, str, str]) -> Any:
    """The JSON of a command that must succeed."""
    code, out, err = result
    assert 0 == code, err
    return json.loads(out)


def states(run: Run) -> dict[str, str]:
    """State by name of all tokens."""
    listed = answer(run("token", "list", "--json"))["tokens"]
    return {token["name"]: token["state"] for token in listed}


def test_a_token_is_printed_once_on_a_database_that_is_new(run: Run, tmp_path: Path) -> None:
    """People make the first token before they start the server."""
    run("project", "create", "shop")
    made = answer(
        run(
            "token", "create", "--role", "engineer", "--name", "ci", "--project", "shop",
            "--expires", "90d", "--json",
        )
    )  # fmt: skip
    assert ("ci", "engineer", "shop", "live") == (
        made["name"],
        made["role"],
        made["project"],
        made["state"],
    )
    assert made["expires_at"].endswith("Z")
    engine = make_engine(f"sqlite:///{tmp_path}/data/tracefoundry.db")
    [found] = SqlAdministration(engine).tokens_of([hash_of(made["token"])])
    engine.dispose()
    assert made["id"] == found.token_id
    for listing in (("token", "list"), ("token", "list", "--json")):
        _, out, err = run(*listing)
        assert "ci" in out
        assert made["token"] not in out + err


def test_without_json_stdout_is_the_token_alone(run: Run) -> None:
    """So that it can be put into a file; what else is to say goes to stderr."""
    code, out, err = run("token", "create", "--role", "ingest", "--name", "agent")
    assert (0, 1) == (code, len(out.split()))
    assert out.startswith("tf_")
    assert "agent" in err
    assert out.strip() not in err


def test_a_token_is_revoked_and_its_name_is_free_again(run: Run) -> None:
    """By name; what is over stays in the list."""
    run("token", "create", "--role", "viewer", "--name", "a")
    code, _, err = run("token", "create", "--role", "viewer", "--name", "a")
    assert (1, True) == (code, "already" in err)
    assert 0 == run("token", "revoke", "a")[0]
    assert 0 == run("token", "create", "--role", "viewer", "--name", "a")[0]
    assert {"a": "live", "a#1": "revoked"} == states(run)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("token", "create", "--role", "king", "--name", "a"), 2, "--role"),
        (("token", "create", "--role", "admin", "--name", "1"), 1, "name"),
        (("token", "create", "--role", "admin", "--name", "a", "--expires", "x"), 1, "90d"),
        (
            ("token", "create", "--role", "admin", "--name", "a", "--project", "x"),
            1,
            "project create",
        ),
        (("token", "revoke", "nobody"), 1, "token list"),
        (("project", "create", "Shop"), 1, "lower-case"),
        (("project", "create", "default"), 1, "already"),
        (("project", "set", "default"), 1, "--redaction"),
        (("project", "set", "nowhere", "--redaction", "off"), 1, "project create"),
        (("project", "set", "default", "--redaction", "weak"), 1, "strict"),
        (("project", "set", "default", "--retention-payloads", "8d"), 1, "longer"),
        (("project", "set", "default", "--quota-spans-per-day", "1KiB"), 1, "quota_spans_per_day"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    run: Run, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """That says what to do instead."""
    found, out, err = run(*arguments)
    assert (code, "") == (found, out)
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert said in line


def test_projects_are_made_set_and_listed(run: Run) -> None:
    """With what holds for them."""
    made = answer(run("project", "create", "shop", "--retention-spans", "30d", "--json"))
    assert ("shop", "30d", None) == (made["name"], made["retention_spans"], made["redaction"])
    changed = answer(
        run(
            "project",
            "set",
            "shop",
            "--redaction",
            "strict",
            "--retention-payloads",
            "10d",
            "--json",
        )
    )
    assert {
        "redaction": "strict",
        "retention_spans": "30d",
        "retention_payloads": "10d",
    } == {name: value for name, value in changed["effective"].items() if value is not None}
    back = answer(run("project", "set", "shop", "--redaction", "default", "--json"))
    assert (None, "10d") == (back["redaction"], back["retention_payloads"])
    listed = answer(run("project", "list", "--json"))["projects"]
    assert ["default", "shop"] == [project["name"] for project in listed]
    _, out, _ = run("project", "list")
    assert ["default standard 7d 3d", "shop standard 30d 10d"] == [
        " ".join(line.split()[:4]) for line in out.splitlines()[1:]
    ]


def test_quotas_are_set_and_shown_with_what_is_used_of_them(run: Run) -> None:
    """Without quotas nobody sees columns of them; sizes may be written with units."""
    assert "QUOTAS" not in run("project", "list")[1]
    made = answer(run("project", "create", "shop", "--quota-spans-per-second", "50", "--json"))
    assert (50, None) == (made["quota_spans_per_second"], made["usage_today"])
    size = ("--quota-content-bytes-per-day", "1GiB", "--quota-spans-per-day", "200")
    changed = answer(run("project", "set", "shop", *size, "--json"))
    assert (50, 2**30) == (
        changed["effective"]["quota_spans_per_second"],
        changed["quota_content_bytes_per_day"],
    )
    assert {"spans": 0, "content_bytes": 0, "near_quotas": []} == changed["usage_today"]
    (line,) = [line for line in run("project", "list")[1].splitlines() if "shop" in line]
    assert "50 spans/second, 200 spans/day, 1073741824 content bytes/day" in line
    assert "0% spans, 0% content" in line
    back = answer(run("project", "set", "shop", "--quota-spans-per-second", "default", "--json"))
    assert (None, 200) == (back["quota_spans_per_second"], back["quota_spans_per_day"])


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """The file of a mounted Secret."""
    path = tmp_path / "token"
    path.write_text(new_token() + "\n")
    return path


def test_migrate_registers_the_tokens_of_secrets(
    run: Run, secret: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Again and again without a change; a new text replaces the old one."""
    other = tmp_path / "ingest"
    other.write_text(secrets.token_hex(16))
    monkeypatch.setenv("TRACEFOUNDRY_REGISTER_TOKENS", f"admin={secret},ingest={other}")
    texts = [secret.read_text().strip(), other.read_text()]
    for _ in range(2):
        code, out, err = run("migrate")
        assert 0 == code, err
        assert not any(text in out + err for text in texts)
        assert {"secret:admin": "live", "secret:ingest": "live"} == states(run)
    secret.write_text(new_token())
    assert "24 h" in run("migrate")[1]
    assert {"secret:admin", "secret:ingest", "secret:admin#1"} == set(states(run))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("admin", "ROLE=FILE"),
        ("king={file}", "ROLE=FILE"),
        ("admin={file},admin={file}", "ROLE=FILE"),
        ("admin={file}.missing", "cannot be read"),
        ("admin={file},ingest={file}", "two roles"),
    ],
)
def test_a_wrong_list_of_secrets_stops_the_migration_with_a_line(
    run: Run, secret: Path, monkeypatch: pytest.MonkeyPatch, setting: str, said: str
) -> None:
    """Which never shows a token."""
    monkeypatch.setenv("TRACEFOUNDRY_REGISTER_TOKENS", setting.format(file=secret))
    code, out, err = run("migrate")
    assert (1, True) == (code, said in err)
    assert secret.read_text().strip() not in out + err


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe" * 20, b"two words in a token"])
def test_a_secret_without_a_good_token_is_refused(
    run: Run, secret: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """An empty Secret would let everybody in who sends nothing."""
    secret.write_bytes(content)
    monkeypatch.setenv("TRACEFOUNDRY_REGISTER_TOKENS", f"admin={secret}")
    code, _, err = run("migrate")
    assert (1, True) == (code, "openssl rand" in err)


def test_the_commands_work_from_outside(tmp_path: Path) -> None:
    """As processes of their own: exit code, and JSON alone on stdout."""
    data = str(tmp_path)
    made = run_command(
        "token", "create", "--role", "admin", "--name", "a", "--json", "--data", data
    )
    assert 0 == made.returncode, made.stderr
    assert json.loads(made.stdout)["token"].startswith("tf_")
    assert "a" in run_command("token", "list", "--data", data).stdout
    assert 1 == run_command("token", "revoke", "b", "--data", data).returncode
