"""Bodies that were with a worker when it died, so that one that kills workers does not come back.

A sender that gets 503 sends the same bytes again. If they crash the decoder, every worker dies of
them in turn, and with it the work of all other senders. So all bodies that a dying worker had are
remembered by their hash as suspects. A suspect is given to a worker that has nothing else to do: if
that one dies too, the body is known to be the cause, and is refused for good (413). If it lives,
the body is none.

Both memories are bounded. They are in this process, so a restart forgets them.
"""

from __future__ import annotations

import hashlib
import signal
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

from tracefoundry.ingest.messages import IngestRequest

MOST_SUSPECTS = 4_096
"""Bodies of dead workers that are remembered; the oldest is forgotten first."""
MOST_KILLERS = 1_024
"""Bodies that are refused; the oldest is forgotten first."""

_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM)
_MEMORY_EVENTS = Path("/proc/vmstat")
"""Where Linux counts the processes that it killed because memory ran out."""


class Suspects:
    """Hashes of suspects and of bodies that are known to kill workers."""

    def __init__(self) -> None:
        self._suspects: OrderedDict[bytes, int] = OrderedDict()
        self._killers: OrderedDict[bytes, int] = OrderedDict()
        self._lengths: set[int] = set()

    def suspect(self, request: IngestRequest, body: bytes) -> bytes | None:
        """The hash of a suspect; None for any other body. Hashes only where a length matches."""
        if len(body) not in self._lengths:
            return None
        digest = _digest(request, body)
        return digest if digest in self._suspects else None

    def kills(self, request: IngestRequest, body: bytes) -> bool:
        """Whether a body is known to kill workers."""
        return len(body) in self._lengths and _digest(request, body) in self._killers

    def add(self, exports: Iterable[tuple[IngestRequest, bytes]]) -> None:
        """Remember the bodies that a dying worker had."""
        for request, body in exports:
            _remember(self._suspects, _digest(request, body), len(body), MOST_SUSPECTS)
        self._update_lengths()

    def clear(self, digest: bytes) -> None:
        """A suspect left its worker alive."""
        self._suspects.pop(digest, None)
        self._update_lengths()

    def convict(self, digest: bytes) -> None:
        """A suspect killed a worker that had nothing else to do."""
        length = self._suspects.pop(digest, None)
        if length is not None:
            _remember(self._killers, digest, length, MOST_KILLERS)
        self._update_lengths()

    def _update_lengths(self) -> None:
        self._lengths = {*self._suspects.values(), *self._killers.values()}


def died_of_its_work(exit_code: int, memory_kills_before: int) -> bool:
    """Whether a worker's end may be the fault of a body. A signal from outside is not, unless the
    system has killed processes because memory ran out."""
    if exit_code == 0:
        return False
    return exit_code not in _FROM_OUTSIDE or memory_kills() > memory_kills_before


def memory_kills() -> int:
    """How many processes the system has killed because memory ran out; 0 where it does not say."""
    try:
        lines = _MEMORY_EVENTS.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _digest(request: IngestRequest, body: bytes) -> bytes:
    how = f"{request.signal} {request.encoding} {request.content_encoding}"
    return hashlib.blake2b(body, digest_size=16, key=how.encode()[:64]).digest()


def _remember(memory: OrderedDict[bytes, int], digest: bytes, length: int, most: int) -> None:
    memory[digest] = length
    memory.move_to_end(digest)
    if len(memory) > most:
        memory.popitem(last=False)
