"""Which tokens of somebody's own are refused because they could be guessed."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable

import pytest

from tracefoundry.auth.errors import AccessError
from tracefoundry.auth.token_strength import is_strong
from tracefoundry.auth.token_text import check_brought
from tracefoundry.server.errors import CommandError
from tracefoundry.server.tokens import REGISTER_VARIABLE, read_token_files

MAKERS: dict[str, Callable[[random.Random], str]] = {
    "openssl rand -hex 16": lambda source: source.randbytes(16).hex(),
    "openssl rand -hex 32": lambda source: source.randbytes(32).hex(),
    "openssl rand -base64 18": lambda source: base64.b64encode(source.randbytes(18)).decode(),
    "openssl rand -base64 32": lambda source: base64.b64encode(source.randbytes(32)).decode(),
    "ours": lambda source: "tf_" + base64.urlsafe_b64encode(source.randbytes(32)).decode()[:43],
    "letters": lambda source: "".join(source.choices(string.ascii_lowercase, k=32)),
    "digits": lambda source: "".join(source.choices(string.digits, k=50)),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_random_tokens_are_accepted(maker: str) -> None:
    """Two thousand of each usual way to make one: at most two in a thousand may be refused, for
    what repeats or reads like a word by chance."""
    source = random.Random(4711)
    refused = [token for _ in range(2_000) if not is_strong(token := MAKERS[maker](source))]
    assert len(refused) <= 4, refused


@pytest.mark.parametrize(
    "token",
    [
        "changemechangeme",
        "changeme-changeme-changeme-changeme",
        "0123456789abcdef",
        "0123456789abcdef0123456789abcdef0123456789abcdef",
        "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "a" * 512,
        "ab" * 100,
        "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef",
        "correct-horse-battery-staple",
        "correcthorsebatterystaplecorrecthorse",
        "CorrectHorseBatteryStapleEverySunday",
        "my-very-secret-production-admin-token-of-2026",
        "made-with-openssl-0123456789",
        "secret-token-for-the-admin",
        "9f86d081884c7d659a2f",
        "1" * 30 + "2" * 30 + "3" * 30,
        "20261128202611282026112820261128",
        "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbcccccccccccccccc",
    ],
)
def test_what_can_be_guessed_is_refused_and_not_shown(token: str) -> None:
    """The remedy is a command that makes a good one."""
    with pytest.raises(AccessError) as caught:
        check_brought(token, "the file of the role admin")
    assert "openssl rand" in caught.value.remedy
    assert token not in caught.value.message + caught.value.remedy
    assert "the file of the role admin" in caught.value.message


@pytest.mark.parametrize("wrong", ["tf_abcdefgh01234567", "/nowhere/tf_abcdefgh01234567"])
@pytest.mark.parametrize("form", ["admin={}", "admin={},ingest={}", "{}", "admin:{}", "boss={}"])
def test_a_token_in_place_of_its_file_is_not_shown(form: str, wrong: str) -> None:
    """Whatever is wrong with the list, no part of it is repeated."""
    with pytest.raises(CommandError) as caught:
        read_token_files({REGISTER_VARIABLE: form.replace("{}", wrong)})
    assert "abcdefgh" not in caught.value.line() + repr(caught.value.__cause__)
    assert REGISTER_VARIABLE in caught.value.line()
