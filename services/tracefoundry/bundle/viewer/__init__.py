"""``viewer.html``: a page of one file that shows and verifies bundles offline.

Its parts lie beside this module and are put together here: browsers block modules and workers of
pages that are opened as files, so all of it must be one classic script. A content security policy
allows that script and that style sheet by their hashes, and no connection to anywhere. The data is
never in the page: it is read from the zip that the user picks or drops.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from functools import cache
from importlib.resources import files
from typing import Final

_SCRIPTS: Final = ("hashes.js", "inflate.js", "zip.js", "otlp.js", "bundle.js", "page.js")
"""In the order of their use."""


@cache
def viewer_html() -> bytes:
    """The page; the same bytes for one version."""
    script = "'use strict';\n(() => {\n" + "\n".join(map(_part, _SCRIPTS)) + "})();\n"
    style = _part("page.css")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}';"
        " connect-src 'none'; base-uri 'none'; form-action 'none'"
    )
    page = _part("page.html")
    for mark, text in (("POLICY", policy), ("STYLE", style), ("SCRIPT", script)):
        page = page.replace(f"@{mark}@", text, 1)
    return page.encode()


def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
