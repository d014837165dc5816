"""The way in: a file of any known format, read in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from tracefoundry.interchange import atif_import, langfuse_import, otlp_files, phoenix_import
from tracefoundry.interchange.chunks import Chunk
from tracefoundry.interchange.detect import Format, detect
from tracefoundry.interchange.records import Record, records
from tracefoundry.interchange.report import LossReport

_READERS = {
    "otlp": otlp_files.read,
    "atif": atif_import.read,
    "langfuse": langfuse_import.read,
    "phoenix": phoenix_import.read,
}


class ImportedFile(msgspec.Struct):
    """A file whose format is known.

    ``chunks`` may be called again: it reads from the start each time and makes the report anew, so
    a caller can check the whole file before it stores anything.
    """

    file: Path | BinaryIO
    format: Format
    report: LossReport = msgspec.field(default_factory=LossReport)

    def chunks(self) -> Iterator[Chunk]:
        """The spans and logs, in chunks of bounded size; ``report`` is complete at the end.

        Raises:
            UnreadableFile: the message names the place and the remedy.
        """
        self.report.clear()
        # The decoder of OTLP parses by itself: twice would halve the speed.
        found = _records(self.file, parse_lines=self.format != "otlp")
        yield from _READERS[self.format](found, self.report)


def read_file(file: Path | BinaryIO, format: Format | None = None) -> ImportedFile:
    """Open a trace file of another platform.

    Args:
        file: a path, or a seekable binary file that stays open while it is read.
        format: its format; told from the first record if None.

    Raises:
        UnreadableFile: it is empty, no JSON, or of an unknown format.
        OSError: the path cannot be read.
    """
    if format is None:
        first = next(_records(file))  # an empty file is refused there
        format = detect(first.value, first.place)
    return ImportedFile(file, format)


def _records(file: Path | BinaryIO, *, parse_lines: bool = True) -> Iterator[Record]:
    if isinstance(file, Path):
        with file.open("rb") as opened:
            yield from records(opened, parse_lines=parse_lines)
    else:
        yield from records(file, parse_lines=parse_lines)
