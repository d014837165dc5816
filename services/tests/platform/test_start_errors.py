"""Starts that cannot work: one line that says what to do, no traceback, no password."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ingest.bodies import PROTOBUF, body, new_trace_id, span
from platform_process import run_command, running
from tracefoundry.cli.app import main
from tracefoundry.server import stores

SECRET = "s3cr3t-pa55"


def the_line(code: int, expected_code: int, out: str, err: str) -> str:
    """The one line that a failed command ends with."""
    assert (expected_code, "") == (code, out), err
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert errors == err.splitlines()[-1:], err
    assert "Traceback" not in err
    assert SECRET not in err
    return errors[0]


def failure(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """The line of a command that fails as a process of its own."""
    result = run_command(*arguments, environment=environment)
    return the_line(result.returncode, 1, result.stdout, result.stderr)


PORTS = ("--port", "0", "--otlp-port", "0", "--grpc-port", "0")

WRONG: dict[str, tuple[tuple[str, ...], dict[str, str], str]] = {
    "unknown_scheme": (("--database", f"mysql://u:{SECRET}@h/d"), {}, "postgresql://"),
    "no_url": (("--database", "traces.db"), {}, "sqlite:///"),
    "no_port": (("--database", f"postgresql://u:{SECRET}@h:port/d"), {}, "the port"),
    "at_sign": (("--database", f"postgresql://u:at@{SECRET}@h/d"), {}, "percent-encoded"),
    "unknown_parameter": (("--database", f"postgresql://u:{SECRET}@h/d?a=1"), {}, "form"),
    "percent_sign": (("--database", f"postgresql://u:{SECRET}%zz@h/d"), {}, "form"),
    "no_such_folder": (("--database", "sqlite:////nowhere/at/all/t.db"), {}, "folder"),
    "memory": (("--database", "sqlite:///:memory:"), {}, "sqlite:///PATH"),
    "url_in_environment": (
        (),
        {"TRACEFOUNDRY_DATABASE_URL": f"oracle://u:{SECRET}@h/d"},
        "postgresql://",
    ),
    "database_and_data": (("--database", "sqlite:///a.db", "--data", "b"), {}, "Choose one"),
    "redaction": ((), {"TRACEFOUNDRY_REDACTION": "weak"}, "TRACEFOUNDRY_REDACTION"),
    "retention": ((), {"TRACEFOUNDRY_RETENTION_SPANS": "soon"}, "like 7d"),
    "budget": ((), {"TRACEFOUNDRY_INGEST_BYTES_IN_FLIGHT": "1"}, "1MiB"),
    "origins": ((), {"TRACEFOUNDRY_CORS_ORIGINS": "page"}, "https://"),
    "any_origin": ((), {"TRACEFOUNDRY_CORS_ORIGINS": "*"}, "login"),
    "any_origin_beside_others": (
        (),
        {"TRACEFOUNDRY_CORS_ORIGINS": "https://a.example,*"},
        "TRACEFOUNDRY_CORS_ORIGINS",
    ),
    "connections": ((), {"TRACEFOUNDRY_CONNECTIONS_PER_ADDRESS": "0"}, "from 1 to 4096"),
    "token_or_not": (("--require-token", "--insecure-no-auth"), {}, "Choose one"),
}


@pytest.fixture
def fails(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> Callable[..., str]:
    """Run a command in this process, where a start takes no second; gives its error line."""
    for name in list(os.environ):
        if name.startswith("TRACEFOUNDRY_"):
            monkeypatch.delenv(name)

    def run(*arguments: str, code: int = 1) -> str:
        found = main(arguments)
        shown = capfd.readouterr()
        assert SECRET not in caplog.text
        return the_line(found, code, shown.out, shown.err)

    return run


@pytest.mark.parametrize("case", WRONG)
def test_settings_that_cannot_work_are_one_line(
    case: str, fails: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Exit code 1, at once; the line names the setting or the remedy."""
    arguments, environment, expected = WRONG[case]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    names_database = "--database" in arguments or "TRACEFOUNDRY_DATABASE_URL" in environment
    where = () if names_database else ("--data", str(tmp_path / "data"))
    monkeypatch.setattr(stores, "DATABASE_WAIT_S", 0.0)
    assert expected in fails("serve", *PORTS, *where, *arguments)


@pytest.mark.parametrize("command", ["ingest", "query"])
@pytest.mark.parametrize(
    "url",
    [
        f"mysql://u:{SECRET}@h/d",
        f"postgresql://u:at@{SECRET}@h/d",
        f"postgresql://u:{SECRET}@h:p/d",
    ],
)
def test_the_other_processes_check_their_database_url_too(
    command: str, url: str, fails: Callable[..., str]
) -> None:
    """A URL that can never work is not waited for."""
    assert "database URL" in fails(command, "--database", url)


def test_wrong_usage_is_exit_code_2(fails: Callable[..., str]) -> None:
    """An option that does not exist, a port that is none."""
    assert "--help" in fails("serve", "--prot", "1", code=2)
    assert "--port" in fails("serve", "--port", "99999", code=2)


def test_a_failing_process_prints_its_line_and_nothing_else(tmp_path: Path) -> None:
    """The same seen from outside, as a person or a supervisor does."""
    arguments = ("--data", str(tmp_path), "--require-token", "--insecure-no-auth")
    assert "Choose one" in failure("serve", *PORTS, *arguments)


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """By its number, for HTTP and gRPC."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for option in ("--otlp-port", "--grpc-port"):
            ports = list(PORTS)
            ports[ports.index(option) + 1] = port
            line = failure("serve", *ports, "--data", str(tmp_path / option))
            assert port in line
            assert "another port" in line


def test_a_second_writer_on_one_data_folder_is_refused(
    fails: Callable[..., str], tmp_path: Path
) -> None:
    """SQLite has one span-writing process; the first one goes on."""
    data = ("--data", str(tmp_path / "data"))
    with running("serve", *data, folder=tmp_path) as platform:
        line = fails("serve", *PORTS, *data)
        assert "another process" in line
        assert "--data" in line
        assert "another process" in fails("ingest", *PORTS[2:], *data)
        assert 200 == platform.client.get(platform.api + "/readyz").status_code


def test_an_unreachable_database_is_reported_after_a_bounded_wait(
    fails: Callable[..., str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`migrate` and `serve` try for a while, then say why; the password is in no line."""
    monkeypatch.setattr(stores, "DATABASE_WAIT_S", 0.5)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        url = f"postgresql://user:{SECRET}@127.0.0.1:{port}/traces"
        for command in (["migrate"], ["serve", *PORTS]):
            assert "start the database" in fails(*command, "--database", url)
    assert "trying again" in caplog.text


def test_running_processes_never_log_the_password(tmp_path: Path) -> None:
    """`ingest` and `query` over a database that refuses them: readiness, answers and logs."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        url = f"postgresql://user:{SECRET}@127.0.0.1:{port}/traces"
        environment = {"TRACEFOUNDRY_DATABASE_URL": url}
        for command in ("ingest", "query"):
            with running(command, folder=tmp_path, environment=environment) as started:
                base = started.api or started.otlp
                answers = [started.client.get(base + "/readyz")]
                if started.otlp:
                    content = body([span(new_trace_id())])
                    headers = {"content-type": PROTOBUF}
                    answers.append(
                        started.client.post(base + "/v1/traces", content=content, headers=headers)
                    )
                else:
                    answers.append(started.client.get(base + "/api/traces"))
                assert 503 == answers[0].status_code
                for answer in answers:
                    assert SECRET not in answer.text
            assert SECRET not in started.stderr()


def a_free_port() -> str:
    """A port that nothing listens on."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return str(opened.getsockname()[1])


def test_one_port_may_serve_the_api_and_otlp(tmp_path: Path) -> None:
    """Both ports take the same paths, so one is enough."""
    port, data = a_free_port(), str(tmp_path / "data")
    arguments = ("--data", data, "--port", port, "--otlp-port", port)
    with running("serve", *arguments, folder=tmp_path) as platform:
        assert f"http://127.0.0.1:{port}" == platform.api == platform.otlp
        content, headers = body([span(new_trace_id())]), {"content-type": PROTOBUF}
        answer = platform.client.post(
            platform.otlp + "/v1/traces", content=content, headers=headers
        )
        assert 200 == answer.status_code
        assert 1 == len(platform.get("/api/traces")["traces"])


@pytest.mark.parametrize("option", ["--port", "--otlp-port"])
def test_grpc_needs_a_port_of_its_own(
    option: str, fails: Callable[..., str], tmp_path: Path
) -> None:
    """It is another protocol; the line says which port is meant twice."""
    port = a_free_port()
    arguments = [*PORTS, option, port, "--grpc-port", port]
    line = fails("serve", "--data", str(tmp_path / "data"), *arguments)
    assert f"port {port} is given for OTLP/gRPC and for HTTP" in line
