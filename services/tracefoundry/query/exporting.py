"""Exports as the API does them: under which redaction, how many at once, into which response."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fastapi import Response

from tracefoundry.auth.project_rules import is_weaker
from tracefoundry.auth.projects import Projects
from tracefoundry.bundle.errors import BundleError
from tracefoundry.payloads.errors import UnknownKey
from tracefoundry.payloads.keys import KeyRing
from tracefoundry.payloads.objects import ObjectStore
from tracefoundry.query.access import Readable
from tracefoundry.query.errors import ApiError
from tracefoundry.query.expired_exports import refuse_expired
from tracefoundry.query.parameters import ExportTrace
from tracefoundry.query.produced_body import ProducedBody, ProducedResponse
from tracefoundry.redaction.policy import Mode, Policy, UserPatterns
from tracefoundry.store.api import Snapshot, Store, StoreUnavailable
from tracefoundry.store.records import ProjectRecord, StoredTrace

if TYPE_CHECKING:
    from tracefoundry.bundle.export_traces import ExportOptions
    from tracefoundry.bundle.keys import SigningKey
    from tracefoundry.bundle.members import Manifest
    from tracefoundry.bundle.writing import SupportsWrite

EXPORTS_AT_ONCE: Final = 3
"""Exports that one process writes at once: each holds a connection of the reader until its client
has taken it."""

Select = Callable[[Snapshot], tuple[Readable, list[StoredTrace]]]
"""Finds the traces of an export in its snapshot."""
Announce = Callable[[Collection[str], list[StoredTrace]], None]
"""Records an export before its first byte: names of the projects, and the traces."""


@dataclass(frozen=True, slots=True)
class ContentSource:
    """Where contents are read from."""

    objects: ObjectStore | None
    keys: KeyRing
    read_again: Callable[[int, str, int, str], bytes]
    """Reads one payload by a lookup of its own."""


class Exporting:
    """Writes bundles into responses. Safe between threads."""

    def __init__(
        self, store: Store, projects: Projects, contents: ContentSource, patterns: UserPatterns
    ) -> None:
        self.reader = store.reader
        self._administration = store.administration
        self._projects = projects
        self._contents = contents
        self._patterns = patterns
        self._places = threading.BoundedSemaphore(EXPORTS_AT_ONCE)

    def respond(
        self, select: Select, asked: ExportTrace, announce: Announce, *, file_name: str
    ) -> Response:
        """Start an export; the answer to its request.

        Raises:
            ApiError: what ``select`` raises, 422 where the bundle cannot be made as asked, 503
                where too many exports are being written.
            StoreUnavailable, ObjectStoreUnavailable: nothing was sent.
        """
        if not self._places.acquire(blocking=False):
            raise ApiError(
                503,
                "too_many_exports",
                f"{EXPORTS_AT_ONCE} exports are being written already",
                "Try again when one of them is done.",
            )
        body = ProducedBody(
            lambda out: self.write(select, asked, announce, out), ended=self._places.release
        )
        try:
            first = body.start()
        except BundleError as error:
            raise ApiError(
                422, "bundle_too_large", str(error), "Export fewer traces at a time."
            ) from None
        except UnknownKey as error:
            raise ApiError(
                503,
                "payload_key_missing",
                str(error),
                "Configure the key that the payload was encrypted with, or leave payloads out.",
            ) from None
        return ProducedResponse(
            body,
            first,
            media_type="application/zip",
            headers={
                "Content-Disposition": f'attachment; filename="{file_name}"',
                "Cache-Control": "private, no-store",
                "X-Content-Type-Options": "nosniff",
            },
        )

    def write(
        self,
        select: Select,
        asked: ExportTrace,
        announce: Announce,
        out: SupportsWrite,
        *,
        signing_key: SigningKey | None = None,
        spool_folder: Path | None = None,
    ) -> Manifest:
        """Write a bundle.

        Raises:
            ApiError: what ``select`` raises, 410 where contents are wanted and all of them have
                expired, and 422 for a redaction that is too weak.
            BundleError, UnknownKey, StoreUnavailable, ObjectStoreUnavailable: it is incomplete.
        """
        # The engine of redaction is large, and a process that exports nothing needs none of it.
        from tracefoundry.bundle.export_contents import ContentReader
        from tracefoundry.bundle.export_traces import export_traces

        with self.reader.snapshot() as snapshot:
            readable, traces = select(snapshot)
            if asked.payloads:
                refuse_expired(snapshot, traces)
            names = {
                project_id: readable.names[project_id]
                for project_id in sorted({trace.project_id for trace in traces})
            }
            options = replace(
                self._options(names, asked), signing_key=signing_key, spool_folder=spool_folder
            )
            announce(names.values(), traces)
            source = self._contents
            contents = ContentReader(snapshot, source.objects, source.keys, source.read_again)
            return export_traces(snapshot, contents, traces, options, out)

    def _options(self, names: Mapping[int, str], asked: ExportTrace) -> ExportOptions:
        from tracefoundry.bundle.export_traces import ExportOptions, ProjectExport

        records = {record.project_id: record for record in self._projects.all()}
        projects = {}
        for project_id, name in names.items():
            policy = self._policy(records[project_id], asked.redaction)
            key = None if asked.payloads else self._administration.export_key(project_id)
            projects[project_id] = ProjectExport(name=name, policy=policy, ref_key=key)
        return ExportOptions(
            payloads=asked.payloads, projects=projects, json_copies=asked.format == "json"
        )

    def _policy(self, project: ProjectRecord, wanted: str | None) -> Policy:
        """The policy of an export of a project: never weaker than the project's own.

        Raises:
            ApiError: 422.
        """
        own, *_ = self._projects.effective(project)
        if wanted is not None and is_weaker(wanted, own):
            raise ApiError(
                422,
                "weaker_redaction",
                f"redaction {wanted} is weaker than {own}, which project {project.name} has",
                f"Leave redaction out, or ask for {own} or stricter.",
            )
        try:
            mode = Mode(wanted or own)
        except ValueError as error:
            trouble = (
                f"project {project.name!r} asks for a redaction mode that this version does not"
                " know"
            )
            raise StoreUnavailable(trouble, public=trouble) from error
        personal_data = self._projects.personal_data(project) != "off"
        return Policy.of(mode, self._patterns, personal_data=personal_data)
