"""``tracefoundry bundle``: one line, an exit status, and no file where none should be."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

import bundles
from cli.conftest import Run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A valid bundle."""
    path = tmp_path / "bundle.zip"
    path.write_bytes(bundles.sample())
    return path


def damaged(file: Path) -> Path:
    """A bundle with a changed byte in its first member."""
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    return file


def test_verify_says_valid_in_one_line(run: Run, file: Path) -> None:
    """With the root and the state of the signature."""
    outcome = run("bundle", "verify", str(file))
    assert 0 == outcome.code
    assert outcome.out.startswith("VALID ")
    assert outcome.out.endswith("(unsigned)\n")
    assert 1 == outcome.out.count("\n")


def test_verify_names_the_damaged_member(run: Run, file: Path) -> None:
    """In one line, and in JSON."""
    outcome = run("bundle", "verify", str(damaged(file)))
    assert (1, 1) == (outcome.code, outcome.out.count("\n"))
    assert outcome.out.startswith("INVALID spans.otlp.000000.pb: ")
    outcome = run("bundle", "verify", str(file), "--json")
    answer = json.loads(outcome.out)
    assert (1, False) == (outcome.code, answer["valid"])
    assert answer["member"].startswith("spans.otlp.")


def test_signing_and_keys(run: Run, file: Path, tmp_path: Path) -> None:
    """keygen, sign, verify; with keys everything but a known one ends with 1."""
    key, other, signed = tmp_path / "a.pem", tmp_path / "b.pem", tmp_path / "signed.zip"
    assert 0 == run("bundle", "keygen", str(key)).code
    assert 0 == run("bundle", "keygen", str(other)).code
    assert 0o600 == stat.S_IMODE(key.stat().st_mode)
    assert 0 == run("bundle", "sign", str(file), "--key", str(key), "-o", str(signed)).code
    known = run("bundle", "verify", str(signed), "--key", f"{other}.pub", "--key", f"{key}.pub")
    assert 0 == known.code
    assert "known key" in known.out
    unknown = run("bundle", "verify", str(signed), "--key", f"{other}.pub", "--json")
    assert (1, "unknown_key") == (unknown.code, json.loads(unknown.out)["signature"])
    assert 0 == run("bundle", "verify", str(signed)).code
    unsigned = run("bundle", "verify", str(file), "--key", f"{key}.pub")
    assert (1, True) == (unsigned.code, "not signed" in unsigned.out)


def test_keygen_never_overwrites(run: Run, tmp_path: Path) -> None:
    """A lost key is lost for ever."""
    key = tmp_path / "key.pem"
    key.write_text("precious")
    assert 1 == run("bundle", "keygen", str(key)).code
    assert "precious" == key.read_text()


def test_a_wrong_key_file_is_named(run: Run, file: Path) -> None:
    """With the remedy."""
    outcome = run("bundle", "verify", str(file), "--key", str(file))
    assert 1 == outcome.code
    assert "bundle.zip" in outcome.err
    assert "keygen" in outcome.err


def test_show_lists_traces(run: Run, file: Path) -> None:
    """For people, and as JSON."""
    assert bundles.TRACE_ID.hex() in run("bundle", "show", str(file)).out
    answer = json.loads(run("bundle", "show", str(file), "--json").out)
    assert (3, False) == (answer["counts"]["spans"], answer["signed"])
    assert bundles.TRACE_ID.hex() == answer["traces"][0]["trace_id"]


def test_show_of_another_file_is_a_line(run: Run, tmp_path: Path) -> None:
    """Not a traceback."""
    path = tmp_path / "x.zip"
    path.write_bytes(b"no zip at all, but long enough for one")
    outcome = run("bundle", "show", str(path))
    assert (1, "") == (outcome.code, outcome.out)
    assert "not a valid bundle" in outcome.err


def test_extract_writes_all_members(run: Run, file: Path, tmp_path: Path) -> None:
    """Into a new folder; into a full one never."""
    folder = tmp_path / "out"
    assert 0 == run("bundle", "extract", str(file), "-o", str(folder)).code
    assert "manifest.json" in {path.name for path in folder.iterdir()}
    assert 2 == len(list((folder / "payloads").iterdir()))
    assert 1 == run("bundle", "extract", str(file), "-o", str(folder)).code


def test_extract_of_a_damaged_bundle_writes_nothing(run: Run, file: Path, tmp_path: Path) -> None:
    """It verifies first."""
    assert 1 == run("bundle", "extract", str(damaged(file)), "-o", str(tmp_path / "out")).code
    assert not (tmp_path / "out").exists()


def test_a_missing_file_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    """Exit status 2."""
    assert 2 == run("bundle", "verify", str(tmp_path / "none.zip")).code
