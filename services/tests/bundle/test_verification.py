"""Every changed byte is found and its member is named; signatures say who vouches."""

from __future__ import annotations

import io
import json
import zipfile
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest

import bundles
from tracefoundry.bundle.canonical_json import canonical_json
from tracefoundry.bundle.errors import BadKey
from tracefoundry.bundle.keys import PublicKey, SigningKey
from tracefoundry.bundle.members import RedactionNote
from tracefoundry.bundle.signature import check, sign
from tracefoundry.bundle.signing import sign_bundle
from tracefoundry.bundle.verification import verify

KEY = SigningKey.generate()
OTHER = SigningKey.generate()
NO_SIGNATURE = b64encode(bytes(64)).decode()
NO_KEY = b"-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----\n"


def test_every_flipped_bit_is_found() -> None:
    """In headers, members, manifest, directory and end record; deflate's padding bits too, because
    the manifest holds hashes of compressed bytes."""
    file = bundles.sample(key=KEY)
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        viewer = archive.getinfo("viewer.html")
        skipped = range(viewer.header_offset + 100, viewer.header_offset + viewer.compress_size)
    unfound = []
    changed = bytearray(file)
    for position in range(len(file)):
        if position in skipped:  # a large member like the others
            continue
        changed[position] ^= 1 << position % 8
        verdict = verify(io.BytesIO(changed), [KEY.public])
        if verdict.valid and verdict.signature == "known_key":
            unfound.append(position)
        changed[position] ^= 1 << position % 8
    assert [] == unfound


def test_the_damaged_member_is_named() -> None:
    """A changed byte in the middle of each member."""
    file = bundles.sample()
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        members = archive.infolist()
    for info in members:
        changed = bytearray(file)
        changed[info.header_offset + 30 + len(info.filename) + info.compress_size // 2] ^= 0xFF
        assert info.filename == verify(io.BytesIO(changed)).member


def test_equal_content_gives_equal_bytes() -> None:
    """Nothing of the time or the machine is in a bundle."""
    assert bundles.sample() == bundles.sample()


def test_root_leaves_out_what_may_differ() -> None:
    """Producer, members, README and viewer; all else changes the root."""
    root = verify(io.BytesIO(bundles.sample())).root
    assert root == verify(io.BytesIO(bundles.sample(key=KEY))).root
    other = bundles.sample(redaction=RedactionNote("off", 3))
    assert root != verify(io.BytesIO(other)).root


def test_manifest_says_what_is_in_the_bundle() -> None:
    """Counts, the latest end, and the source that all resources agree on."""
    manifest = verify(io.BytesIO(bundles.sample())).manifest
    assert manifest is not None
    assert (1, 3, 2, 2) == (
        manifest.counts.traces,
        manifest.counts.spans,
        manifest.counts.logs,
        manifest.counts.payloads,
    )
    assert "2025-11-27T08:00:00.001000Z" == manifest.created
    assert ("0a1b2c", "prod") == (manifest.source.git_commit, manifest.source.environment)


def test_source_is_absent_where_resources_differ() -> None:
    """A commit of one trace is not told for all."""
    other = bundles.Resource({"vcs.ref.head.revision": "fff"})
    file = bundles.written([bundles.span(1), bundles.span(2, resource=other)])
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        assert {"environment": "prod"} == json.loads(archive.read("manifest.json"))["source"]


def test_states_of_a_signature() -> None:
    """Unsigned, by a given key, by another."""
    file = bundles.sample(key=KEY)
    assert "unsigned" == verify(io.BytesIO(bundles.sample()), [KEY.public]).signature
    known = verify(io.BytesIO(file), [OTHER.public, KEY.public])
    assert ("known_key", KEY.public.key_id) == (known.signature, known.key_id)
    assert "unknown_key" == verify(io.BytesIO(file), [OTHER.public]).signature
    assert "unknown_key" == verify(io.BytesIO(file)).signature


def envelope_with(**changes: Any) -> bytes:
    """A signature of ``root`` and ``manifest``, signed again after its statement was changed."""
    envelope = json.loads(sign(KEY, "00" * 32, b"manifest"))
    statement = json.loads(b64decode(envelope["payload"])) | changes.pop("statement", {})
    payload = canonical_json(statement)
    kind = changes.get("payloadType", envelope["payloadType"])
    message = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
    envelope["payload"] = b64encode(payload).decode()
    envelope["signatures"][0]["sig"] = b64encode(KEY.sign(message)).decode()
    return canonical_json(envelope | changes)


@pytest.mark.parametrize(
    "envelope",
    [
        b"{",
        b"{}",
        b"[" * 100_000,
        envelope_with(payloadType="text/plain"),
        envelope_with(statement={"predicateType": "https://example.com/other"}),
        envelope_with(statement={"_type": "https://in-toto.io/Statement/v0.1"}),
        envelope_with(statement={"subject": []}),
        envelope_with(payload="!!"),
        envelope_with(signatures=[]),
        envelope_with(signatures=[{"keyid": KEY.public.key_id, "sig": NO_SIGNATURE}]),
    ],
)
def test_invalid_signatures(envelope: bytes) -> None:
    """Broken, of another type, about another bundle, or not made by the key that it names."""
    assert "invalid" == check(envelope, "00" * 32, b"manifest", [KEY.public]).state


def test_key_ids_never_decide() -> None:
    """A good signature counts under a wrong key id, a wrong one not under a good id."""
    good = json.loads(envelope_with())
    good["signatures"][0]["keyid"] = OTHER.public.key_id
    envelope = canonical_json(good)
    assert "known_key" == check(envelope, "00" * 32, b"manifest", [OTHER.public, KEY.public]).state
    assert "invalid" == check(envelope, "00" * 32, b"manifest", [OTHER.public]).state
    assert "known_key" == check(envelope_with(), "00" * 32, b"manifest", [KEY.public]).state


def test_signing_later_gives_the_same_file(tmp_path: Path) -> None:
    """As if it had been signed when it was written; a signature is replaced."""
    source, signed, again = tmp_path / "a.zip", tmp_path / "b.zip", tmp_path / "c.zip"
    source.write_bytes(bundles.sample())
    sign_bundle(source, KEY, signed)
    assert bundles.sample(key=KEY) == signed.read_bytes()
    sign_bundle(signed, OTHER, again)
    assert bundles.sample(key=OTHER) == again.read_bytes()


@pytest.mark.parametrize("pem", [b"", NO_KEY])
def test_other_files_are_no_keys(pem: bytes) -> None:
    """The message says how to make one."""
    with pytest.raises(BadKey, match="keygen"):
        SigningKey.from_pem(pem)
    with pytest.raises(BadKey, match="keygen"):
        PublicKey.from_pem(pem)


def test_keys_survive_their_files() -> None:
    """PKCS8 and SPKI."""
    assert KEY.public.key_id == SigningKey.from_pem(KEY.pem()).public.key_id
    assert KEY.public.key_id == PublicKey.from_pem(KEY.public.pem()).key_id
