"""The helpers: agent run, LLM call, tool call, retrieval.

``base`` is the span behind all of them, ``helper`` makes it a context manager and a decorator,
``functions`` wraps functions of all four kinds; each helper has a module of its own.
"""

from __future__ import annotations
