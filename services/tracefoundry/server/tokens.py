"""Tokens at the start of a process: those of Secrets, which ``migrate`` registers, and the hint
where there is none yet."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from tracefoundry.auth.caller import Caller, Role
from tracefoundry.auth.token_text import REMEDY
from tracefoundry.auth.tokens import Tokens
from tracefoundry.server.errors import CommandError
from tracefoundry.server.stores import access_to
from tracefoundry.settings import Settings
from tracefoundry.store.api import StoreError

REGISTER_VARIABLE = "TRACEFOUNDRY_REGISTER_TOKENS"
MAX_FILE_BYTES = 4_096

_log = logging.getLogger("tracefoundry")


def read_token_files(environment: Mapping[str, str] = os.environ) -> dict[Role, str]:
    """The tokens by role of ``TRACEFOUNDRY_REGISTER_TOKENS``; empty where it is not set.

    Raises:
        CommandError: the list or a file cannot be read. Shows neither a file's content nor what
            stands in place of its path.
    """
    known = [role.value for role in Role]
    texts: dict[Role, str] = {}
    for item in environment.get(REGISTER_VARIABLE, "").split(","):
        if not item.strip():
            continue
        name, separator, path = item.strip().partition("=")
        if not separator or name not in known or Role(name) in texts:
            raise CommandError(
                f"{REGISTER_VARIABLE} is not a list ROLE=FILE,ROLE=FILE of different roles",
                f"The roles are {', '.join(known)}",
            )
        texts[Role(name)] = _read(name, path)
    return texts


def _read(role: str, path: str) -> str:
    # The path is not shown: it is the token itself where somebody misread the form.
    place = f"{REGISTER_VARIABLE}: the file of the role {role}"
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_FILE_BYTES).decode("ascii").strip()
    except OSError as error:
        raise CommandError(
            f"{place} cannot be read: {error.strerror}",
            "Give the path of a file that holds the token, not the token, and mount the Secret",
        ) from None
    except UnicodeDecodeError:
        raise CommandError(
            f"{place} holds no token, but other bytes than ASCII",
            REMEDY,
        ) from None


def register_tokens(url: str, settings: Settings, texts: Mapping[Role, str]) -> list[str]:
    """Register the tokens of Secrets; returns what was changed, in words.

    Raises:
        CommandError: a text is no token, or the database cannot be used.
    """
    if not texts:
        return []
    with access_to(url, settings) as access:
        return access.tokens.register(texts, Caller(name="migrate", role=Role.ADMIN))


def hint_at_first_token(tokens: Tokens) -> None:
    """Log how to make a token where there is none yet: no request could be answered."""
    try:
        if tokens.any_live():
            return
    except StoreError as error:
        _log.warning("cannot find out whether there is a token yet: %s", error)
        return
    _log.warning(
        "tokens are asked for and there is none yet; make one, on the same --data or --database:"
        " tracefoundry token create --role admin --name NAME (role ingest for what sends OTLP)"
    )
