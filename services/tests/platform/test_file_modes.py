"""Nobody but its owner can read a file that the product writes, or that an older version left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ingest.bodies import PROTOBUF, body, new_trace_id, span
from platform_process import run_command, running

SCRIPT = Path(__file__).parents[3] / "scripts" / "compose_env.py"


def open_to_others(folder: Path) -> list[str]:
    """What others may use, at all."""
    return sorted(
        str(path.relative_to(folder))
        for path in [folder, *folder.rglob("*")]
        if path.lstat().st_mode & 0o077
    )


def use(data: Path, folder: Path) -> list[str]:
    """Run every command that writes to a data folder; what was open to others while it ran."""
    with running("serve", "--data", str(data), folder=folder) as platform:
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": "[]",
            "x": "y" * 9000,
        }
        platform.client.post(
            platform.otlp + "/v1/traces",
            content=body([span(new_trace_id(), attributes=attributes)]),
            headers={"content-type": PROTOBUF},
        ).raise_for_status()
        for arguments in (["token", "create", "--role", "viewer", "--name", "v"], ["retention"]):
            done = run_command(*arguments, "--data", str(data))
            assert 0 == done.returncode, done.stderr
        return open_to_others(data)


def test_all_files_of_a_new_data_folder_are_private(tmp_path: Path) -> None:
    """Database, log, index, locks, reserve, payloads, while it runs and afterwards."""
    data = tmp_path / "data"
    assert [] == use(data, tmp_path)
    assert [] == open_to_others(data)
    names = {path.name for path in data.iterdir()}
    assert {"tracefoundry.db", "tracefoundry.db.lock", "tracefoundry.db.reserve"} <= names


def test_files_of_an_older_version_are_closed_at_the_start(tmp_path: Path) -> None:
    """A folder that was there keeps its own permissions: it may hold other things."""
    data = tmp_path / "data"
    (data / "payloads").mkdir(parents=True)
    for name in ("tracefoundry.db", "tracefoundry.db.lock", "tracefoundry.db.retention.lock"):
        (data / name).touch(mode=0o644)
    (data / "payloads").chmod(0o755)
    data.chmod(0o755)
    assert ["."] == use(data, tmp_path)


def test_the_environment_file_of_compose_is_private(tmp_path: Path) -> None:
    """It holds tokens and keys, and is written by a redirection."""
    file = tmp_path / ".env"
    with file.open("w") as output:
        subprocess.run([sys.executable, str(SCRIPT)], stdout=output, check=True)
    assert (0o600, True) == (file.stat().st_mode & 0o777, "ADMIN_TOKEN" in file.read_text())
