"""The command ``tracefoundry retention``."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from retention.stock import everything, noon, put_payload, put_spans, run_at_work, span_at
from tracefoundry.cli.app import main
from tracefoundry.model.times import DAY_NS
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.store import migrations

TODAY = time.time_ns() // DAY_NS


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with an expired trace and an expired payload."""
    for name in ("DATABASE_URL", "PAYLOAD_URL", "RETENTION_SPANS", "RETENTION_PAYLOADS"):
        monkeypatch.delenv(f"TRACEFOUNDRY_{name}", raising=False)
    folder = tmp_path / "data"
    folder.mkdir()
    url = f"sqlite:///{folder}/tracefoundry.db"
    migrations.upgrade(url)
    put_spans(url, [span_at(noon(TODAY - 9))])
    put_payload(url, FilesystemStore(folder / "payloads"), TODAY - 9)
    return folder


def state(data: Path) -> dict[str, Any]:
    """Everything that is in the folder."""
    objects = FilesystemStore(data / "payloads")
    return everything(f"sqlite:///{data}/tracefoundry.db", objects)


def test_json_is_the_whole_report(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its parts have fixed names."""
    assert 0 == main(["retention", "--data", str(data), "--json"])
    report = json.loads(capfd.readouterr().out)
    assert {
        "dry_run", "started_at", "state", "spans", "payloads", "traces", "resources", "objects",
        "bundles", "disk", "steps",
    } == set(report)  # fmt: skip
    assert (False, "done", 1, 1) == (
        report["dry_run"],
        report["state"],
        report["traces"]["deleted"],
        report["payloads"]["days"][0]["objects"],
    )
    assert ([], []) == (state(data)["traces"], state(data)["objects"])


def test_a_dry_run_says_what_would_go(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """And everything is still there."""
    before = state(data)
    assert 0 == main(["retention", "--data", str(data), "--dry-run"])
    out = capfd.readouterr().out
    assert ("would go" in out, "traces" in out, "payload objects" in out) == (True, True, True)
    assert before == state(data)
    assert 0 == main(["retention", "--data", str(data)])
    assert "dropped" in capfd.readouterr().out
    assert 0 == main(["retention", "--data", str(data)])
    assert "nothing" in capfd.readouterr().out


def test_beside_another_run_it_ends_well(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It says why it did nothing."""
    with run_at_work(f"sqlite:///{data}/tracefoundry.db"):
        assert 0 == main(["retention", "--data", str(data)])
    assert "Another run is at work; nothing was done.\n" == capfd.readouterr().out


def test_a_dry_run_makes_no_payload_folder(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """And says that payloads are due whose store it did not find."""
    missing = tmp_path / "elsewhere"
    order = ["retention", "--data", str(data), "--payloads", missing.as_uri(), "--dry-run"]
    assert 0 == main(order)
    assert "1 days of payloads are due" in capfd.readouterr().err
    assert not missing.exists()


def test_a_database_that_is_not_there_is_an_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, and what to do."""
    assert 1 == main(["retention", "--database", f"sqlite:///{tmp_path}/none.db"])
    assert "run `tracefoundry migrate`" in capfd.readouterr().err
    assert not (tmp_path / "none.db").exists()


def test_wrong_payload_urls_are_refused(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Before anything is dropped."""
    before = state(data)
    order = ["retention", "--data", str(data), "--payloads", "ftp://x/y"]
    assert 1 == main(order)
    assert "its scheme is neither file nor s3" in capfd.readouterr().err
    assert before == state(data)
