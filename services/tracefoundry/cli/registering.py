"""Commands that work on the database itself, without a server: opening access, Secrets' tokens."""

from __future__ import annotations

import contextlib
import getpass
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tracefoundry.cli.errors import CliError

if TYPE_CHECKING:
    from tracefoundry.auth.access import Access
    from tracefoundry.auth.caller import Caller, Role

REGISTER_VARIABLE = "TRACEFOUNDRY_REGISTER_TOKENS"
MAX_FILE_BYTES = 4_096


@contextlib.contextmanager
def access_at(data: Path | None, database: str | None) -> Iterator[Access]:
    """Access on the database of ``--data`` or ``--database``, which is made where it is new.

    Raises:
        CliError: the database cannot be used, or what the block wants is refused.
    """
    from tracefoundry.auth.access import open_access
    from tracefoundry.auth.errors import AccessError
    from tracefoundry.cli.processes import database_url, read_settings
    from tracefoundry.store import migrations
    from tracefoundry.store.contract import StoreError
    from tracefoundry.store.sql.engine import make_engine

    settings = read_settings()
    url = database_url(settings, database, data)
    try:
        if migrations.current(url) is None:
            migrations.upgrade(url)
        engine = make_engine(url, pool_size=1)
        access = open_access(engine, settings, ask_tokens=False)
        try:
            yield access
        finally:
            access.close()
            engine.dispose()
    except StoreError as error:
        remedy = "" if "tracefoundry migrate" in str(error) else "Check --data or --database"
        raise CliError(str(error), remedy) from error
    except AccessError as error:
        raise CliError(error.message, error.remedy) from error


def terminal_caller() -> Caller:
    """Who types: whoever can write the database may do anything; the audit log names the user."""
    from tracefoundry.auth.caller import Caller, Role

    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return Caller(name=f"terminal:{user}", role=Role.ADMIN)


def read_token_files(environment: Mapping[str, str] = os.environ) -> dict[Role, str]:
    """The tokens by role of ``TRACEFOUNDRY_REGISTER_TOKENS``; empty where it is not set.

    Raises:
        CliError: the list or a file cannot be read. Never shows a file's content.
    """
    from tracefoundry.auth.caller import Role

    known = [role.value for role in Role]
    texts: dict[Role, str] = {}
    for item in environment.get(REGISTER_VARIABLE, "").split(","):
        if not item.strip():
            continue
        name, separator, path = item.strip().partition("=")
        if not separator or name not in known or Role(name) in texts:
            raise CliError(
                f"{REGISTER_VARIABLE} is not a list ROLE=FILE,ROLE=FILE of different roles",
                f"The roles are {', '.join(known)}",
            )
        try:
            with Path(path).open("rb") as file:
                content = file.read(MAX_FILE_BYTES)
            texts[Role(name)] = content.decode("ascii").strip()
        except OSError as error:
            raise CliError(
                f"{REGISTER_VARIABLE}: cannot read {path!r}: {error.strerror}", "Mount the Secret"
            ) from error
        except UnicodeDecodeError:
            raise CliError(
                f"{REGISTER_VARIABLE}: {path!r} holds no token, but other bytes than ASCII",
                "Put a token of 16 or more visible characters into the Secret",
            ) from None
    return texts


def register_tokens(url: str, texts: Mapping[Role, str]) -> list[str]:
    """Register tokens of Secrets; returns what was changed, in words.

    Raises:
        CliError: a text is no token, or the database cannot be used.
    """
    from tracefoundry.auth.audit import AuditLog
    from tracefoundry.auth.caller import Caller, Role
    from tracefoundry.auth.errors import AccessError
    from tracefoundry.auth.tokens import Tokens
    from tracefoundry.store.contract import StoreError
    from tracefoundry.store.sql.administration import SqlAdministration
    from tracefoundry.store.sql.engine import make_engine

    if not texts:
        return []
    engine = make_engine(url, pool_size=1)
    try:
        caller = Caller(name="migrate", role=Role.ADMIN)
        administration = SqlAdministration(engine)
        return Tokens(administration, AuditLog(administration)).register(texts, caller)
    except AccessError as error:
        raise CliError(error.message, error.remedy) from error
    except StoreError as error:
        raise CliError(str(error)) from error
    finally:
        engine.dispose()
