"""Who vouches for a bundle: a DSSE envelope of an in-toto statement (secure-systems-lab/dsse 1.0.2,
in-toto Statement v1), signed with Ed25519.

The statement names the root and the manifest's hash, and the manifest names all else. A signature
is checked against keys that the caller gives, and against nothing else: ``keyid`` only says which
key was meant.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from tracefoundry.bundle.canonical_json import canonical_json
from tracefoundry.bundle.errors import UNREADABLE
from tracefoundry.bundle.keys import PublicKey, SigningKey
from tracefoundry.bundle.members import MANIFEST

SignatureState = Literal["unsigned", "known_key", "unknown_key", "invalid"]

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://tracefoundry.dev/bundle/v1"
_MAX_SIGNATURES: Final = 16


class _Signature(msgspec.Struct, frozen=True):
    sig: str
    keyid: str = ""


class _Envelope(msgspec.Struct, frozen=True, rename="camel"):
    payload: str
    payload_type: str
    signatures: list[_Signature]


class Checked(msgspec.Struct, frozen=True):
    """What a signature says: its state, the given key that made it, why it is invalid."""

    state: SignatureState
    key_id: str | None = None
    reason: str | None = None


def statement(root: str, manifest: bytes) -> dict[str, Any]:
    """The in-toto statement about a bundle."""
    return {
        "_type": STATEMENT_TYPE,
        "predicateType": PREDICATE_TYPE,
        "predicate": {},
        "subject": [
            {"name": "root", "digest": {"sha256": root}},
            {"name": MANIFEST, "digest": {"sha256": hashlib.sha256(manifest).hexdigest()}},
        ],
    }


def sign(key: SigningKey, root: str, manifest: bytes) -> bytes:
    """The content of ``signature.dsse.json``; the same for the same key and bundle."""
    payload = canonical_json(statement(root, manifest))
    signature = key.sign(_signed_bytes(PAYLOAD_TYPE, payload))
    return canonical_json(
        {
            "payload": b64encode(payload).decode("ascii"),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [
                {"keyid": key.public.key_id, "sig": b64encode(signature).decode("ascii")}
            ],
        }
    )


def check(envelope: bytes, root: str, manifest: bytes, keys: Sequence[PublicKey]) -> Checked:
    """The state of a signature, given the root and manifest that were found in the file."""
    try:
        parsed = msgspec.json.decode(envelope, type=_Envelope)
        payload = b64decode(parsed.payload, validate=True)
        signatures = [(b64decode(s.sig, validate=True), s.keyid) for s in parsed.signatures]
    except UNREADABLE:
        return Checked("invalid", reason="the envelope is broken")
    if parsed.payload_type != PAYLOAD_TYPE:
        return Checked("invalid", reason=f"its payloadType is not {PAYLOAD_TYPE}")
    if not 0 < len(signatures) <= _MAX_SIGNATURES:
        return Checked("invalid", reason="it has no signature, or too many")
    fault = _statement_fault(payload, root, manifest)
    if fault is not None:
        return Checked("invalid", reason=fault)
    message = _signed_bytes(parsed.payload_type, payload)
    for key in keys:
        if any(key.verifies(signature, message) for signature, _ in signatures):
            return Checked("known_key", key_id=key.key_id)
    named = {key_id for _, key_id in signatures}
    if any(key.key_id in named for key in keys):
        return Checked("invalid", reason="the given key that it names did not make it")
    return Checked("unknown_key")


def _statement_fault(payload: bytes, root: str, manifest: bytes) -> str | None:
    try:
        found = msgspec.json.decode(payload)
    except UNREADABLE:
        return "the statement is not JSON"
    expected = statement(root, manifest)
    if not isinstance(found, dict) or found.get("_type") != STATEMENT_TYPE:
        return f"it is not a statement of type {STATEMENT_TYPE}"
    if found.get("predicateType") != PREDICATE_TYPE:
        return f"its predicateType is not {PREDICATE_TYPE}"
    if found.get("subject") != expected["subject"]:
        return "it is about another bundle: its subjects are not this root and manifest"
    return None


def _signed_bytes(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
