"""``tracefoundry rerun-job``: the container beside the agent of a TraceExport."""

from __future__ import annotations

import hashlib
import io
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bundles import span, written
from platform_process import clean_environment, command_line, eventually
from tracefoundry.replay.rerun import with_outer_guard
from tracefoundry.schemas.replay import RerunCall, RerunReport
from tracefoundry.server.bundle_handover import hand_over
from tracefoundry.server.job_documents import MESSAGE_LIMIT_BYTES
from tracefoundry.server.rerun_job import summary
from tracefoundry_sdk.replay.client import ReplayClient

AGENT = '''
import os
import tracefoundry_sdk as tf

tf.quick_start(service="shop")


@tf.tool_call
def lookup_order(order_id: str) -> dict:
    """Find an order."""
    raise AssertionError("a replay does not run it")


print(lookup_order(os.environ["ORDER"])["status"])
'''
BUNDLE = written(
    [
        span(
            1,
            attributes={
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "lookup_order",
                "gen_ai.tool.call.arguments": '{"order_id":"48213"}',
                "gen_ai.tool.call.result": '{"status":"shipped"}',
            },
        )
    ]
)
SHA256 = hashlib.sha256(BUNDLE).hexdigest()


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class Served:
    """The process beside the agent."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "socket"
        self.port, self.ready_port = free_port(), free_port()
        self._termination_log = folder / "termination-log"
        self._termination_log.touch()
        document = {
            "sha256": SHA256, "port": self.port, "ready_port": self.ready_port,
            "socket": str(self.socket),
        }  # fmt: skip
        variables = {
            "TRACEFOUNDRY_RERUN_JOB": json.dumps(document),
            "TRACEFOUNDRY_SCRATCH": str(folder),
        }
        self.process = subprocess.Popen(
            command_line("rerun-job", "--report", str(self._termination_log)),
            env=clean_environment(variables),
            stdout=subprocess.PIPE,
        )

    def give(self, bundle: bytes = BUNDLE) -> None:
        """Do what the Job that checks the bundle does; then wait as the kubelet's probe does."""
        address = ("127.0.0.1", self.port)
        hand_over(io.BytesIO(bundle), len(bundle), SHA256, address, within_s=60)

        def ready() -> bool:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self.ready_port), timeout=5).close()
                return True
            return False

        eventually(ready, what="readiness")

    def run(self, order: str) -> subprocess.CompletedProcess[str]:
        """Run the agent to its end."""
        variables = {"TRACEFOUNDRY_REPLAY": f"unix:{self.socket}", "ORDER": order}
        return subprocess.run(
            [sys.executable, "-c", AGENT], env=clean_environment(variables),
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def end(self) -> tuple[int, str, str]:
        """End it as the kubelet does: its exit status, termination message and log."""
        self.process.terminate()
        log, _ = self.process.communicate(timeout=60)
        return self.process.returncode, self._termination_log.read_text(), log.decode()


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """One that is ended at the latest with the test."""
    made = Served(folder)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
            made.process.communicate(timeout=60)


def test_an_agent_is_answered_and_the_report_has_no_content(tmp_path: Path) -> None:
    """The function is not run; its recorded result is given."""
    with served(tmp_path) as server:
        server.give()
        done = server.run("48213")
        assert (0, "shipped\n") == (done.returncode, done.stdout), done.stderr
        status, message, log = server.end()
    found: dict[str, Any] = json.loads(message)
    assert 0 == status
    assert {"matched": 1, "missed": 0, "diverged": 0, "unused": 0, "unanswered": []} == {
        key: value for key, value in found.items() if key not in ("guards", "notes")
    }
    assert {"decorators", "sockets"} <= set(found["guards"])
    # There is no cluster around this test.
    assert "network policy" not in found["guards"]
    assert "could not be tried" in found["notes"][0]
    assert json.loads(log.splitlines()[0])["matched"] == 1
    assert not server.socket.exists()


def test_a_changed_argument_is_named_and_its_difference_is_in_the_log_alone(
    tmp_path: Path,
) -> None:
    """Whoever may read the TraceExport may not be one who may read content."""
    with served(tmp_path) as server:
        server.give()
        done = server.run("99999")
        assert done.returncode != 0
        status, message, log = server.end()
    found = json.loads(message)
    assert (0, 1, 1, ["diverged: tool 'lookup_order'"]) == (
        status, found["missed"], found["diverged"], found["unanswered"],
    )  # fmt: skip
    assert "99999" not in message
    assert "48213" not in message
    assert "99999" in log
    assert "48213" in log


def test_an_agent_cannot_claim_the_guard_around_it(tmp_path: Path) -> None:
    """The report would say that there is no egress where there is."""
    with served(tmp_path) as server:
        server.give()
        ReplayClient(f"unix:{server.socket}").guards(["network policy", "sockets"])
        _, message, _ = server.end()
    assert ["sockets"] == json.loads(message)["guards"]
    told = ["network namespace", "sockets"]
    assert ["sockets"] == with_outer_guard(told, "network namespace", active=False)
    assert told == with_outer_guard(told, "network namespace", active=True)


def test_a_bundle_that_does_not_come_is_an_error(tmp_path: Path) -> None:
    """The Job was ended, at its deadline for example."""
    with served(tmp_path) as server:
        address = ("127.0.0.1", server.port)

        def answers() -> bool:
            with suppress(OSError):
                socket.create_connection(address, timeout=5).close()
                return True
            return False

        eventually(answers, what="the process")
        status, message, _ = server.end()
    assert (1, True) == (status, "the bundle of the re-run did not come" in message), message


def test_a_process_that_was_restarted_says_that_the_bundle_is_lost(tmp_path: Path) -> None:
    """It ran out of memory, say. The calls that missed before would be forgotten."""
    with served(tmp_path) as server:
        server.give()
        server.process.kill()
        server.process.communicate(timeout=60)
    with served(tmp_path) as again:
        assert 2 == again.process.wait(timeout=60)
        _, message, _ = again.end()
    assert "the bundle was lost when this container was restarted" in message
    assert "raise spec.exports.resources" in message


def test_a_report_with_long_names_fits_into_a_termination_message() -> None:
    """A message that is cut is no JSON any more, and the result would be lost."""
    calls = [
        RerunCall(kind="tool", name="ü" * 2000, agent_path=["ö" * 2000], outcome="missed")
        for _ in range(50)
    ]
    guards = ["ä" * 500 for _ in range(100)]
    found = summary(RerunReport(missed=50, calls=calls, guards=guards, notes=["told"]))
    assert len(msgspec.json.encode(found)) <= MESSAGE_LIMIT_BYTES
    assert (50, ["told"]) == (found["missed"], found["notes"])
    named = summary(RerunReport(missed=1, calls=calls[:1]))["unanswered"]
    assert [f"missed: tool '{'ü' * 120}' of agent '{'ö' * 120}'"] == named


@pytest.mark.parametrize("outcome", ["matched", "unused", "allowed"])
def test_calls_that_were_answered_are_not_named(outcome: Any) -> None:
    call = RerunCall(kind="tool", name="lookup_order", outcome=outcome)
    assert [] == summary(RerunReport(calls=[call]))["unanswered"]
