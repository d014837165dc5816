"""The proof of a bundle: every byte hashed, the root recomputed, the signature checked."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from tracefoundry.bundle.errors import NotABundle
from tracefoundry.bundle.keys import PublicKey
from tracefoundry.bundle.members import (
    MAX_CHUNK_BYTES,
    VIEWER,
    Manifest,
    Member,
    kind_of,
    payload_member,
)
from tracefoundry.bundle.payload_reader import PayloadReader
from tracefoundry.bundle.reading import Bundle
from tracefoundry.bundle.signature import Checked, SignatureState, check
from tracefoundry.bundle.viewer import viewer_html

_THREADS: Final = 2
"""Inflating and hashing run outside the interpreter's lock."""
_PACKS_AHEAD: Final = 2
"""Packs that are read while one is cut up."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a file.

    Attributes:
        valid: every byte is as the manifest says, and the signature is not ``invalid``.
        member, reason: what is wrong; None in a valid bundle.
        key_id: of the given key that signed it.
        viewer_is_ours: whether ``viewer.html`` is that of this version; None without one.
        manifest: None where it could not be read.
    """

    valid: bool
    member: str | None = None
    reason: str | None = None
    root: str | None = None
    signature: SignatureState = "unsigned"
    key_id: str | None = None
    viewer_is_ours: bool | None = None
    manifest: Manifest | None = None


def verify(
    file: Path | BinaryIO,
    keys: Sequence[PublicKey] = (),
    *,
    progress: Callable[[int], object] = int,
) -> Verdict:
    """Prove a bundle. Never raises for a bad file.

    Args:
        keys: signatures are checked with these alone.
        progress: called with the number of inflated bytes of each part that was hashed.

    Raises:
        OSError: the file cannot be read.
    """
    manifest: Manifest | None = None
    try:
        with Bundle(file) as bundle:
            manifest = bundle.manifest
            signed = _signature(bundle, keys)
            with ThreadPoolExecutor(_THREADS, thread_name_prefix="bundle-verify") as threads:
                try:
                    _check_members(bundle, threads, progress)
                    _check_counts(bundle, _ProvenPacks(bundle, threads, progress))
                except NotABundle:
                    threads.shutdown(wait=True, cancel_futures=True)
                    raise
    except NotABundle as error:
        return Verdict(
            valid=False,
            member=error.member,
            reason=error.reason,
            root=None if manifest is None else manifest.root,
            manifest=manifest,
        )
    ours = hashlib.sha256(viewer_html()).hexdigest()
    viewers = [member.sha256 == ours for member in manifest.members if member.path == VIEWER]
    return Verdict(
        valid=signed.state != "invalid",
        member="signature.dsse.json" if signed.state == "invalid" else None,
        reason=signed.reason,
        root=manifest.root,
        signature=signed.state,
        key_id=signed.key_id,
        viewer_is_ours=viewers[0] if viewers else None,
        manifest=manifest,
    )


def _signature(bundle: Bundle, keys: Sequence[PublicKey]) -> Checked:
    envelope = bundle.signature()
    if envelope is None:
        return Checked("unsigned")
    return check(envelope, bundle.manifest.root, bundle.manifest_bytes, keys)


def _check_members(
    bundle: Bundle, threads: ThreadPoolExecutor, progress: Callable[[int], object]
) -> None:
    """Prove all members but packs."""
    members = [member for member in bundle.manifest.members if kind_of(member.path) != "pack"]
    for size in threads.map(lambda member: _check_member(bundle, member), _ordered(members)):
        progress(size)


def _ordered(members: Iterable[Member]) -> list[Member]:
    """By path, so that the first fault that is told is always the same."""
    return sorted(members, key=lambda member: member.path)


def _check_member(bundle: Bundle, member: Member, kept: list[bytes] | None = None) -> int:
    """Inflate and hash a member, piece by piece; its size. The pieces are added to ``kept``."""
    entry = bundle.zip.entries[member.path]
    inflated, deflated = hashlib.sha256(), hashlib.sha256()
    known = member.deflated_sha256 is not None
    for raw, piece in bundle.zip.inflate(entry):
        inflated.update(piece)
        if known:
            deflated.update(raw)
        if kept is not None:
            kept.append(piece)
    if inflated.hexdigest() != member.sha256:
        raise NotABundle("its SHA-256 is not that of the manifest", member=member.path)
    if known and deflated.hexdigest() != member.deflated_sha256:
        raise NotABundle(
            "its compressed bytes have another SHA-256 than the manifest says", member=member.path
        )
    if kind_of(member.path) == "payload" and member.path != payload_member(member.sha256):
        raise NotABundle("its name is not its SHA-256", member=member.path)
    return member.bytes


class _ProvenPacks:
    """Reads packs while others are cut up: each is inflated once, for its own hash and for those of
    its payloads. Other members were proven before."""

    def __init__(
        self, bundle: Bundle, threads: ThreadPoolExecutor, progress: Callable[[int], object]
    ) -> None:
        self._bundle = bundle
        self._threads = threads
        self._progress = progress
        packs = [member for member in bundle.manifest.members if kind_of(member.path) == "pack"]
        self._next = iter(_ordered(packs))
        self._ahead: deque[tuple[Member, Future[bytes]]] = deque()

    def __call__(self, member: Member, most_bytes: int = MAX_CHUNK_BYTES) -> bytes:
        """A whole member."""
        if kind_of(member.path) != "pack":
            return self._bundle.zip.content(member.path, most_bytes)
        while len(self._ahead) < _PACKS_AHEAD and (one := next(self._next, None)) is not None:
            self._ahead.append((one, self._threads.submit(self._proven, one)))
        if not self._ahead or self._ahead[0][0] is not member:
            raise NotABundle("is not where the index says", member=member.path)
        content = self._ahead.popleft()[1].result()
        self._progress(len(content))
        return content

    def _proven(self, member: Member) -> bytes:
        size = self._bundle.zip.entries[member.path].size
        if size > MAX_CHUNK_BYTES:
            raise NotABundle(
                f"has {size:,} bytes; a bundle allows {MAX_CHUNK_BYTES:,} here", member=member.path
            )
        kept: list[bytes] = []
        _check_member(self._bundle, member, kept)
        return b"".join(kept)


def _check_counts(bundle: Bundle, packs: _ProvenPacks) -> None:
    """Compare the manifest's numbers with the traces, and with the packs, cut up and hashed."""
    counts = bundle.manifest.counts
    traces = spans = logs = 0
    for trace in bundle.traces():
        traces, spans, logs = traces + 1, spans + trace.spans, logs + trace.logs
    members = {member.path: member for member in bundle.manifest.members}
    payloads = sum(1 for path in members if kind_of(path) == "payload")
    payloads += PayloadReader(members, packs).check_packs()
    if (traces, spans, logs, payloads) != (
        counts.traces, counts.spans, counts.logs, counts.payloads,
    ):  # fmt: skip
        raise NotABundle("its counts are not those of the members", member="manifest.json")
