"""Payloads as a writer leaves them: objects, rows of blobs and lists, references of traces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from query.app_client import PATIENT, AppClient
from samples import NOW_NS, trace_id
from tracefoundry.auth.access import open_access
from tracefoundry.auth.caller import Caller, Role
from tracefoundry.auth.gate import Gate
from tracefoundry.model.payload import Content, PayloadEntry, digest_of, ref_of
from tracefoundry.model.times import day_of
from tracefoundry.payloads.codec import BlobCodec
from tracefoundry.payloads.errors import ObjectStoreUnavailable
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.payloads.keys import KeyRing
from tracefoundry.payloads.objects import ObjectStore
from tracefoundry.payloads.storing import PayloadWriter
from tracefoundry.query.app import create_app
from tracefoundry.settings import Settings
from tracefoundry.store.api import Store
from tracefoundry.store.sql import tables
from tracefoundry.store.sql.columns import ID_BYTES

TODAY = day_of(NOW_NS)
DEFAULT = (1, "default")


def entry(value: bytes, **fields: object) -> PayloadEntry:
    """A row's entry of a value that was stored."""
    whole: dict[str, object] = {
        "slot": "input_messages",
        "place": "span",
        "key": "gen_ai.input.messages",
        "type": "string",
        "ref": ref_of(value),
        "bytes": len(value),
        "media_type": "text/plain; charset=utf-8",
        "state": "present",
        **fields,
    }
    return PayloadEntry(**whole)  # type: ignore[arg-type]


class Unreliable:
    """An object store that cannot be reached whenever a test says so."""

    def __init__(self, below: FilesystemStore) -> None:
        self.below = below
        self.down: set[str] = set()
        """Names of methods that fail; ``*`` is all of them."""

    def __getattr__(self, name: str) -> object:
        if name in self.down or "*" in self.down:
            raise ObjectStoreUnavailable("the object store is down")
        return getattr(self.below, name)


class RoleGate(Gate):
    """Lets everybody in, in one role."""

    caller: Caller

    async def admit(self, *_arguments: object, **_options: object) -> Caller:
        """The caller that the test wants."""
        return self.caller


@dataclass
class PayloadShelf:
    """A payload store beside a database, and clients of its API."""

    engine: sa.Engine
    database: Store
    objects: Unreliable
    keys: KeyRing = field(default_factory=KeyRing)

    @property
    def store(self) -> ObjectStore:
        """The store as the product takes it."""
        return self.objects  # type: ignore[return-value]

    def put(
        self,
        values: Iterable[bytes],
        *,
        trace: int | None = 1,
        project: tuple[int, str] = DEFAULT,
        day: int = TODAY,
    ) -> list[str]:
        """Store values as one commit would, and let a trace refer to them; returns their refs."""
        contents = [Content(ref_of(value), value) for value in values]
        blob = tables.payload_blobs.c

        def lookup(project_id: int, on: int, refs: list[bytes]) -> dict[bytes, int]:
            statement = sa.select(blob.ref, blob.depth).where(
                blob.project_id == project_id, blob.day == on, blob.ref.in_(refs)
            )
            with self.engine.connect() as connection:
                return {ref: depth for ref, depth in connection.execute(statement)}  # noqa: C416

        writer = PayloadWriter(
            self.store, BlobCodec(self.keys), previews=self.keys.current_id is None
        )
        rows = writer.store({(*project, day): contents}, lookup)
        with self.engine.begin() as connection:
            for row in rows.blobs:
                connection.execute(
                    sa.insert(tables.payload_blobs).values(
                        project_id=row.project_id,
                        day=row.day,
                        ref=row.ref,
                        object=row.object,
                        object_offset=row.object_offset,
                        stored_bytes=row.stored_bytes,
                        plain_bytes=row.plain_bytes,
                        depth=row.depth,
                        preview=row.preview,
                    )
                )
                for part in row.parts:
                    connection.execute(
                        sa.insert(tables.payload_list_parts).values(
                            project_id=row.project_id,
                            day=row.day,
                            part=part[:ID_BYTES],
                            list=row.ref[:ID_BYTES],
                        )
                    )
        refs = [content.ref for content in contents]
        if trace is not None:
            self.refer(trace, refs, project=project[0], day=day)
        return refs

    def refer(self, trace: int, refs: Iterable[str], *, project: int = 1, day: int = TODAY) -> None:
        """Let a trace refer to payloads."""
        with self.engine.begin() as connection:
            for digest in sorted({digest_of(ref) for ref in refs}):
                connection.execute(
                    sa.insert(tables.span_payload_refs).values(
                        project_id=project, day=day, trace_id=trace_id(trace), ref=digest
                    )
                )

    def client(self, role: str = "engineer", project: tuple[int, str] | None = None) -> AppClient:
        """A client of the API over this store, in a role."""
        access = open_access(self.database.administration, Settings(), ask_tokens=False)
        gate = RoleGate(None, access.audit)
        gate.caller = Caller(
            name=role,
            role=Role(role),
            project_id=project and project[0],
            project=project and project[1],
        )
        return AppClient(
            create_app(
                self.database,
                PATIENT,
                access=replace(access, gate=gate),
                objects=self.store,
                keys=self.keys,
            )
        )

    def names(self) -> list[str]:
        """Names of the objects that are stored."""
        return [stored.name for stored in self.objects.below.list()]

    def count(self, table: sa.Table) -> int:
        """Rows of a table."""
        with self.engine.connect() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()

    def execute(self, statement: sa.Executable) -> None:
        """Change something behind the product's back."""
        with self.engine.begin() as connection:
            connection.execute(statement)
