"""The root: one hash that names what a bundle holds, whatever wrote or compressed it.

It covers the uncompressed bytes of all members but those of ``NOT_IN_ROOT``, and the manifest
without ``root`` itself, ``producer`` (a newer release may write the same traces) and ``members``
(their hashes are in already; sizes and compressed hashes follow from them and from zlib).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tracefoundry.bundle.canonical_json import canonical_json
from tracefoundry.bundle.members import NOT_IN_ROOT

_NOT_HASHED: Final = ("root", "producer", "members")


def root_of(members: Iterable[tuple[str, str]], manifest: Mapping[str, Any]) -> str:
    """The root, in hex.

    Args:
        members: (path, SHA-256 in hex) of each member.
        manifest: the JSON object of ``manifest.json``, with or without the three fields.
    """
    digest = hashlib.sha256()
    for path, sha256 in sorted(members):
        if path not in NOT_IN_ROOT:
            digest.update(f"{sha256}  {path}\n".encode())
    hashed = {name: value for name, value in manifest.items() if name not in _NOT_HASHED}
    digest.update(canonical_json(hashed))
    return digest.hexdigest()
