"""State that is not replayed, because workflows import this module from outside their sandbox."""

from __future__ import annotations

once = iter([True])
"""True for the first that asks."""
