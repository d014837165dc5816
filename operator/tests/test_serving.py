"""Health, metrics and settings."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from tests.instances import MINIMAL, instance
from tracefoundry_operator.metrics import Metrics
from tracefoundry_operator.serving import application, serve
from tracefoundry_operator.settings import Settings, SettingsError


@pytest.mark.asyncio
async def test_health_and_metrics_are_served() -> None:
    """503 with the reason when something is wrong."""
    reasons: list[str | None] = [None]
    app = application(Metrics(), alive=lambda: reasons[0], ready=lambda: "not yet")
    runner = await serve(app, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}/healthz") as answer:
                assert (200, {"ok": True, "reason": None}) == (answer.status, await answer.json())
            reasons[0] = "silent"
            async with session.get(f"{url}/healthz") as answer:
                assert (503, "silent") == (answer.status, (await answer.json())["reason"])
            async with session.get(f"{url}/readyz") as answer:
                assert 503 == answer.status
            async with session.get(f"{url}/metrics") as answer:
                assert "tracefoundry_operator_build_info" in await answer.text()
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("name", "text"), [("HTTP_PORT", "web"), ("RESYNC_S", "0"), ("PROBE_S", "-1"), ("IMGAE", "x")]
)
def test_settings_that_cannot_be_used_are_refused_by_name(name: str, text: str) -> None:
    """A misspelt one too, because it would have no effect."""
    with pytest.raises(SettingsError, match=f"TRACEFOUNDRY_OPERATOR_{name}"):
        Settings.from_environment({f"TRACEFOUNDRY_OPERATOR_{name}": text})


@pytest.mark.parametrize(
    ("spec", "services", "collector", "version"),
    [
        ({}, "tracefoundry:1", "tracefoundry-collector:2", "1"),
        ({"version": "3"}, "tracefoundry:3", "tracefoundry-collector:3", "3"),
        ({"image": {"tag": "4"}}, "tracefoundry:4", "tracefoundry-collector:2", "4"),
        ({"image": {"repository": "r/x"}}, "r/x:1", "tracefoundry-collector:2", "1"),
        ({"collector": {"image": {"tag": "5"}}}, "tracefoundry:1", "tracefoundry-collector:5", "1"),
    ],
)
def test_images_come_from_the_resource_and_else_from_the_installation(
    spec: dict[str, Any], services: str, collector: str, version: str
) -> None:
    """The version label follows."""
    settings, found = Settings(tag="1", collector_tag="2"), instance({**MINIMAL, **spec}).spec
    assert (services, collector, version) == (
        settings.services_image(found).reference,
        settings.collector(found).reference,
        settings.version(found),
    )
