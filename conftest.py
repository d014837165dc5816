"""Settings of all tests: a property test is judged by what it finds, never by its time."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "tracefoundry", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tracefoundry")
