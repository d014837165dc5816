"""The top-level JSON values of a file: one a line (JSONL), or one document over many lines.

Memory stays within one record: a line, or a document, of at most 64 MiB.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, Final, NamedTuple

import orjson

from tracefoundry.interchange.errors import UnreadableFile
from tracefoundry.interchange.plain_bytes import pieces
from tracefoundry.model.limits import MAX_BODY_BYTES

MAX_RECORD_BYTES: Final = MAX_BODY_BYTES
MAX_VALUES: Final = 8_000_000
"""Most values in one record, estimated by its commas and brackets: each needs up to 64 bytes."""
MAX_DEPTH: Final = 100
"""Deepest nesting of a record."""


class Record(NamedTuple):
    """One top-level value: its bytes, its parsed form (None if not asked for), and its place."""

    raw: bytes
    value: Any
    place: str


def records(file: BinaryIO, *, parse_lines: bool = True) -> Iterator[Record]:
    """The records of a file, in order.

    Args:
        file: a seekable file, read from its start.
        parse_lines: False if the caller parses ``raw`` itself; then only the first line is parsed,
            which tells lines from a document.

    Raises:
        UnreadableFile: not JSON, a record above a limit, or a broken line.
    """
    lines = _lines(pieces(file))
    first = next(lines, None)
    if first is None:
        raise UnreadableFile("the file", "is empty", "choose a file with at least one trace")
    _refuse_known_binaries(first[1])
    number, line = first
    place = f"line {number}"
    try:
        value = parse(line, place)
    except UnreadableFile as of_line:
        # Not a record a line, so the whole file should be one document.
        line = _joined(line, lines)
        try:
            value = parse(line, "the file")
        except UnreadableFile:
            raise of_line from None
        yield Record(line, value, "the document")
        return
    yield Record(line, value, place)
    for number, line in lines:
        place = f"line {number}"
        yield Record(line, parse(line, place) if parse_lines else None, place)


def _joined(first: bytes, lines: Iterator[tuple[int, bytes]]) -> bytes:
    parts = [first]
    size = len(first)
    for _, line in lines:
        size += len(line) + 1
        if size > MAX_RECORD_BYTES:
            raise _too_long("the document")
        parts.append(line)
    return b"\n".join(parts)


def _lines(plain: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines that hold more than blanks, with their numbers from 1."""
    number = 0
    rest: list[bytes] = []
    size = 0
    for piece in plain:
        *whole, tail = piece.split(b"\n")
        for part in whole:
            number += 1
            line = b"".join([*rest, part]).strip(b" \t\r\xef\xbb\xbf" if number == 1 else b" \t\r")
            if len(line) > MAX_RECORD_BYTES:
                raise _too_long(f"line {number}")
            rest, size = [], 0
            if line:
                yield number, line
        if tail:
            rest.append(tail)
            size += len(tail)
            if size > MAX_RECORD_BYTES:
                raise _too_long(f"line {number + 1}")
    line = b"".join(rest).strip(b" \t\r\xef\xbb\xbf" if number == 0 else b" \t\r")
    if line:
        yield number + 1, line


def _too_long(place: str) -> UnreadableFile:
    return UnreadableFile(
        place,
        f"is longer than {MAX_RECORD_BYTES:,} bytes",
        "write one trace or one span a line (JSONL), or export fewer traces",
    )


def _refuse_known_binaries(start: bytes) -> None:
    if start.startswith(b"PAR1"):
        raise UnreadableFile(
            "the file", "is Parquet, which is not read", "export it as JSON or JSONL"
        )
    if start.startswith(b"PK\x03\x04"):
        raise UnreadableFile(
            "the file", "is a zip archive and no bundle", "unpack it and import the files in it"
        )


def parse(line: bytes, place: str) -> Any:
    """The value of a record.

    Raises:
        UnreadableFile: not JSON, or above a limit.
    """
    if len(line) > MAX_VALUES and sum(map(line.count, (b",", b"{", b"["))) > MAX_VALUES:
        raise UnreadableFile(
            place, f"holds more than {MAX_VALUES:,} values", "export fewer traces a file"
        )
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise UnreadableFile(
            place, f"is not valid JSON ({error})", "export the file again as JSON or JSONL"
        ) from None
    _check_depth(value, place)
    return value


def _check_depth(value: Any, place: str) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for item in level:
            if type(item) is dict:
                below.extend(part for part in item.values() if type(part) in (dict, list))
            elif type(item) is list:
                below.extend(part for part in item if type(part) in (dict, list))
        if not below:
            return
        level = below
    raise UnreadableFile(
        place, f"is nested deeper than {MAX_DEPTH} levels", "flatten the values that nest so deep"
    )
