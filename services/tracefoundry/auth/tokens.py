"""Making, listing and revoking tokens, on the record."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

import sqlalchemy as sa

from tracefoundry.auth.audit import AuditLog
from tracefoundry.auth.caller import Caller, Role
from tracefoundry.auth.errors import AccessError
from tracefoundry.auth.projects import unknown_project
from tracefoundry.auth.token_text import check_brought, hash_of, new_token
from tracefoundry.model.times import SECOND_NS
from tracefoundry.settings import MAX_RETENTION_NS, SettingsError, parse_duration_ns
from tracefoundry.store.sql import projects, tokens
from tracefoundry.store.sql.engine import reading, writing
from tracefoundry.store.sql.tokens import TokenRecord

NAME_FORM = "letters, digits, spaces and . _ @ + -, beginning with a letter or digit"
GRACE_NS = 86_400 * SECOND_NS
"""How long the token before the last of a Secret goes on working, until all pods have the new."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._@+-]{0,61}[A-Za-z0-9._@+-])?")


class Tokens:
    """Reads and changes tokens through an engine that it does not own."""

    def __init__(
        self, engine: sa.Engine, audit: AuditLog, *, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._engine = engine
        self._audit = audit
        self._now_ns = now_ns

    def all(self) -> list[TokenRecord]:
        """Every token, by name, also those that are over.

        Raises:
            StoreUnavailable: the database cannot be asked.
        """
        with reading(self._engine) as connection:
            return tokens.all_tokens(connection)

    def any_live(self) -> bool:
        """True when somebody can log in.

        Raises:
            StoreUnavailable: the database cannot be asked.
        """
        with reading(self._engine) as connection:
            return tokens.any_live(connection, self._now_ns())

    def create(
        self,
        name: str,
        role: Role,
        caller: Caller,
        *,
        project: str | None = None,
        expires: str | None = None,
    ) -> tuple[str, TokenRecord]:
        """Make a token: its text, which is nowhere else, and its record.

        ``project`` None holds for all projects; ``expires`` is a duration such as ``90d``, None
        never. A name is free again when the token that had it has been revoked or has expired.

        Raises:
            AccessError: the name or the duration cannot be used, the name is taken, or there is
                no such project.
            StoreUnavailable: nothing was changed.
        """
        _check_name(name)
        lifetime_ns = None if expires is None else _lifetime_ns(expires)
        text, now = new_token(), self._now_ns()
        try:
            with writing(self._engine) as connection:
                project_id = None
                if project is not None:
                    owner = projects.find(connection, project)
                    if owner is None:
                        raise unknown_project(project)
                    project_id = owner.project_id
                self._free_name(connection, name, now)
                token_id = tokens.add(
                    connection,
                    token_hash=hash_of(text),
                    name=name,
                    role=role.value,
                    project_id=project_id,
                    created_at_ns=now,
                    expires_at_ns=None if lifetime_ns is None else now + lifetime_ns,
                )
                record = tokens.by_id(connection, token_id)
                self._audit.add(
                    connection, caller, "token.create",
                    target=name, project=project, detail=f"role {role.value}",
                )  # fmt: skip
        except sa.exc.IntegrityError:
            raise _taken(name) from None
        assert record is not None  # noqa: S101 - it was inserted in this transaction
        return text, record

    def revoke(self, which: str, caller: Caller) -> TokenRecord:
        """Revoke a token by its name or id. One that is revoked already stays as it is.

        Raises:
            AccessError: there is none, or the caller may not touch it.
            StoreUnavailable: nothing was changed.
        """
        with writing(self._engine) as connection:
            record = tokens.by_name(connection, which)
            if record is None and which.isascii() and which.isdigit() and len(which) < 10:
                record = tokens.by_id(connection, int(which))
            mine = record is not None and caller.project_id in (None, record.project_id)
            if record is None or not mine:
                # The name may be a token that was pasted by mistake: it is not shown.
                raise AccessError(
                    "unknown_token",
                    "there is no token of this name or id",
                    "List them with: tracefoundry token list",
                )
            if record.revoked_at_ns is None:
                tokens.change(
                    connection,
                    record.token_id,
                    name=record.name,
                    expires_at_ns=record.expires_at_ns,
                    revoked_at_ns=self._now_ns(),
                )
                self._audit.add(
                    connection, caller, "token.revoke", target=record.name, project=record.project
                )
            revoked = tokens.by_id(connection, record.token_id)
        assert revoked is not None  # noqa: S101 - nothing deletes tokens
        return revoked

    def register(self, texts: Mapping[Role, str], caller: Caller) -> list[str]:
        """Accept tokens that stand in Secrets, one a role; returns what was changed, in words.

        The name is ``secret:<role>``. When a Secret has changed, its token before goes on working
        for ``GRACE_NS``. Registering the same again changes nothing; what was revoked stays so.

        Raises:
            AccessError: a text is no token, or is one of another name or role.
            StoreUnavailable: nothing was changed.
        """
        hashes = {}
        for role, text in texts.items():
            check_brought(text, f"the file of the role {role.value}")
            hashes[role] = hash_of(text)
        if len(set(hashes.values())) < len(hashes):
            raise AccessError(
                "invalid", "two roles have the same token", "Make a token for each role."
            )
        with writing(self._engine) as connection:
            if connection.dialect.name == "postgresql":
                # Two migration Jobs at once would both see the old token.
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_REGISTERING)))
            changes = [
                self._register(connection, role, token_hash, caller)
                for role, token_hash in hashes.items()
            ]
        return [change for change in changes if change]

    def _register(
        self, connection: sa.Connection, role: Role, token_hash: bytes, caller: Caller
    ) -> str:
        name, now = f"secret:{role.value}", self._now_ns()
        same = tokens.by_hash(connection, token_hash)
        if same is not None and (same.role != role.value or not same.name.startswith("secret:")):
            raise AccessError(
                "invalid",
                f"the token in the file of the role {role.value} is registered as {same.name!r}"
                f" with the role {same.role}",
                "Put a token of its own into the Secret.",
            )
        if same is not None and same.revoked_at_ns is not None:
            return f"{name}: the token was revoked and stays so; put a new one into the Secret"
        if same is not None and same.name == name:
            return ""
        before = tokens.by_name(connection, name)
        if before is not None:
            end = now + GRACE_NS
            tokens.change(
                connection,
                before.token_id,
                name=f"{name}#{before.token_id}",
                expires_at_ns=min(before.expires_at_ns or end, end),
                revoked_at_ns=before.revoked_at_ns,
            )
        if same is None:
            tokens.add(
                connection,
                token_hash=token_hash,
                name=name,
                role=role.value,
                project_id=None,
                created_at_ns=now,
                expires_at_ns=None,
            )
        else:
            tokens.change(
                connection, same.token_id, name=name, expires_at_ns=None, revoked_at_ns=None
            )
        detail = f"role {role.value}, from a file"
        self._audit.add(connection, caller, "token.create", target=name, detail=detail)
        return f"{name}: registered" + ("" if before is None else "; the one before ends in 24 h")

    def _free_name(self, connection: sa.Connection, name: str, now: int) -> None:
        """Give a token that is over another name, so that its own can be used again."""
        holder = tokens.by_name(connection, name)
        if holder is None:
            return
        if holder.state(now) == "live":
            raise _taken(name)
        tokens.change(
            connection,
            holder.token_id,
            name=f"{name}#{holder.token_id}",
            expires_at_ns=holder.expires_at_ns,
            revoked_at_ns=holder.revoked_at_ns,
        )


_REGISTERING = 0x7F0D_70CE
"""Key of the PostgreSQL advisory lock that one registration holds."""


def _check_name(name: str) -> None:
    if _NAME.fullmatch(name) is None or name.isdigit():
        raise AccessError(
            "invalid",
            f"name: {name[:80]!r} cannot name a token" if len(name) < 40 else
            "name: it cannot name a token",
            f"Use 1 to 63 {NAME_FORM}, and not digits alone.",
            field="name",
        )  # fmt: skip


def _lifetime_ns(text: str) -> int:
    try:
        lifetime_ns = parse_duration_ns(text[:80], "expires")
    except SettingsError:
        lifetime_ns = MAX_RETENTION_NS + 1
    if lifetime_ns > MAX_RETENTION_NS:
        raise AccessError(
            "invalid",
            f"expires: {text[:80]!r} is not a duration up to 3660d",
            "Use a whole number and s, m, h, d or w, like 90d; leave it out for never.",
            field="expires",
        )
    return lifetime_ns


def _taken(name: str) -> AccessError:
    return AccessError(
        "name_taken",
        f"there is a token {name!r} already",
        "Choose another name, or revoke that token first.",
    )
