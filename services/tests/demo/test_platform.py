"""The demo on a real platform: what people see of it after `make demo`."""

from __future__ import annotations

import json
from pathlib import Path

from platform_process import run_command, running


def test_the_platform_shows_the_traces_of_the_sdk(tmp_path: Path) -> None:
    """All scenarios are there, one run is still going on, and outputs are kept as payloads."""
    with running("serve", "--data", str(tmp_path / "data"), folder=tmp_path) as platform:
        sent = run_command("demo", "--traces", "60", "--url", platform.otlp, "--json")
        assert 0 == sent.returncode, sent.stderr
        assert (61, 1) == (json.loads(sent.stdout)["traces"], json.loads(sent.stdout)["running"])
        traces = platform.get("/api/traces", limit=100)["traces"]
        assert 61 == len(traces)
        (going_on,) = [trace for trace in traces if trace["running"]]
        assert [going_on] == platform.get("/api/traces", status="running")["traces"]
        assert "research-assistant" == going_on["agent"]
        tags, answers = set(), 0
        for trace in traces:
            spans = platform.get(f"/api/traces/{trace['trace_id']}/spans")["spans"]
            found = [span["attributes"].get("tracefoundry.tags") for span in spans]
            tags |= {tag for values in found if values for tag in values}
            answered = [
                span
                for span in spans
                if "gen_ai.response.id" in span["attributes"] and span["status"] != "error"
            ]
            answers += len(answered)
            for span in answered:
                keys = {payload["key"] for payload in span["payloads"]}
                assert {"tracefoundry.raw_request", "tracefoundry.raw_response"} <= keys
        assert answers > 100
        expected = {
            *("ok", "slow_tool", "retry_storm", "llm_error", "timeout", "long_conversation"),
            *("parallel_tools", "sub_agent", "streaming"),
        }
        assert {"demo", *expected} == tags
