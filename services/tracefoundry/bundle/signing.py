"""A signature added to a bundle that is there already: all bytes but the last members stay."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import IO, Final

from tracefoundry.bundle import signature
from tracefoundry.bundle.errors import NotABundle
from tracefoundry.bundle.keys import SigningKey
from tracefoundry.bundle.members import MANIFEST, SIGNATURE, Manifest
from tracefoundry.bundle.reading import Bundle
from tracefoundry.bundle.verification import verify
from tracefoundry.bundle.zip_writer import ZipWriter, pack

_PIECE: Final = 1024 * 1024


def sign_bundle(source: Path, key: SigningKey, target: Path) -> Manifest:
    """Write ``target``: ``source`` with a signature instead of the one it may have.

    The file appears whole or not at all, and may be ``source`` itself.

    Raises:
        NotABundle: the source is not valid: what is damaged is not vouched for.
        OSError: a file cannot be read or written.
    """
    verdict = verify(source)
    if verdict.reason is not None and verdict.signature != "invalid":
        raise NotABundle(verdict.reason, member=verdict.member)
    with Bundle(source) as bundle, source.open("rb") as file:
        entries = [entry for name, entry in bundle.zip.entries.items() if name != SIGNATURE]
        kept = bundle.zip.entries[MANIFEST].end
        content = signature.sign(key, bundle.manifest.root, bundle.manifest_bytes)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".bundle-", delete=False) as out:
            try:
                _copy(file, out, kept)
                writer = ZipWriter(out, entries)
                writer.write(SIGNATURE, pack(content, compress=False))
                writer.finish()
                out.flush()
                os.fsync(out.fileno())
                shutil.move(out.name, target)
            except BaseException:
                Path(out.name).unlink(missing_ok=True)
                raise
        return bundle.manifest


def _copy(source: IO[bytes], target: IO[bytes], size: int) -> None:
    while size > 0:
        piece = source.read(min(_PIECE, size))
        if not piece:
            raise NotABundle("the file was cut off while it was read")
        target.write(piece)
        size -= len(piece)
