"""The proof of a bundle: every byte hashed, the root recomputed, the signature checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from tracefoundry.bundle.keys import PublicKey
from tracefoundry.bundle.members import Manifest

SignatureState = Literal["unsigned", "known_key", "unknown_key", "invalid"]


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
    progress: Callable[[int], object] | None = None,
) -> Verdict:
    """Prove a bundle. Never raises for a bad file.

    Args:
        keys: signatures are checked with these alone.
        progress: called with the number of inflated bytes of each part that was hashed.

    Raises:
        OSError: the file cannot be read.
    """
    raise NotImplementedError
