"""Projects, tokens and the audit log over dicts."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from tracefoundry.store.api import Administration, AdministrationChange, NameTaken, StoreError
from tracefoundry.store.memory.tables import Memory, Tables, usage_of_day
from tracefoundry.store.records import (
    EXPORT_KEY_BYTES,
    AuditEntry,
    AuditOutcome,
    AuditPosition,
    ProjectRecord,
    ProjectUsage,
    TokenRecord,
)


class MemoryAdministration:
    """See :class:`tracefoundry.store.api.Administration`."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def projects(self) -> list[ProjectRecord]:
        return sorted(self._memory.tables.projects.values(), key=lambda project: project.name)

    def usage(self, day: int) -> dict[int, ProjectUsage]:
        return usage_of_day(self._memory.tables, day)

    def export_key(self, project_id: int) -> bytes:
        with self._memory.changing() as tables:
            if project_id not in tables.projects:
                raise StoreError(f"there is no project {project_id}")
            return tables.export_keys.setdefault(project_id, secrets.token_bytes(EXPORT_KEY_BYTES))

    def tokens(self) -> list[TokenRecord]:
        found = self._memory.tables.tokens.values()
        return sorted(found, key=lambda token: (token.name, token.token_id))

    def tokens_of(self, token_hashes: Sequence[bytes]) -> list[TokenRecord]:
        wanted = frozenset(token_hashes)
        return [token for token in self.tokens() if token.token_hash in wanted]

    def has_live_token(self, now_ns: int) -> bool:
        return any(token.state(now_ns) == "live" for token in self._memory.tables.tokens.values())

    @contextmanager
    def change(self) -> Iterator[AdministrationChange]:
        with self._memory.changing() as tables:
            yield MemoryChange(tables)

    def count_refusals(self, entries: Sequence[AuditEntry]) -> None:
        with self._memory.changing() as tables:
            counted = {entry.counted_key: entry_id for entry_id, entry in tables.audit.items()}
            for entry in entries:
                known = counted.get(entry.counted_key)
                if known is None:
                    counted[entry.counted_key] = MemoryChange(tables).add_entry(entry)
                else:
                    before = tables.audit[known]
                    tables.audit[known] = replace(before, count=before.count + entry.count)

    def audit_page(
        self,
        *,
        start_ns: int,
        end_ns: int,
        limit: int,
        action: str | None = None,
        outcome: AuditOutcome | None = None,
        project: str | None = None,
        after: AuditPosition | None = None,
    ) -> tuple[list[AuditEntry], AuditPosition | None]:
        found = [
            (entry.at_ns, entry_id, entry)
            for entry_id, entry in self._memory.tables.audit.items()
            if start_ns <= entry.at_ns < end_ns
            and action in (None, entry.action)
            and outcome in (None, entry.outcome)
            and project in (None, entry.project)
            and (after is None or (entry.at_ns, entry_id) < (after.at_ns, after.entry_id))
        ]
        found.sort(key=lambda one: one[:2], reverse=True)
        page = found[:limit]
        following = AuditPosition(*page[-1][:2]) if len(found) > limit else None
        return [entry for *_, entry in page], following


class MemoryChange:
    """See :class:`tracefoundry.store.api.AdministrationChange`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def find_project(self, name: str) -> ProjectRecord | None:
        found = [one for one in self._tables.projects.values() if one.name == name]
        return found[0] if found else None

    def lock_project(self, name: str) -> ProjectRecord | None:
        return self.find_project(name)

    def add_project(self, name: str, *, created_at_ns: int) -> ProjectRecord:
        if self.find_project(name) is not None:
            raise NameTaken(f"there is a project {name!r} already")
        project = ProjectRecord(_next_id(self._tables.projects), name, created_at_ns)
        self._tables.projects[project.project_id] = project
        return project

    def save_project(self, project: ProjectRecord) -> None:
        self._tables.projects[project.project_id] = project

    def find_token(
        self,
        *,
        token_hash: bytes | None = None,
        name: str | None = None,
        project_id: int | None = None,
        token_id: int | None = None,
    ) -> TokenRecord | None:
        for token in self._tables.tokens.values():
            same_name = (name, project_id) == (token.name, token.project_id)
            if token_hash == token.token_hash or same_name or token_id == token.token_id:
                return token
        return None

    def tokens_named(self, name: str) -> list[TokenRecord]:
        return [token for token in self._tables.tokens.values() if token.name == name]

    def add_token(
        self,
        *,
        token_hash: bytes,
        name: str,
        role: str,
        project_id: int | None,
        created_at_ns: int,
        expires_at_ns: int | None,
    ) -> TokenRecord:
        taken = self.find_token(name=name, project_id=project_id)
        if taken or self.find_token(token_hash=token_hash):
            raise NameTaken(f"there is a token {name!r} already")
        token = TokenRecord(
            token_id=_next_id(self._tables.tokens),
            token_hash=token_hash,
            name=name,
            role=role,
            project_id=project_id,
            project=None if project_id is None else self._tables.projects[project_id].name,
            created_at_ns=created_at_ns,
            expires_at_ns=expires_at_ns,
            revoked_at_ns=None,
        )
        self._tables.tokens[token.token_id] = token
        return token

    def change_token(
        self, token_id: int, *, name: str, expires_at_ns: int | None, revoked_at_ns: int | None
    ) -> TokenRecord:
        before = self._tables.tokens.get(token_id)
        if before is None:
            raise StoreError(f"there is no token with the id {token_id}")
        holder = self.find_token(name=name, project_id=before.project_id)
        if holder is not None and holder.token_id != token_id:
            raise NameTaken(f"there is a token {name!r} already")
        token = replace(before, name=name, expires_at_ns=expires_at_ns, revoked_at_ns=revoked_at_ns)
        self._tables.tokens[token_id] = token
        return token

    def lock_token_registration(self) -> None:
        """No other transaction runs beside this one."""

    def record(self, entry: AuditEntry) -> None:
        self.add_entry(entry)

    def add_entry(self, entry: AuditEntry) -> int:
        """Add an entry to the audit log; returns its id."""
        entry_id = _next_id(self._tables.audit)
        self._tables.audit[entry_id] = entry
        return entry_id


def _next_id(ids: Iterable[int]) -> int:
    return max(ids, default=0) + 1


if TYPE_CHECKING:
    _administration: type[Administration] = MemoryAdministration
    _change: type[AdministrationChange] = MemoryChange
