"""The members of a bundle as files in a folder."""

from __future__ import annotations

from pathlib import Path

from tracefoundry.bundle.errors import BundleError, NotABundle
from tracefoundry.bundle.reading import Bundle
from tracefoundry.bundle.verification import verify


def extract(source: Path, folder: Path) -> int:
    """Write all members under ``folder``, which must be new or empty; the number of files.

    Member names lead nowhere else (the reader refuses such names), an empty folder has no links
    that could, and a file that is there already is never opened.

    Raises:
        NotABundle: the bundle is not valid; nothing was written.
        BundleError: the folder holds something.
        OSError: the source cannot be read, or the folder not be written.
    """
    verdict = verify(source)
    if not verdict.valid:
        raise NotABundle(str(verdict.reason), member=verdict.member)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BundleError(f"{folder} is not empty; give a new folder")
    with Bundle(source) as bundle:
        for name, entry in bundle.zip.entries.items():
            target = folder / name
            target.parent.mkdir(exist_ok=True)
            with target.open("xb") as file:
                for _, piece in bundle.zip.inflate(entry):
                    file.write(piece)
        return len(bundle.zip.entries)
