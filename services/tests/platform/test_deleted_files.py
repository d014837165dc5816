"""Deleted means deleted: once a deletion is answered, no file of the data folder holds the text."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ingest.bodies import PROTOBUF, body, new_trace_id, span
from platform_process import running

TEXT = "MARK-4711-edelweiss tells me about an illness"


@pytest.mark.parametrize("bulk", [False, True])
def test_a_deleted_prompt_is_in_no_file(bulk: bool, tmp_path: Path) -> None:
    """Deleted by its id, and with everything before a time; found in files before that."""
    data = tmp_path / "data"
    with running("serve", "--data", str(data), folder=tmp_path) as platform:
        trace = new_trace_id()
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": f'[{{"role": "user", "content": "{TEXT}"}}]',
            "note": TEXT,
        }
        platform.client.post(
            platform.otlp + "/v1/traces",
            content=body([span(trace, name=TEXT, attributes=attributes)]),
            headers={"content-type": PROTOBUF},
        ).raise_for_status()
        assert holders(data) != []
        if bulk:
            path, parameters = "/api/traces", {"before": str(time.time_ns())}
        else:
            path, parameters = f"/api/traces/{trace.hex()}", {}
        answer = platform.client.delete(platform.api + path, params=parameters)
        assert (200, []) == (answer.status_code, holders(data)), answer.text


def holders(folder: Path) -> list[str]:
    """The files that hold the text."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return [file.name for file in files if TEXT.encode() in file.read_bytes()]
