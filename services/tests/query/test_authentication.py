"""What the audit log may hold of a path that was refused."""

from __future__ import annotations

import pytest

from tracefoundry.query.authentication import target_of

KEY = "sk-" + "ant-" + "a1b2c3d4" * 5


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/traces", "/api/traces"),
        ("/api/traces/" + "ab" * 16 + "/tree", "/api/traces/" + "ab" * 16 + "/tree"),
        ("/api/spans/" + "ab" * 8, "/api/spans/" + "ab" * 8),
        ("/api/payloads/sha256:" + "ab" * 32, "/api/payloads/sha256:" + "ab" * 32),
        ("/api/payloads/" + KEY, "/api/payloads/..."),
        (f"/api/tokens/{KEY}", "/api/tokens/..."),
        (f"/{KEY}/api", "/.../api"),
    ],
)
def test_a_target_holds_ids_and_words_of_the_api_only(path: str, expected: str) -> None:
    """A secret that somebody pastes into a path is not written down."""
    assert expected == target_of(path)
