"""The form of tokens, and where a request carries them."""

from __future__ import annotations

import base64

import pytest

from tracefoundry.auth.errors import AccessError, Unauthenticated
from tracefoundry.auth.token_text import check_brought, hash_of, new_token, token_of

GOOD = "abcdefghijklmnop"


def basic(text: str) -> str:
    """The header value of Basic."""
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_new_tokens_are_recognisable_and_never_the_same() -> None:
    """32 random bytes behind a prefix that scanners can look for."""
    made = {new_token() for _ in range(100)}
    assert 100 == len(made)
    assert {("tf_", 46)} == {(token[:3], len(token)) for token in made}


def test_only_a_hash_of_32_bytes_is_kept() -> None:
    """Which does not hold the token."""
    token = new_token()
    assert 32 == len(hash_of(token))
    assert token.encode() not in hash_of(token)


@pytest.mark.parametrize("header", [f"Bearer {GOOD}", f"bearer  {GOOD} ", f"BEARER {GOOD}"])
@pytest.mark.parametrize("takes_basic", [True, False])
def test_a_bearer_token_is_found_whatever_the_case_of_its_scheme(
    header: str, takes_basic: bool
) -> None:
    """Schemes ignore case (RFC 9110)."""
    assert GOOD == token_of([header], basic=takes_basic)


@pytest.mark.parametrize("user", ["pk-lf-public", "", "user"])
def test_the_password_of_basic_is_a_token_where_that_is_taken(user: str) -> None:
    """Whatever the user's name is."""
    assert GOOD == token_of([basic(f"{user}:{GOOD}")], basic=True)


@pytest.mark.parametrize(
    ("headers", "takes_basic"),
    [
        ([], True),
        ([""], True),
        (["Bearer"], True),
        ([f"Bearer {GOOD[:15]}"], True),
        ([f"Bearer {GOOD} {GOOD}"], True),
        ([f"Bearer {'x' * 513}"], True),
        ([f"Bearer {GOOD}\xe9"], True),
        ([f"Bearer {GOOD}\x00"], True),
        ([GOOD], True),
        ([f"Token {GOOD}"], True),
        ([f"Bearer {GOOD}", f"Bearer {GOOD}"], True),
        ([basic(f"user:{GOOD}")], False),
        ([basic(GOOD)], True),
        (["Basic %%%"], True),
        (["Basic " + base64.b64encode(b"user:" + b"\xff" * 20).decode()], True),
    ],
)
def test_anything_else_is_no_token_and_is_not_shown(headers: list[str], takes_basic: bool) -> None:
    """The message never repeats what was sent."""
    with pytest.raises(Unauthenticated) as caught:
        token_of(headers, basic=takes_basic)
    assert "abcdefgh" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "short", "x" * 15, "x" * 513, "with a space inside it", "é" * 20]
)
def test_a_weak_token_of_somebodys_own_is_refused_without_showing_it(text: str) -> None:
    """Only where it came from is said."""
    with pytest.raises(AccessError) as caught:
        check_brought(text, "the file of the role admin")
    assert "the file of the role admin" in caught.value.message
    assert not text or text not in caught.value.message
