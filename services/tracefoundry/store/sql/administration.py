"""Projects, tokens and the audit log in a SQL database.

It works through an engine of its own, so that a login never waits behind a slow search. The SQL is
the same on PostgreSQL and SQLite, but for the statement that adds up counted rows, and the lock of
token registration: SQLite has one writing transaction at a time and needs none.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from tracefoundry.store.api import Administration, AdministrationChange, NameTaken, StoreError
from tracefoundry.store.records import (
    EXPORT_KEY_BYTES,
    AuditEntry,
    AuditOutcome,
    AuditPosition,
    ProjectRecord,
    ProjectUsage,
    TokenRecord,
)
from tracefoundry.store.sql.engine import reading, writing
from tracefoundry.store.sql.tables import audit_log, project_usage, projects, tokens
from tracefoundry.store.sql.token_names import has_name, name_of, stored_name

_REGISTRATION_LOCK = 0x7F0D_70CE
"""Key of the PostgreSQL advisory lock that one registration of tokens holds."""

_PROJECT = sa.select(
    projects.c.project_id,
    projects.c.name,
    projects.c.created_at_ns,
    projects.c.redaction,
    projects.c.retention_spans_ns,
    projects.c.retention_payloads_ns,
    projects.c.quota_spans_per_second,
    projects.c.quota_bytes_per_second,
    projects.c.quota_spans_per_day,
    projects.c.quota_content_bytes_per_day,
    projects.c.personal_data,
)
_TOKEN = sa.select(
    tokens.c.token_id,
    tokens.c.token_hash,
    tokens.c.name,
    tokens.c.role,
    tokens.c.project_id,
    projects.c.name.label("project"),
    tokens.c.created_at_ns,
    tokens.c.expires_at_ns,
    tokens.c.revoked_at_ns,
).select_from(tokens.outerjoin(projects, projects.c.project_id == tokens.c.project_id))


class SqlAdministration:
    """Administration over an engine that stays the caller's, who closes it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def projects(self) -> list[ProjectRecord]:
        with self._reading() as connection:
            rows = connection.execute(_PROJECT.order_by(projects.c.name)).mappings()
            return [ProjectRecord(**row) for row in rows]

    def usage(self, day: int) -> dict[int, ProjectUsage]:
        used = project_usage.c
        statement = (
            sa.select(used.project_id, sa.func.sum(used.spans), sa.func.sum(used.content_bytes))
            .where(used.day == day)
            .group_by(used.project_id)
        )
        with self._reading() as connection:
            return {
                project: ProjectUsage(int(spans), int(content_bytes))
                for project, spans, content_bytes in connection.execute(statement)
            }

    def export_key(self, project_id: int) -> bytes:
        statement = sa.select(projects.c.export_key).where(projects.c.project_id == project_id)
        with self._reading() as connection:
            key = connection.execute(statement).scalar()
        if key is None:
            with self._writing() as connection:
                # Of two that make one at the same time, the first one stays.
                connection.execute(
                    sa.update(projects)
                    .where(projects.c.project_id == project_id, projects.c.export_key.is_(None))
                    .values(export_key=secrets.token_bytes(EXPORT_KEY_BYTES))
                )
                key = connection.execute(statement).scalar()
        if key is None:
            raise StoreError(f"there is no project {project_id}")
        return bytes(key)

    def tokens(self) -> list[TokenRecord]:
        with self._reading() as connection:
            found = [_token_record(row) for row in connection.execute(_TOKEN).mappings()]
        return sorted(found, key=lambda token: (token.name, token.token_id))

    def tokens_of(self, token_hashes: Sequence[bytes]) -> list[TokenRecord]:
        with self._reading() as connection:
            rows = connection.execute(_TOKEN.where(tokens.c.token_hash.in_(token_hashes)))
            return [_token_record(row) for row in rows.mappings()]

    def has_live_token(self, now_ns: int) -> bool:
        statement = sa.select(tokens.c.token_id).where(
            tokens.c.revoked_at_ns.is_(None),
            sa.or_(tokens.c.expires_at_ns.is_(None), tokens.c.expires_at_ns > now_ns),
        )
        with self._reading() as connection:
            return connection.execute(statement.limit(1)).first() is not None

    @contextmanager
    def change(self) -> Iterator[AdministrationChange]:
        with self._writing() as connection:
            yield _Change(connection)

    def count_refusals(self, entries: Sequence[AuditEntry]) -> None:
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        with self._writing() as connection:
            # Sorted, so that two processes that count the same addresses cannot deadlock.
            for entry in sorted(entries, key=lambda entry: entry.counted_key or ""):
                statement = dialect.insert(audit_log).values(asdict(entry))
                connection.execute(
                    statement.on_conflict_do_update(
                        index_elements=[audit_log.c.counted_key],
                        set_={"count": audit_log.c.count + statement.excluded.count},
                    )
                )

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
        log = audit_log.c
        statement = sa.select(audit_log).where(log.at_ns >= start_ns, log.at_ns < end_ns)
        for column, wanted in (
            (log.action, action),
            (log.outcome, outcome),
            (log.project, project),
        ):
            if wanted is not None:
                statement = statement.where(column == wanted)
        if after is not None:
            statement = statement.where(
                log.at_ns <= after.at_ns,
                sa.or_(log.at_ns < after.at_ns, log.entry_id < after.entry_id),
            )
        statement = statement.order_by(log.at_ns.desc(), log.entry_id.desc()).limit(limit + 1)
        with self._reading() as connection:
            rows = connection.execute(statement).mappings().all()
        following = None
        if len(rows) > limit:
            rows = rows[:limit]
            following = AuditPosition(rows[-1]["at_ns"], rows[-1]["entry_id"])
        return [
            AuditEntry(**{key: value for key, value in row.items() if key != "entry_id"})
            for row in rows
        ], following

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with _as_store_errors(), reading(self._engine) as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with _as_store_errors(), writing(self._engine) as connection:
            yield connection


@dataclass(frozen=True, slots=True)
class _Change:
    """Projects, tokens and audit entries in one transaction."""

    connection: sa.Connection

    def find_project(self, name: str) -> ProjectRecord | None:
        return self._project(_PROJECT.where(projects.c.name == name))

    def lock_project(self, name: str) -> ProjectRecord | None:
        return self._project(_PROJECT.where(projects.c.name == name).with_for_update())

    def add_project(self, name: str, *, created_at_ns: int) -> ProjectRecord:
        statement = sa.insert(projects).values(name=name, created_at_ns=created_at_ns)
        with _name_taken(f"there is a project {name!r} already"):
            project_id = self.connection.execute(
                statement.returning(projects.c.project_id)
            ).scalar_one()
        return ProjectRecord(project_id=project_id, name=name, created_at_ns=created_at_ns)

    def save_project(self, project: ProjectRecord) -> None:
        self.connection.execute(
            sa.update(projects)
            .where(projects.c.project_id == project.project_id)
            .values(
                redaction=project.redaction,
                retention_spans_ns=project.retention_spans_ns,
                retention_payloads_ns=project.retention_payloads_ns,
                quota_spans_per_second=project.quota_spans_per_second,
                quota_bytes_per_second=project.quota_bytes_per_second,
                quota_spans_per_day=project.quota_spans_per_day,
                quota_content_bytes_per_day=project.quota_content_bytes_per_day,
                personal_data=project.personal_data,
            )
        )

    def find_token(
        self,
        *,
        token_hash: bytes | None = None,
        name: str | None = None,
        project_id: int | None = None,
        token_id: int | None = None,
    ) -> TokenRecord | None:
        if token_hash is not None:
            return _token(self.connection, tokens.c.token_hash == token_hash)
        if name is not None:
            return _token(self.connection, has_name(name, project_id))
        return _token(self.connection, tokens.c.token_id == token_id)

    def tokens_named(self, name: str) -> list[TokenRecord]:
        # As it is stored for all projects, or behind a project's id: then decided exactly.
        stored = tokens.c.name
        likely = sa.or_(stored == name, stored.endswith(f":{name}", autoescape=True))
        rows = self.connection.execute(_TOKEN.where(likely).order_by(tokens.c.token_id))
        return [token for token in map(_token_record, rows.mappings()) if token.name == name]

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
        statement = sa.insert(tokens).values(
            token_hash=token_hash,
            name=stored_name(name, project_id),
            role=role,
            project_id=project_id,
            created_at_ns=created_at_ns,
            expires_at_ns=expires_at_ns,
        )
        self._move_name_of_project(name, project_id)
        with _name_taken(f"there is a token {name!r} already"):
            token_id = self.connection.execute(statement.returning(tokens.c.token_id)).scalar_one()
        return self._token(token_id)

    def change_token(
        self, token_id: int, *, name: str, expires_at_ns: int | None, revoked_at_ns: int | None
    ) -> TokenRecord:
        project_id = self._token(token_id).project_id
        statement = sa.update(tokens).where(tokens.c.token_id == token_id)
        self._move_name_of_project(name, project_id)
        with _name_taken(f"there is a token {name!r} already"):
            self.connection.execute(
                statement.values(
                    name=stored_name(name, project_id),
                    expires_at_ns=expires_at_ns,
                    revoked_at_ns=revoked_at_ns,
                )
            )
        return self._token(token_id)

    def lock_token_registration(self) -> None:
        if self.connection.dialect.name == "postgresql":
            self.connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_REGISTRATION_LOCK)))

    def record(self, entry: AuditEntry) -> None:
        self.connection.execute(sa.insert(audit_log).values(asdict(entry)))

    def _project(self, statement: sa.Select[Any]) -> ProjectRecord | None:
        found = self.connection.execute(statement).mappings().first()
        return None if found is None else ProjectRecord(**found)

    def _move_name_of_project(self, name: str, project_id: int | None) -> None:
        """Before this name is stored: put a project's token that older versions stored without
        its project's id under its own stored name, so that the two do not collide."""
        holder = _token(self.connection, tokens.c.name == name)
        if holder is not None and holder.project_id is not None:
            with _name_taken(f"there is a token {name!r} already"):
                self.connection.execute(
                    sa.update(tokens)
                    .where(tokens.c.token_id == holder.token_id)
                    .values(name=stored_name(name, holder.project_id))
                )

    def _token(self, token_id: int) -> TokenRecord:
        found = self.find_token(token_id=token_id)
        if found is None:
            raise StoreError(f"there is no token with the id {token_id}")
        return found


def _token(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> TokenRecord | None:
    found = connection.execute(_TOKEN.where(condition)).mappings().first()
    return None if found is None else _token_record(found)


def _token_record(row: sa.RowMapping) -> TokenRecord:
    return TokenRecord(**{**row, "name": name_of(row["name"], row["project_id"])})


@contextmanager
def _name_taken(message: str) -> Iterator[None]:
    """Turn the violation of a unique name into the store's error."""
    try:
        yield
    except sa.exc.IntegrityError as error:
        raise NameTaken(message) from error


@contextmanager
def _as_store_errors() -> Iterator[None]:
    """Turn what is left of SQLAlchemy's errors (defects of ours) into the store's, without values:
    those above the store know its errors alone."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise StoreError(f"the database refused a statement ({type(error).__name__})") from error


if TYPE_CHECKING:
    _administration: type[Administration] = SqlAdministration
    _change: type[AdministrationChange] = _Change
