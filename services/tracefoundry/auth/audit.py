"""The audit log: who read content, changed, deleted or exported, and who was refused.

What is allowed is recorded before it is done, and is not done if it cannot be recorded. A refusal
stands whether it can be recorded or not, so recording one never fails and never delays the answer
for long: refusals of unknown callers are counted in memory, and a background thread writes the
counts at most once a second, one row per address and minute. Memory and rows are both bounded, so
refused requests cannot fill the database.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from tracefoundry.auth.caller import Caller
from tracefoundry.store.api import Administration, AdministrationChange, StoreError
from tracefoundry.store.records import AuditEntry, AuditOutcome, AuditPosition

ROWS_A_MINUTE = 100
"""Refusals of one token in one minute that get a row each; more are counted in one."""
MOST_COUNTED = 1_000
"""Addresses and minutes counted in memory at once; more are counted together."""
WRITE_INTERVAL_S = 1.0
"""Least time between two writes of counts."""
OTHER_ADDRESSES = "(others)"

_OTHERS_TOKEN = "token of the project "  # noqa: S105 - begins a sentence
_MINUTE_NS = 60 * 1_000_000_000
_TOKEN = re.compile(r"tf_[A-Za-z0-9_-]{8,}")
_UNSTORABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")

_log = logging.getLogger(__name__)


class AuditLog:
    """Writes and reads the log. Safe between threads."""

    def __init__(
        self, administration: Administration, *, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._administration = administration
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._counted: dict[str, AuditEntry] = {}
        self._minute = 0
        self._rows: dict[tuple[str, int | None, str | None], int] = {}
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._writing = threading.Lock()

    def record(
        self,
        caller: Caller,
        action: str,
        *,
        target: str | None = None,
        project: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Record what a caller is about to do.

        Raises:
            StoreUnavailable: it could not be recorded, so it must not be done.
        """
        with self._administration.change() as change:
            self.add(change, caller, action, target=target, project=project, detail=detail)

    def add(
        self,
        change: AdministrationChange,
        caller: Caller,
        action: str,
        *,
        target: str | None = None,
        project: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Like :meth:`record`, in the transaction that does it."""
        entry = _entry(
            self._now_ns(), "allowed", caller, action,
            target=target, project=project, detail=detail,
        )  # fmt: skip
        change.record(entry)

    def record_denied(
        self,
        action: str,
        *,
        status: int,
        caller: Caller | None = None,
        address: str | None = None,
        target: str | None = None,
        project: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Record a refusal; never raises.

        Refusals of a known caller are written before this returns, up to ``ROWS_A_MINUTE``. The
        others are counted by address and minute, and written in the background.
        """
        now = self._now_ns()
        if caller is not None and self._has_row(now // _MINUTE_NS, caller):
            entry = _entry(
                now, "denied", caller, action,
                target=target, project=project, detail=detail, status=status,
            )  # fmt: skip
            try:
                with self._administration.change() as change:
                    if project is not None and change.find_project(project) is None:
                        # What is no project's name may be a secret in the wrong place.
                        entry = replace(entry, project=None)
                    change.record(entry)
                return
            except StoreError as error:
                _log.warning("could not record a refusal, will count it: %s", type(error).__name__)
        self._count(now, action, status, caller, address, detail)

    def flush(self) -> None:
        """Write what has been counted, now.

        Raises:
            StoreUnavailable: it stays counted and will be written later.
        """
        with self._writing:
            with self._lock:
                taken, self._counted = self._counted, {}
            if not taken:
                return
            try:
                self._administration.count_refusals(list(taken.values()))
            except BaseException:
                with self._lock:
                    for key, entry in taken.items():
                        self._add_count(key, entry)
                raise

    def page(
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
        """Entries of ``[start_ns, end_ns)``, newest first, and where the next page begins.

        Raises:
            StoreUnavailable: the store cannot be asked.
        """
        self.flush()
        return self._administration.audit_page(
            start_ns=start_ns,
            end_ns=end_ns,
            limit=limit,
            action=action,
            outcome=outcome,
            project=project,
            after=after,
        )

    def close(self) -> None:
        """Write what has been counted, and end the thread."""
        with self._lock:
            thread = self._thread
            self._stop.set()
        if thread is not None:
            thread.join(timeout=10)
        try:
            self.flush()
        except StoreError as error:
            _log.warning("refusals of the last second are not in the audit log: %s", error)

    def _has_row(self, minute: int, caller: Caller) -> bool:
        who = (caller.name, caller.project_id, caller.address)
        with self._lock:
            if minute != self._minute or len(self._rows) >= MOST_COUNTED:
                self._minute, self._rows = minute, {}
            self._rows[who] = self._rows.get(who, 0) + 1
            return self._rows[who] <= ROWS_A_MINUTE

    def _count(
        self,
        now: int,
        action: str,
        status: int,
        caller: Caller | None,
        address: str | None,
        detail: str | None,
    ) -> None:
        minute = now // _MINUTE_NS
        entry = AuditEntry(
            at_ns=now,
            action=_clean(action, 100) or "",
            outcome="denied",
            actor=None if caller is None else caller.name,
            role=None if caller is None else caller.role,
            project=None if caller is None else caller.project,
            address=_clean(address if caller is None else caller.address, 100),
            status=status,
            detail=_clean(detail, 500),
        )
        key = f"{status}|{minute}|{entry.address}|{entry.actor or ''}|{entry.project or ''}"
        with self._lock:
            if len(self._counted) >= MOST_COUNTED and key not in self._counted:
                entry = replace(entry, address=OTHER_ADDRESSES, actor=None, role=None, project=None)
                key = f"{status}|{minute}|{OTHER_ADDRESSES}||"
            self._add_count(key, replace(entry, counted_key=key))
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(
                    target=self._write_counts, name="audit-counts", daemon=True
                )
                self._thread.start()

    def _add_count(self, key: str, entry: AuditEntry) -> None:
        known = self._counted.get(key)
        self._counted[key] = (
            entry if known is None else replace(known, count=known.count + entry.count)
        )

    def _write_counts(self) -> None:
        """Write while there is something to write; ends itself when there is nothing more."""
        while True:
            try:
                self.flush()
            except StoreError as error:
                _log.warning("cannot write refusals to the audit log, will try again: %s", error)
            if self._stop.wait(WRITE_INTERVAL_S):
                return
            with self._lock:
                if not self._counted:
                    self._thread = None
                    return


def _entry(
    at_ns: int,
    outcome: AuditOutcome,
    caller: Caller,
    action: str,
    *,
    target: str | None,
    project: str | None,
    detail: str | None,
    status: int | None = None,
) -> AuditEntry:
    return AuditEntry(
        at_ns=at_ns,
        action=_clean(action, 100) or "",
        outcome=outcome,
        actor=caller.name,
        role=caller.role.value,
        project=_clean(project or caller.project, 63),
        target=_clean(target, 300),
        address=_clean(caller.address, 100),
        status=status,
        detail=_clean(detail or _owner_of(caller, project), 500),
    )


def _owner_of(caller: Caller, project: str | None) -> str | None:
    """Whose token a caller has who acts on another project: names are unique in a project alone."""
    if caller.project is None or project in (None, caller.project):
        return None
    return f"{_OTHERS_TOKEN}{caller.project}"


def is_of_another_project(detail: str | None) -> bool:
    """Whether an entry of this detail is about a token of another project than the entry's."""
    return detail is not None and detail.startswith(_OTHERS_TOKEN)


def _clean(text: str | None, longest: int) -> str | None:
    """Text that every database takes, of bounded length, with anything like a token masked.

    Paths and addresses come from outside; a token put into a path by mistake must not be kept.
    """
    if text is None:
        return None
    return _TOKEN.sub("tf_***", _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text))[:longest]
