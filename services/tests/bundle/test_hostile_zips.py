"""Zips that mean two things, or too much, are refused with the reason."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest

import bundles
from tracefoundry.bundle import zip_format
from tracefoundry.bundle.canonical_json import canonical_json
from tracefoundry.bundle.errors import NotABundle
from tracefoundry.bundle.identity import root_of
from tracefoundry.bundle.reading import Bundle
from tracefoundry.bundle.verification import verify
from tracefoundry.bundle.zip_format import Entry
from tracefoundry.bundle.zip_reader import ZipReader
from tracefoundry.bundle.zip_writer import ZipWriter, pack

Change = Callable[[bytes], bytes]


def plain_zip(*members: tuple[str, bytes]) -> bytes:
    """A zip of the profile."""
    out = io.BytesIO()
    writer = ZipWriter(out)
    for name, content in members:
        writer.write(name, pack(content))
    writer.finish()
    return out.getvalue()


def from_entries(*parts: tuple[Entry, bytes]) -> bytes:
    """A zip with headers as given, where offsets are filled in."""
    body, directory = b"", b""
    for entry, data in parts:
        placed = Entry(entry.name, entry.method, entry.crc, entry.compressed, entry.size, len(body))
        body += zip_format.local_header(placed) + data
        directory += zip_format.central_header(placed)
    return body + directory + zip_format.end_records(len(parts), len(body), len(directory))


def stored(name: str, data: bytes = b"x") -> tuple[Entry, bytes]:
    """A stored member."""
    return Entry(name, 0, zlib.crc32(data), len(data), len(data), 0), data


def in_headers(field: int, size: int, value: int, *, central_only: bool = False) -> Change:
    """Sets a field, given by its offset in a local header, in all headers."""

    def change(file: bytes) -> bytes:
        changed = bytearray(file)
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            offsets = [info.header_offset for info in archive.infolist()]
            start = archive.start_dir
        for offset in () if central_only else offsets:
            changed[offset + field : offset + field + size] = value.to_bytes(size, "little")
        position = start
        while file[position : position + 4] == b"PK\x01\x02":
            at = position + field + 2
            changed[at : at + size] = value.to_bytes(size, "little")
            name, extra, comment = struct.unpack_from("<3H", file, position + 28)
            position += 46 + name + extra + comment
        return bytes(changed)

    return change


def as_symlink(file: bytes) -> bytes:
    """All members are links."""
    changed = bytearray(file)
    position = file.index(b"PK\x01\x02")
    changed[position + 38 : position + 42] = (0o120777 << 16).to_bytes(4, "little")
    return bytes(changed)


def false_zip64(file: bytes) -> bytes:
    """The end record asks for ZIP64 records, which are not needed."""
    _, _, _, _, count, size, offset, _ = zip_format.END.unpack(file[-22:])
    record = zip_format.END64.pack(b"PK\x06\x06", 44, 813, 45, 0, 0, count, count, size, offset)
    locator = zip_format.LOCATOR.pack(b"PK\x06\x07", 0, offset + size, 1)
    end = zip_format.END.pack(b"PK\x05\x06", 0, 0, count, count, size, 0xFFFFFFFF, 0)
    return file[:-22] + record + locator + end


def with_extra(file: bytes) -> bytes:
    """A ZIP64 extra field in the directory where no size needs it."""
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        start = archive.start_dir
    header = bytearray(file[start:-22])
    name = struct.unpack_from("<H", header, 28)[0]
    extra = struct.pack("<2HQ", 1, 8, 1)
    header[30:32] = len(extra).to_bytes(2, "little")
    header[46 + name : 46 + name] = extra
    return file[:start] + bytes(header) + zip_format.end_records(1, start, len(header))


def with_gap(file: bytes) -> bytes:
    """Bytes between the last member and the directory."""
    start = file.index(b"PK\x01\x02")
    directory = file[start:-22]
    end = zip_format.end_records(1, start + 3, len(directory))
    return file[:start] + b"gap" + directory + end


ONE = plain_zip(("a", b"some text " * 9))
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "too short"),
    "text": (b"hello " * 20, "end record"),
    "cut off": (ONE[:-5], "end record"),
    "junk before": (b"#!/bin/sh\n" + ONE, "bytes stand before"),
    "junk after": (ONE + b"x", "end record"),
    "comment": (ONE[:-2] + b"\x02\x00hi", "comment"),
    "second zip": (ONE + ONE, "bytes stand before"),
    "duplicate": (from_entries(stored("a"), stored("a")), "stands twice"),
    "case": (from_entries(stored("A"), stored("a")), "case alone"),
    "unsorted": (from_entries(stored("b"), stored("a")), "not sorted"),
    "absolute": (from_entries(stored("/etc/passwd")), "absolute"),
    "drive": (from_entries(stored("C:x")), "absolute"),
    "parent": (from_entries(stored("payloads/../../x")), "leads out"),
    "backslash": (from_entries(stored("..\\x")), "backslash"),
    "NUL": (from_entries(stored("a\0b")), "NUL"),
    "folder": (from_entries(stored("payloads/")), "folder"),
    "long name": (from_entries(stored("a" * 500)), "longer than"),
    "method 93": (in_headers(8, 2, 93)(ONE), "compression method 93"),
    "encrypted": (in_headers(6, 2, 1)(ONE), "encrypted"),
    "data descriptor": (in_headers(6, 2, 8)(ONE), "data descriptor"),
    "utf-8 flag": (in_headers(6, 2, 0x800)(ONE), "flags"),
    "time": (in_headers(10, 4, 0x12345678)(ONE), "times"),
    "symlink": (as_symlink(ONE), "symbolic link"),
    "header mismatch": (in_headers(14, 4, 7, central_only=True)(ONE), "local header differs"),
    "other version": (in_headers(4, 2, 45, central_only=True)(ONE), "versions"),
    "false ZIP64 end": (false_zip64(ONE), "false ZIP64"),
    "ZIP64 extra not needed": (with_extra(ONE), "extra field"),
    "ZIP64 records missing": (ONE[:-6] + b"\xff\xff\xff\xff\0\0", "ZIP64 records"),
    "hidden gap": (with_gap(ONE), "between its last member"),
    "two sizes": (
        from_entries((Entry("a", 0, 0, 1, 2, 0), b"x")),
        "two sizes differ",
    ),
    "bomb": (
        from_entries((Entry("a", 8, 0, 1000, 10**9, 0), bytes(1000))),
        "zip bomb",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_zips_are_refused(case: str) -> None:
    """Each for its own reason, by reader and by verify alike."""
    file, reason = HOSTILE[case]
    with pytest.raises(NotABundle, match=reason):
        ZipReader(io.BytesIO(file))
    verdict = verify(io.BytesIO(file))
    assert not verdict.valid
    assert verdict.reason is not None


@pytest.mark.parametrize(
    ("size", "data", "reason"),
    [
        (5, b"some text", "more bytes than"),
        (500, b"some text", "where its headers say"),
        (9, b"some text\0", "CRC-32|more bytes"),
    ],
)
def test_sizes_that_lie_are_refused(size: int, data: bytes, reason: str) -> None:
    """Inflation stops at the size that was told."""
    deflated = zlib.compress(data, wbits=-15)
    file = from_entries((Entry("a", 8, zlib.crc32(data), len(deflated), size, 0), deflated))
    with pytest.raises(NotABundle, match=reason):
        ZipReader(io.BytesIO(file)).content("a", 1000)


@pytest.mark.parametrize(
    ("tail", "reason"), [(b"x", "after the end"), (None, "cut off"), (b"\xff", "after the end")]
)
def test_compressed_data_must_end_with_its_member(tail: bytes | None, reason: str) -> None:
    """Neither bytes after its end nor a stream without end."""
    data = b"some text"
    deflated = zlib.compress(data, wbits=-15)
    deflated = deflated[:-1] if tail is None else deflated + tail
    file = from_entries((Entry("a", 8, zlib.crc32(data), len(deflated), len(data), 0), deflated))
    with pytest.raises(NotABundle, match=reason):
        ZipReader(io.BytesIO(file)).content("a", 1000)


def test_huge_members_are_not_read() -> None:
    """A member is refused by its told size, before it is inflated."""
    file = plain_zip(("a", bytes(range(256)) * 40))
    with pytest.raises(NotABundle, match="a bundle allows 100"):
        ZipReader(io.BytesIO(file)).content("a", 100)


def test_too_many_members_are_refused() -> None:
    """Ten thousand and one."""
    members = [stored(f"{number:06d}") for number in range(10_001)]
    with pytest.raises(NotABundle, match="10,001 members"):
        ZipReader(io.BytesIO(from_entries(*members)))


def rebuilt(file: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """A bundle with changed members and a manifest that fits them again."""
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members.pop("manifest.json"))
    change(members)
    packed = {name: pack(content) for name, content in members.items()}
    manifest["members"] = [
        {"path": name, "bytes": packed[name].size, "sha256": packed[name].sha256}
        for name in sorted(packed)
    ]
    manifest["root"] = root_of(((name, each.sha256) for name, each in packed.items()), manifest)
    out = io.BytesIO()
    writer = ZipWriter(out)
    for name, each in packed.items():
        writer.write(name, each)
    writer.write("manifest.json", pack(canonical_json(manifest), compress=False))
    writer.finish()
    return out.getvalue()


def test_bundles_without_our_additions_are_valid() -> None:
    """``deflated_sha256`` may be missing: other programs write bundles too."""
    assert verify(io.BytesIO(rebuilt(bundles.sample(), lambda members: None))).valid


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("evil.sh", b"x", "no member of a bundle"),
        ("payloads/" + "0" * 64, b"x", "name is not its SHA-256"),
        ("traces.000001.jsonl", b"{}\n", "cannot be read"),
        ("traces.000001.jsonl", b"{}", "no end"),
        ("traces.000005.jsonl", b"{}\n", "missing among"),
        ("payloads/pack-000000", b"x", "in no index"),
        ("payloads/index.000000.json", b"[]", "cannot be read"),
        ("payloads/index.000000.json", b"[" * 100_000, "cannot be read"),
        ("traces.000001.jsonl", b'{"x":' + b"[" * 100_000 + b"\n", "cannot be read"),
    ],
)
def test_members_that_do_not_fit_are_refused(name: str, content: bytes, reason: str) -> None:
    """Although manifest and root were made anew for them."""

    def change(members: dict[str, bytes]) -> None:
        members[name] = content

    verdict = verify(io.BytesIO(rebuilt(bundles.sample(), change)))
    assert not verdict.valid
    assert reason in str(verdict.reason)


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ("facts.000000.jsonl", "refs in its attributes"),
        ("spans.otlp.000000.pb", "not in the bundle|about no record|another trace"),
        ("traces.000000.jsonl", "counts|more records"),
    ],
)
def test_parts_that_contradict_each_other_are_refused(member: str, reason: str) -> None:
    """By whoever reads the spans: verify proves bytes, the reader what they say."""
    file = rebuilt(bundles.sample(), lambda members: members.pop(member) and None)
    with pytest.raises(NotABundle, match=reason), Bundle(io.BytesIO(file)) as bundle:
        list(bundle.spans())


def test_refs_of_facts_are_checked_against_attributes() -> None:
    """Facts that name another payload than the span does."""

    def change(members: dict[str, bytes]) -> None:
        facts = members["facts.000000.jsonl"]
        ref = bundles.ref_of(b"what a question").encode()
        members["facts.000000.jsonl"] = facts.replace(ref, b"sha256:" + b"0" * 64)

    file = rebuilt(bundles.sample(), change)
    with (
        pytest.raises(NotABundle, match="refs in its attributes"),
        Bundle(io.BytesIO(file)) as bundle,
    ):
        list(bundle.spans())


@pytest.mark.parametrize("version", [99, 0, "1", None, True])
def test_other_versions_are_refused_with_the_remedy(version: object) -> None:
    """Also if such a bundle has members that this version does not know."""
    manifest = canonical_json({"format": "tracefoundry-bundle", "version": version})
    file = plain_zip(("manifest.json", manifest), ("spans.parquet", b"x"))
    verdict = verify(io.BytesIO(file))
    assert "manifest.json" == verdict.member
    assert "open it with a newer release" in str(verdict.reason)


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (None, "has no manifest.json"),
        (b"{", "not JSON"),
        (b"[]", "its format"),
        (b"[" * 100_000, "not JSON"),
        (b'{"format":"tracefoundry-bundle","version":1}', "not as the format says"),
    ],
)
def test_files_without_a_good_manifest_are_refused(manifest: bytes | None, reason: str) -> None:
    """Any zip, or broken JSON."""
    members = [("a", b"x")] if manifest is None else [("manifest.json", manifest)]
    assert reason in str(verify(io.BytesIO(plain_zip(*members))).reason)


def test_manifest_must_be_canonical() -> None:
    """Repeated keys would give it two meanings."""
    with zipfile.ZipFile(io.BytesIO(bundles.sample())) as archive:
        manifest = archive.read("manifest.json")
    file = plain_zip(
        ("manifest.json", manifest.replace(b"{", b'{"format":"tracefoundry-bundle",', 1))
    )
    assert "not canonical JSON" in str(verify(io.BytesIO(file)).reason)
