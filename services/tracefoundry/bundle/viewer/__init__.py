"""``viewer.html``: a page of one file that shows and verifies bundles offline."""

from __future__ import annotations

from functools import cache


@cache
def viewer_html() -> bytes:
    """The page."""
    return b"<!doctype html>\n"
