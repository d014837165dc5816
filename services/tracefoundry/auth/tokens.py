"""Creating, listing and revoking tokens, each change with an audit entry."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from tracefoundry.auth.audit import AuditLog
from tracefoundry.auth.caller import Caller, Role
from tracefoundry.auth.errors import AccessError
from tracefoundry.auth.projects import unknown_project
from tracefoundry.auth.token_text import check_brought, hash_of, new_token
from tracefoundry.model.times import SECOND_NS
from tracefoundry.settings import MAX_RETENTION_NS, SettingsError, parse_duration_ns
from tracefoundry.store.api import Administration, AdministrationChange, NameTaken
from tracefoundry.store.records import TokenRecord

NAME_FORM = "letters, digits, spaces and . _ @ + -, beginning with a letter or digit"
GRACE_NS = 86_400 * SECOND_NS
"""How long the previous token of a Secret goes on working, so that all pods can get the new one."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._@+-]{0,61}[A-Za-z0-9._@+-])?")


class Tokens:
    """Reads and changes tokens."""

    def __init__(
        self,
        administration: Administration,
        audit: AuditLog,
        *,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._administration = administration
        self._audit = audit
        self._now_ns = now_ns

    def all(self) -> list[TokenRecord]:
        """Every token by name, expired and revoked ones too.

        Raises:
            StoreUnavailable: the store cannot be asked.
        """
        return self._administration.tokens()

    def any_live(self) -> bool:
        """True when somebody can log in.

        Raises:
            StoreUnavailable: the store cannot be asked.
        """
        return self._administration.has_live_token(self._now_ns())

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
        never. Each project has names of its own, and so have tokens for all projects. A name is
        free again when the token that had it has been revoked or has expired.

        Raises:
            AccessError: the name or the duration cannot be used, the name is taken, or there is
                no such project.
            StoreUnavailable: nothing was changed.
        """
        _check_name(name)
        lifetime_ns = None if expires is None else _lifetime_ns(expires)
        text, now = new_token(), self._now_ns()
        try:
            with self._administration.change() as change:
                project_id = None
                if project is not None:
                    owner = change.find_project(project)
                    if owner is None:
                        raise unknown_project(project)
                    project_id = owner.project_id
                _free_name(change, name, project_id, now)
                record = change.add_token(
                    token_hash=hash_of(text),
                    name=name,
                    role=role.value,
                    project_id=project_id,
                    created_at_ns=now,
                    expires_at_ns=None if lifetime_ns is None else now + lifetime_ns,
                )
                self._audit.add(
                    change, caller, "token.create",
                    target=name, project=project, detail=f"role {role.value}",
                )  # fmt: skip
        except NameTaken:
            raise _taken(name) from None
        return text, record

    def revoke(self, which: str, caller: Caller) -> TokenRecord:
        """Revoke a token by its name or id. One that is revoked already stays as it is.

        Raises:
            AccessError: there is none, the caller may not touch it, or it is one of several.
            StoreUnavailable: nothing was changed.
        """
        with self._administration.change() as change:
            record = _named(change, which, caller)
            if record is None and which.isascii() and which.isdigit() and len(which) < 10:
                record = change.find_token(token_id=int(which))
            mine = record is not None and caller.project_id in (None, record.project_id)
            if record is None or not mine:
                # The name may be a token that was pasted by mistake: it is not shown.
                raise AccessError(
                    "unknown_token",
                    "there is no token of this name or id",
                    "List them with: tracefoundry token list",
                )
            if record.revoked_at_ns is not None:
                return record
            self._audit.add(
                change, caller, "token.revoke", target=record.name, project=record.project
            )
            return change.change_token(
                record.token_id,
                name=record.name,
                expires_at_ns=record.expires_at_ns,
                revoked_at_ns=self._now_ns(),
            )

    def register(self, texts: Mapping[Role, str], caller: Caller) -> list[str]:
        """Accept tokens from Secrets, one per role; returns what was changed, in words.

        The name is ``secret:<role>``. When a Secret has changed, its previous token goes on working
        for ``GRACE_NS``. Registering a token again changes nothing; a revoked one stays revoked.

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
        with self._administration.change() as change:
            # Two migration Jobs at once would both see the old token.
            change.lock_token_registration()
            changes = [
                self._register(change, role, token_hash, caller)
                for role, token_hash in hashes.items()
            ]
        return [words for words in changes if words]

    def _register(
        self, change: AdministrationChange, role: Role, token_hash: bytes, caller: Caller
    ) -> str:
        name, now = f"secret:{role.value}", self._now_ns()
        same = change.find_token(token_hash=token_hash)
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
        before = change.find_token(name=name)
        if before is not None:
            end = now + GRACE_NS
            change.change_token(
                before.token_id,
                name=f"{name}#{before.token_id}",
                expires_at_ns=min(before.expires_at_ns or end, end),
                revoked_at_ns=before.revoked_at_ns,
            )
        if same is None:
            change.add_token(
                token_hash=token_hash,
                name=name,
                role=role.value,
                project_id=None,
                created_at_ns=now,
                expires_at_ns=None,
            )
        else:
            change.change_token(same.token_id, name=name, expires_at_ns=None, revoked_at_ns=None)
        detail = f"role {role.value}, from a file"
        self._audit.add(change, caller, "token.create", target=name, detail=detail)
        return f"{name}: registered" + ("" if before is None else "; the one before ends in 24 h")


def _named(change: AdministrationChange, name: str, caller: Caller) -> TokenRecord | None:
    """The token that a caller means by a name: of the caller's project, else of any.

    Raises:
        AccessError: several projects have a live token of this name.
    """
    if caller.project_id is not None:
        return change.find_token(name=name, project_id=caller.project_id)
    found = change.tokens_named(name)
    live = [record for record in found if record.revoked_at_ns is None]
    if len(live) > 1:
        ids = ", ".join(
            f"{record.token_id} ({record.project or 'all projects'})" for record in live
        )
        raise AccessError(
            "ambiguous_token",
            f"several projects have a token of this name; their ids are {ids}",
            "Name the token by its id.",
        )
    return next(iter(live or found), None)


def _free_name(change: AdministrationChange, name: str, project_id: int | None, now: int) -> None:
    """Rename a token that has expired or was revoked, so that its name can be used again."""
    holder = change.find_token(name=name, project_id=project_id)
    if holder is None:
        return
    if holder.state(now) == "live":
        raise _taken(name)
    change.change_token(
        holder.token_id,
        name=f"{name}#{holder.token_id}",
        expires_at_ns=holder.expires_at_ns,
        revoked_at_ns=holder.revoked_at_ns,
    )


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
