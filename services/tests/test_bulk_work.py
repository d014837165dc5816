"""Settings of the interpreter during exports and imports."""

from __future__ import annotations

import gc
import sys

import pytest

from tracefoundry.bulk_work import COLLECTION_THRESHOLDS, SWITCH_INTERVAL_S, bulk_work


def settings() -> tuple[float, tuple[int, int, int]]:
    """What is set now."""
    return sys.getswitchinterval(), gc.get_threshold()


def test_the_last_block_that_ends_puts_the_settings_back() -> None:
    """Blocks of two threads may overlap in any order."""
    before = settings()
    first, second = bulk_work(), bulk_work()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert (pytest.approx(SWITCH_INTERVAL_S), COLLECTION_THRESHOLDS) == settings()
    second.__exit__(None, None, None)
    assert before == settings()


def test_an_error_puts_the_settings_back() -> None:
    """An import that fails leaves the server as it was."""
    before = settings()
    with pytest.raises(RuntimeError), bulk_work():
        raise RuntimeError
    assert before == settings()
