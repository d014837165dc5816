"""What each library sends about a scripted agent, as the platform shows it.

The same facts are expected of the recorded bodies, in ``make test``: ``expected.json`` of the
library's folder in ``services/tests/ingest/interop_bodies``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from libraries import LIBRARIES, SCRIPT, run_agent
from model_server.server import ModelServer

from ingest.interop_facts import expected_facts, facts_of
from platform_process import Platform

WITHOUT_A_STREAM = {"crewai_agent", "google_adk", "logfire_pydantic_ai", "openai_agents"}
"""Libraries whose agents make two requests."""


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library(library: str, models: ModelServer, platform: Platform, tmp_path: Path) -> None:
    """Kinds, models, tools, messages, tokens and totals are right, and each call counts once."""
    run_agent(library, models, platform.otlp, tmp_path)
    requests = len(SCRIPT) - (library in WITHOUT_A_STREAM)
    assert len(models.script.requests()) == requests
    assert {"traces": expected_facts(library)["traces"]} == facts_of(platform, library)
