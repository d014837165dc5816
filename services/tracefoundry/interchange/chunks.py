"""The unit in which readers hand on what they have read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from tracefoundry.model.span import LogRecord, Span

CHUNK_SPANS: Final = 1_000


class Chunk(msgspec.Struct):
    """Some spans and logs of a file; those of one trace may stand in several chunks."""

    spans: list[Span]
    logs: list[LogRecord] = []


def in_chunks(spans: Iterable[Span]) -> Iterator[Chunk]:
    """Spans gathered into chunks of at most ``CHUNK_SPANS``."""
    gathered: list[Span] = []
    for span in spans:
        gathered.append(span)
        if len(gathered) >= CHUNK_SPANS:
            yield Chunk(gathered)
            gathered = []
    if gathered:
        yield Chunk(gathered)
