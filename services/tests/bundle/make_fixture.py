"""Writes ``fixtures/v1.zip``. It was run once, when version 1 came out; the file stays as it is, so
that every later release is tested against what this one wrote.

    PYTHONPATH=services/tests .venv/bin/python services/tests/bundle/make_fixture.py
"""

from __future__ import annotations

from pathlib import Path

import bundles
from tracefoundry.bundle.keys import SigningKey

FIXTURES = Path(__file__).parent / "fixtures"


def make() -> None:
    """Write the bundle, and the public key that checks its signature."""
    key = SigningKey.generate()
    (FIXTURES / "v1.pub").write_bytes(key.public.pem())
    (FIXTURES / "v1.zip").write_bytes(bundles.sample(key=key, json_copies=True))


if __name__ == "__main__":
    make()
