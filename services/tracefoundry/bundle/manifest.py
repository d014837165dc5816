"""``manifest.json`` read: the version gate first, then everything that can be checked without
reading other members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tracefoundry.bundle.canonical_json import canonical_json
from tracefoundry.bundle.errors import UNREADABLE, NotABundle, UnknownVersion
from tracefoundry.bundle.identity import root_of
from tracefoundry.bundle.members import (
    FORMAT,
    MANIFEST,
    MAX_CHUNK_BYTES,
    MAX_MANIFEST_BYTES,
    MOST_BYTES,
    SIGNATURE,
    VERSION,
    Manifest,
    kind_of,
)
from tracefoundry.bundle.zip_format import STORED, Entry
from tracefoundry.bundle.zip_reader import ZipReader


def read_manifest(reader: ZipReader) -> tuple[Manifest, bytes]:
    """The manifest of a file, checked against its members' names and sizes and its own root.

    Raises:
        UnknownVersion: the bundle is of another version.
        NotABundle: there is no valid manifest, or it is not that of these members.
    """
    if MANIFEST not in reader.entries:
        raise NotABundle(f"it has no {MANIFEST}: it is a zip, but no bundle")
    content = reader.content(MANIFEST, MAX_MANIFEST_BYTES)
    try:
        parsed = msgspec.json.decode(content)
    except UNREADABLE:
        raise NotABundle("is not JSON", member=MANIFEST) from None
    _check_version(parsed)
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
        canonical = canonical_json(parsed) == content
    except UNREADABLE as error:
        raise NotABundle(f"is not as the format says: {error}", member=MANIFEST) from None
    if not canonical:
        raise NotABundle("is not canonical JSON", member=MANIFEST)
    _check_members(reader.entries, manifest)
    _check_order(reader.entries)
    root = root_of(((member.path, member.sha256) for member in manifest.members), parsed)
    if root != manifest.root:
        raise NotABundle("its root is not that of its members", member=MANIFEST)
    return manifest, content


def _check_version(parsed: Any) -> None:
    if not isinstance(parsed, dict) or parsed.get("format") != FORMAT:
        raise NotABundle(f"its format is not {FORMAT}", member=MANIFEST)
    version = parsed.get("version")
    if version != VERSION or isinstance(version, bool):
        raise UnknownVersion(
            f"the bundle has format version {str(version)[:20]}, and this release reads version"
            f" {VERSION}: open it with a newer release of tracefoundry",
            member=MANIFEST,
        )


def _check_members(entries: Mapping[str, Entry], manifest: Manifest) -> None:
    paths = [member.path for member in manifest.members]
    if paths != sorted(set(paths)):
        raise NotABundle("its members are not sorted, or one stands twice", member=MANIFEST)
    listed = {member.path: member for member in manifest.members}
    for name, entry in entries.items():
        kind = kind_of(name)
        if kind is None:
            raise NotABundle("is no member of a bundle of this version", member=name)
        if kind in ("manifest", "signature"):
            if entry.method != STORED:
                raise NotABundle("is compressed, which this member may not be", member=name)
            continue
        if name not in listed:
            raise NotABundle(f"is not listed in {MANIFEST}", member=name)
        member = listed.pop(name)
        if entry.size > MOST_BYTES.get(kind, MAX_CHUNK_BYTES):
            raise NotABundle(f"has {entry.size:,} bytes, more than a bundle allows", member=name)
        if member.bytes != entry.size:
            raise NotABundle(
                f"has {entry.size:,} bytes where {MANIFEST} says {member.bytes:,}", member=name
            )
    if listed:
        raise NotABundle(f"is listed in {MANIFEST} and not there", member=min(listed))


def _check_order(entries: Mapping[str, Entry]) -> None:
    """The manifest stands after all members but the signature, which stands last."""
    in_file = sorted(entries.values(), key=lambda entry: entry.offset)
    last = [entry.name for entry in in_file[-2:]]
    if SIGNATURE in entries:
        if last != [MANIFEST, SIGNATURE]:
            raise NotABundle("does not stand after the manifest, at the end", member=SIGNATURE)
    elif last[-1] != MANIFEST:
        raise NotABundle("does not stand at the end of the file", member=MANIFEST)
