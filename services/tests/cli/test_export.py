"""``tracefoundry export``: a verified file under its name, or none."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.canned_server import Canned, CannedServer
from cli.conftest import Run
from platform_process import Platform, run_command, running
from tracefoundry.bundle.keys import SigningKey
from tracefoundry.bundle.reading import Bundle
from tracefoundry.bundle.verification import verify

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform on SQLite with the demo's traces."""
    folder = tmp_path_factory.mktemp("export")
    with running("serve", "--data", str(folder / "data"), folder=folder) as started:
        sent = run_command("demo", "--traces", "4", "--url", started.api)
        assert sent.returncode == 0, sent.stderr
        yield started


def one_trace(run: Run, platform: Platform) -> str:
    """The id of some trace."""
    listed = json.loads(run("list", "--limit", "1", "--json", "--url", platform.api).out)
    trace_id: str = listed["traces"][0]["trace_id"]
    return trace_id


def test_a_trace_becomes_a_signed_file(run: Run, platform: Platform, tmp_path: Path) -> None:
    """It is verified, its root is printed, and the key vouches for it."""
    key = SigningKey.generate()
    (tmp_path / "key.pem").write_bytes(key.pem())
    file = tmp_path / "incident.zip"
    outcome = run(
        "export", one_trace(run, platform), "-o", str(file), "--payloads",
        "--sign", str(tmp_path / "key.pem"), "--url", platform.api,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    verdict = verify(file, [key.public])
    assert (verdict.valid, verdict.signature) == (True, "known_key")
    assert f"root sha256:{verdict.root}" in outcome.out
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["incident.zip", "key.pem"]


def test_a_trace_becomes_an_atif_trajectory(run: Run, platform: Platform, tmp_path: Path) -> None:
    """Its steps have the contents, what it cannot say is told, and it can be imported."""
    file = tmp_path / "trajectory.json"
    outcome = run(
        "export", one_trace(run, platform), "-o", str(file), "--payloads", "--format", "atif",
        "--url", platform.api,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    trajectory = json.loads(file.read_text())
    assert trajectory["schema_version"] == "ATIF-v1.7"
    assert any(step["source"] == "agent" and step["message"] for step in trajectory["steps"])
    assert outcome.out.startswith(f"{file}: ATIF trajectory of ")
    imported = run("import", str(file), "--json", "--url", platform.api)
    assert (imported.code, json.loads(imported.out)["traces"]) == (0, 1)


@pytest.mark.parametrize("selection", [["--since", "all"], ["--service", "support-agent"]])
def test_several_traces_are_no_trajectory(
    run: Run, platform: Platform, tmp_path: Path, selection: list[str]
) -> None:
    """Nothing is written."""
    file = tmp_path / "trajectory.json"
    outcome = run("export", *selection, "-o", str(file), "--format", "atif", "--url", platform.api)
    assert outcome.code == 1
    assert "holds one trace" in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_filters_select_and_json_says_what_was_written(
    run: Run, platform: Platform, tmp_path: Path
) -> None:
    """Everything of the last hour, without contents."""
    file = tmp_path / "all.zip"
    outcome = run(
        "export", "--since", "all", "-o", str(file), "--redaction", "strict", "--json",
        "--url", platform.api,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    answer = json.loads(outcome.out)
    with Bundle(file) as bundle:
        manifest = bundle.manifest
    assert answer["root"] == manifest.root
    assert answer["traces"] == manifest.counts.traces >= 4
    assert answer["bytes"] == file.stat().st_size
    assert (answer["redaction"], answer["payloads"]) == ("strict", 0)
    assert set(answer["payload_states"]) == {"redacted"}


def test_what_is_not_in_the_file_is_said(run: Run, platform: Platform, tmp_path: Path) -> None:
    """An export without contents says how to have them."""
    outcome = run(
        "export", one_trace(run, platform), "-o", str(tmp_path / "a.zip"), "--url", platform.api
    )
    assert outcome.code == 0, outcome.err
    assert "payloads were left out: add --payloads to have their content" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give trace ids, or filters"),
        ([TRACE, "--service", "s"], "give trace ids or filters, not both"),
        ([TRACE, "--redaction", "weak"], "weak"),
    ],
)
def test_wrong_usage_is_2(run: Run, tmp_path: Path, arguments: list[str], said: str) -> None:
    """Before anything is asked for."""
    outcome = run("export", "-o", str(tmp_path / "a.zip"), *arguments)
    assert outcome.code == 2
    assert said in outcome.err


def test_a_server_that_is_not_there_is_3(run: Run, tmp_path: Path) -> None:
    """And leaves no file."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    outcome = run("export", TRACE, "-o", str(tmp_path / "a.zip"), "--url", url)
    assert outcome.code == 3
    assert "no TraceFoundry at" in outcome.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("canned", "code", "said"),
    [
        (
            Canned(b'{"error": {"code": "c", "message": "it is gone", "remedy": "Do that."}}', 410),
            1,
            "it is gone. Do that",
        ),
        (Canned(b"this is no zip"), 1, "not a valid bundle"),
    ],
)
def test_what_goes_wrong_leaves_the_old_file(
    run: Run, api: CannedServer, tmp_path: Path, canned: Canned, code: int, said: str
) -> None:
    """One line, and nothing beside it."""
    api.answers["POST /api/export"] = canned
    file = tmp_path / "a.zip"
    file.write_bytes(b"the export of yesterday")
    outcome = run("export", TRACE, "-o", str(file))
    assert outcome.code == code
    assert said in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert file.read_bytes() == b"the export of yesterday"
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_an_answer_that_breaks_off_leaves_no_file(run: Run, tmp_path: Path) -> None:
    """The beginning of a bundle is not taken for one."""

    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nPK\x03\x04\r\n"
            )

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        outcome = run("export", TRACE, "-o", str(tmp_path / "a.zip"), "--url", url)
        thread.join(120)
    assert outcome.code == 1
    assert "broke off in the middle of its answer" in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said(run: Run, api: CannedServer, tmp_path: Path) -> None:
    """With its name."""
    outcome = run("export", TRACE, "-o", str(tmp_path / "none" / "a.zip"))
    assert outcome.code == 1
    assert f"cannot be written to {tmp_path / 'none'}" in outcome.err
