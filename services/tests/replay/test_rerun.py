"""An agent runs against a model, its trace is exported, and it runs again with the model gone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from model_server.replies import read_script
from model_server.server import serving

from platform_process import Platform, clean_environment, command_line, eventually, running

AGENT = '''
import json, os, sys
import requests
import tracefoundry_sdk as tf

tf.quick_start(service="shop", record=True)


@tf.tool_call
def lookup_order(order_id: str) -> dict:
    """Find an order."""
    requests.get(os.environ["ORDERS_URL"], timeout=120)
    return {"status": "shipped", "order": order_id}


def ask(messages):
    with tf.llm_call("openai", model="gpt-5-mini", input=messages) as call:
        reply = requests.post(
            os.environ["OPENAI_BASE_URL"] + "/chat/completions",
            json={"model": "gpt-5-mini", "messages": messages},
            timeout=10,
        ).json()
        call.record(reply)
    return reply["choices"][0]["message"]["content"]


with tf.trace_agent_run("order-agent") as run:
    first = ask([{"role": "user", "content": "Where is my order?"}])
    order = lookup_order(os.environ.get("ORDER", "48213"))
    second = ask([{"role": "user", "content": json.dumps(order)}])
    run.output = second
print(first, order["status"], second)
tf.flush(timeout_s=30)
'''
REPLIES = [{"text": "Let me look."}, {"text": "It is on its way."}]
ANSWER = "Let me look. shipped It is on its way.\n"


@dataclass
class Recorded:
    """A bundle of one run, and what the run needs."""

    bundle: Path
    agent: Path
    environment: dict[str, str]

    def replay(self, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """``tracefoundry replay BUNDLE --rerun OPTIONS -- python agent.py``."""
        return subprocess.run(
            command_line(
                "replay", str(self.bundle), "--rerun", *options, "--", sys.executable,
                str(self.agent),
            ),
            env=clean_environment({**self.environment, **variables}),
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("platform")
    with running("serve", "--data", str(folder / "data"), folder=folder) as started:
        yield started


@pytest.fixture(scope="module")
def recorded(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A run against a model server that is gone afterwards."""
    folder = tmp_path_factory.mktemp("agent")
    agent = folder / "agent.py"
    agent.write_text(AGENT)
    with serving(read_script(REPLIES)) as models:
        environment = {
            "TRACEFOUNDRY_URL": platform.otlp,
            "OPENAI_BASE_URL": f"{models.url}/v1",
            "ORDERS_URL": f"{models.url}/v1/models",
        }
        done = subprocess.run(
            [sys.executable, str(agent)], env=clean_environment(environment),
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
    assert done.stdout == ANSWER, done.stderr

    def ended() -> list[dict[str, Any]]:
        traces: list[dict[str, Any]] = platform.get("/api/traces", service="shop")["traces"]
        return [trace for trace in traces if not trace["running"]]

    (trace,) = eventually(ended, what="the trace of the run")
    bundle = folder / "run.zip"
    answer = platform.client.post(
        f"{platform.api}/api/traces/{trace['trace_id']}/export", json={"payloads": True}
    )
    assert answer.status_code == 200, answer.text
    bundle.write_bytes(answer.content)
    return Recorded(bundle, agent, environment)


def test_the_agent_gives_the_same_answer_without_any_live_call(recorded: Recorded) -> None:
    done = recorded.replay("--json")
    assert done.returncode == 0, done.stderr
    answer, _, report = done.stdout.partition("\n")
    assert f"{answer}\n" == ANSWER
    told = json.loads(report)
    assert (told["ok"], told["matched"], told["missed"], told["unused"]) == (True, 3, 0, 0)
    assert "network namespace" in told["guards"]
    assert {call["kind"] for call in told["calls"]} == {"llm", "tool"}


def test_a_changed_argument_is_a_miss_with_a_diff_and_the_exit_status_says_so(
    recorded: Recorded, tmp_path: Path
) -> None:
    page, table = tmp_path / "report.html", tmp_path / "report.json"
    done = recorded.replay("--report", str(page), "--report", str(table), ORDER="99999")
    assert done.returncode == 1
    assert "NOT REPLAYED" in done.stderr
    told = json.loads(table.read_text())
    assert (told["ok"], told["diverged"]) == (False, 1)
    (miss,) = [call for call in told["calls"] if call["outcome"] == "diverged"]
    assert miss["name"] == "lookup_order"
    assert "48213" in miss["diff"]
    assert "99999" in miss["diff"]
    assert "did not pass" in page.read_text()


def test_a_command_that_cannot_be_started_is_no_good_replay(recorded: Recorded) -> None:
    done = subprocess.run(
        command_line("replay", str(recorded.bundle), "--rerun", "--json", "--", "no-such-command"),
        capture_output=True, text=True, timeout=120, check=False, env=clean_environment(),
    )  # fmt: skip
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["ok"], told["unused"]) == (False, 3)


def test_a_dry_replay_of_the_file_needs_no_server(recorded: Recorded) -> None:
    done = subprocess.run(
        command_line("replay", str(recorded.bundle)),
        capture_output=True, text=True, timeout=120, check=False, env=clean_environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("REPLAYABLE  4 spans in 1 trace")


def test_the_dry_replay_of_the_stored_trace_says_the_same_as_that_of_the_bundle(
    recorded: Recorded, platform: Platform
) -> None:
    (trace,) = platform.get("/api/traces", service="shop")["traces"]
    of_server = subprocess.run(
        command_line("replay", trace["trace_id"], "--json", "--url", platform.api),
        capture_output=True, text=True, timeout=120, check=False, env=clean_environment(),
    )  # fmt: skip
    of_file = subprocess.run(
        command_line("replay", str(recorded.bundle), "--json"),
        capture_output=True, text=True, timeout=120, check=False, env=clean_environment(),
    )  # fmt: skip
    assert of_server.returncode == 0, of_server.stderr
    assert json.loads(of_server.stdout) == json.loads(of_file.stdout)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["0af7651916cd43dd8448eb211c80319c", "--rerun", "--", "true"], "needs a bundle"),
        (["x.zip", "--rerun"], "needs a command"),
        (["x.zip", "--allow", "search"], "needs --rerun"),
    ],
)
def test_wrong_usage_is_told_with_status_2(arguments: list[str], complaint: str) -> None:
    done = subprocess.run(
        command_line("replay", *arguments),
        capture_output=True, text=True, timeout=120, check=False, env=clean_environment(),
    )  # fmt: skip
    assert done.returncode == 2
    assert complaint in done.stderr


def test_a_file_that_is_no_bundle_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "x.zip"
    file.write_bytes(b"PK")
    done = subprocess.run(
        command_line("replay", str(file)),
        capture_output=True, text=True, timeout=120, check=False, env=clean_environment(),
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {file} is no valid bundle")
    assert done.stderr.count("\n") == 1
