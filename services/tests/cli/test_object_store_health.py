"""Readiness of the payload store: answered in time, whatever the store does."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from tracefoundry.cli import object_store_health
from tracefoundry.cli.object_store_health import ObjectStoreHealth
from tracefoundry.payloads.errors import ObjectStoreUnavailable
from tracefoundry.store.contract import StoreUnavailable


class Store:
    """Answers as the test says."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        self.answer = threading.Event()
        self.answer.set()
        self.asked = 0

    def check(self) -> None:
        self.asked += 1
        assert self.answer.wait(30)
        if self.trouble:
            raise ObjectStoreUnavailable(self.trouble)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that a test moves."""
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def health(store: Any) -> ObjectStoreHealth:
    """The check of a store."""
    return ObjectStoreHealth(store)


def test_an_answer_is_believed_for_some_seconds(clock: list[float]) -> None:
    """Probes of many do not become requests of many."""
    store = Store()
    checked = health(store)
    for _ in range(3):
        checked.check()
    assert 1 == store.asked
    clock[0] += object_store_health.FRESH_S + 1
    store.trouble = "AccessDenied"
    with pytest.raises(StoreUnavailable, match="AccessDenied"):
        checked.check()
    assert 2 == store.asked


def test_a_store_that_hangs_is_said_to_hang_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One check is under way at a time; when it ends, its answer counts."""
    monkeypatch.setattr(object_store_health, "PATIENCE_S", 0.05)
    store = Store()
    store.answer.clear()
    checked = health(store)
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="has not answered within"):
            checked.check()
    assert 1 == store.asked
    monkeypatch.setattr(object_store_health, "PATIENCE_S", 30.0)
    store.answer.set()
    checked.check()
    assert 1 == store.asked
