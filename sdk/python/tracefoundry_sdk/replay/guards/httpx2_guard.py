"""The guard of httpx2, which the clients of OpenAI and Anthropic use: as that of httpx."""

from __future__ import annotations

from tracefoundry_sdk.replay.guards.httpx_guard import guard

__all__ = ["guard"]
