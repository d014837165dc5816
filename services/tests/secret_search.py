"""Looks for secrets in everything that a platform has stored or said, whatever form they took.

:class:`SecretSearch` finds them in bytes; the functions below give all bytes of a database, of an
object store and of a folder, with a word for where they stood.
"""

from __future__ import annotations

import re
import struct
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote_to_bytes

import psycopg
import re2  # type: ignore[import-untyped]
import sqlalchemy as sa
import zstandard

from tracefoundry.payloads.codec import walk_blobs
from tracefoundry.store.sql.engine import make_engine

Where = tuple[str, bytes]

_BLOB_HEADER = struct.Struct(">3sBBBII")
_PIECE_CHARS = 16
"""Of a longer secret its beginning, middle and end are looked for: half a secret is a leak too."""
_UNESCAPED = re.compile(rb'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')


def _pieces(secret: str) -> list[str]:
    if len(secret) < 2 * _PIECE_CHARS:
        return [secret]
    middle = (len(secret) - _PIECE_CHARS) // 2
    return [
        secret[:_PIECE_CHARS],
        secret[middle : middle + _PIECE_CHARS],
        secret[-_PIECE_CHARS:],
    ]


def forms(text: str) -> Iterator[bytes]:
    """What a text looks like in the encodings that our own code or a client's might use."""
    plain = text.encode()
    yield plain
    yield plain.hex().encode()
    yield plain.hex().upper().encode()
    for style in ("%{:02X}", "%{:02x}", "\\u00{:02x}", "\\u00{:02X}", "\\x{:02x}"):
        yield "".join(style.format(byte) for byte in plain).encode()
    for encode in (b64encode, urlsafe_b64encode):
        for shift in range(3):
            coded = encode(b"\x00" * shift + plain).rstrip(b"=")
            # Only groups that the text fills alone look the same in every context.
            first = -(-shift * 8 // 6) if shift else 0
            last = (shift + len(plain)) * 8 // 6
            yield coded[first:last]


class SecretSearch:
    """Many secrets, looked for together."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """Secrets by what to call them."""
        self._names: list[str] = []
        self._secrets = dict(secrets)
        self._set = re2.Set.SearchSet(_options())
        for name, secret in secrets.items():
            for form in sorted({form for piece in _pieces(secret) for form in forms(piece)}):
                self._set.Add(re2.escape(form))
                self._names.append(name)
        self._set.Compile()

    def found(self, data: bytes) -> set[str]:
        """Names of the secrets that stand in the bytes, as they are or in any usual encoding."""
        readings = {data, _unescape(data), unquote_to_bytes(data)}
        return {
            self._names[index] for reading in readings for index in self._set.Match(reading) or ()
        }

    def left_in(self, everything: Iterable[Where]) -> list[tuple[str, list[str]]]:
        """Where something was left, and of which secrets."""
        left = []
        for where, data in everything:
            seen = self.found(data)
            if seen:
                left.append((where, sorted(seen)))
        return left


def _options() -> re2.Options:
    options = re2.Options()
    options.max_mem = 256 << 20
    options.encoding = re2.Options.Encoding.LATIN1
    return options


def _unescape(data: bytes) -> bytes:
    def one(found: re.Match[bytes]) -> bytes:
        if found[1]:
            return chr(int(found[1], 16)).encode("utf-8", "replace")
        return found[2]

    for _ in range(4):
        following = _UNESCAPED.sub(one, data)
        if following == data:
            break
        data = following
    return data


def database_rows(url: str) -> Iterator[Where]:
    """All rows of all tables, as one text a row; binary columns as they are and in hex."""
    return _postgres_rows(url) if url.startswith("postgresql") else _sqlite_rows(url)


def _sqlite_rows(url: str) -> Iterator[Where]:
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            names = [
                str(row[0])
                for row in connection.execute(
                    sa.text("SELECT name FROM sqlite_master WHERE type = 'table'")
                )
            ]
            for name in names:
                for row in connection.execute(sa.text(f'SELECT * FROM "{name}"')):
                    yield name, b"\n".join(map(_as_bytes, row))
    finally:
        engine.dispose()


def _as_bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def _postgres_rows(url: str) -> Iterator[Where]:
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for (table,) in tables:
            for (text,) in connection.execute(f"SELECT t::text FROM {table} t"):
                yield table, text.encode()


def object_contents(folder: Path) -> Iterator[Where]:
    """Every object below a folder as it is stored, and every blob in it decompressed, whether a row
    names it or not.

    The folder is that of a filesystem store, or that of a bucket on the disk of its server.
    """
    for name, data in files(folder):
        yield f"object {name}", data + name.encode()
        for offset, length in walk_blobs(data):
            yield f"blob {name}+{offset}", _decompressed(data[offset : offset + length])


def _decompressed(blob: bytes) -> bytes:
    """The body of a blob without the codec's checks, for which its ref would have to be known."""
    _, _, kind, key_bytes, _, _ = _BLOB_HEADER.unpack_from(blob)
    assert 0 == key_bytes, "an encrypted blob cannot be searched"
    body = blob[_BLOB_HEADER.size :]
    return zstandard.decompress(body) if kind & 15 else body


def files(folder: Path) -> Iterator[Where]:
    """Every file below a folder, as it lies on the disk."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()
