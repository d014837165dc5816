"""Database roles of single processes, as ``migrate`` is told them. What each role may do is in
``store/postgres/privileges.py``; how they are created, in docs/operations.md."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import get_args

from tracefoundry.server.errors import CommandError
from tracefoundry.store.api import DatabaseRole, StoreError, grant_roles

VARIABLE = "TRACEFOUNDRY_DATABASE_ROLES"

_PROCESSES: tuple[DatabaseRole, ...] = get_args(DatabaseRole)


def read_roles(environment: Mapping[str, str] = os.environ) -> dict[DatabaseRole, str]:
    """Names of the roles by process; empty where the variable is not set.

    Raises:
        CommandError: the list cannot be read.
    """
    roles: dict[DatabaseRole, str] = {}
    for item in environment.get(VARIABLE, "").split(","):
        if not item.strip():
            continue
        name, _, role = (part.strip() for part in item.partition("="))
        process = next((known for known in _PROCESSES if known == name), None)
        if process is None or not role or process in roles:
            raise CommandError(
                f"{VARIABLE}: {item.strip()!r} is not PROCESS=ROLE, each process once",
                f"The processes are {', '.join(_PROCESSES)}",
            )
        roles[process] = role
    return roles


def give_privileges(url: str, roles: Mapping[DatabaseRole, str]) -> None:
    """Give the roles what their processes need, if there are any.

    Raises:
        CommandError: a role does not exist, or the URL's role may not grant.
    """
    if not roles:
        return
    try:
        grant_roles(url, roles)
    except StoreError as error:
        raise CommandError(
            f"{VARIABLE}: {error}", "Create the roles as docs/operations.md says"
        ) from error
