"""The written format: JSON Schemas, layout of the file, packs, and a bundle of every version."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import bundles
from tracefoundry.bundle import chunks, members, payload_members, payload_spool
from tracefoundry.bundle.canonical_json import canonical_json
from tracefoundry.bundle.errors import BundleError
from tracefoundry.bundle.keys import PublicKey
from tracefoundry.bundle.payload_spool import PayloadSpool
from tracefoundry.bundle.reading import Bundle
from tracefoundry.bundle.verification import verify
from tracefoundry.bundle.zip_format import Entry, central_header, end_records, local_header
from tracefoundry.bundle.zip_reader import parse_central
from tracefoundry.bundle.zip_writer import ZipWriter, pack

FIXTURES = Path(__file__).parent / "fixtures"


def schema(name: str) -> jsonschema.Draft202012Validator:
    """A schema of the product, itself checked."""
    text = files("tracefoundry.bundle").joinpath("schemas", f"{name}.schema.json").read_text()
    loaded = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(loaded)
    return jsonschema.Draft202012Validator(loaded)


def all_kinds() -> bytes:
    """A bundle with packs and with every kind of line."""
    values = [b"payload %d" % number for number in range(members.OWN_FILES + 1)]
    spans = [
        bundles.span(
            number + 1, payloads=(bundles.entry(value),), redactions=(("email", 1),),
            mended_strings=1,
        )
        for number, value in enumerate(values)
    ]  # fmt: skip
    body = bundles.entry(values[0], key="body", place="log")
    logs = [bundles.log(1, body=None, payloads=(body,)), bundles.log(2)]
    return bundles.written(spans, logs, contents=bundles.Contents(values), batch=1000)


def documents(file: bytes) -> Iterator[tuple[str, Any]]:
    """(schema, document) of all JSON in a bundle."""
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        for name in archive.namelist():
            kind = members.kind_of(name)
            if kind in ("traces", "facts"):
                yield from ((kind, json.loads(line)) for line in archive.read(name).splitlines())
            elif kind in ("manifest", "index"):
                yield kind, json.loads(archive.read(name))


def test_everything_written_is_as_the_schemas_say() -> None:
    """Manifest, index, and each line of traces and facts."""
    validators = {name: schema(name) for name in ("manifest", "traces", "facts", "index")}
    seen = set()
    for name, document in documents(all_kinds()):
        validators[name].validate(document)
        seen.add(name)
    assert set(validators) == seen


def test_small_payloads_stand_in_packs_beyond_five_thousand() -> None:
    """Large ones never do; all are found, by hash and in order."""
    values = [b"payload %d" % number for number in range(members.OWN_FILES)] + [bytes(2**20)]
    spans = [
        bundles.span(number + 1, payloads=(bundles.entry(value),))
        for number, value in enumerate(values)
    ]
    file = bundles.written(spans, contents=bundles.Contents(values), batch=1000)
    assert verify(io.BytesIO(file)).valid
    with Bundle(io.BytesIO(file)) as bundle:
        own = [path for path in bundle.zip.entries if members.kind_of(path) == "payload"]
        assert [members.payload_member(bundles.sha256(values[-1]))] == own
        found = list(bundle.payloads())
        assert sorted((bundles.sha256(value), value) for value in values) == found
        assert values[7] == bundle.payload(bundles.sha256(values[7]))
        assert bundle.payload("0" * 64) is None


def test_five_thousand_payloads_are_files() -> None:
    """And no index."""
    values = [b"%d" % number for number in range(members.OWN_FILES)]
    spans = [bundles.span(n + 1, payloads=(bundles.entry(v),)) for n, v in enumerate(values)]
    file = bundles.written(spans, contents=bundles.Contents(values), batch=1000)
    with Bundle(io.BytesIO(file)) as bundle:
        kinds = [members.kind_of(path) for path in bundle.zip.entries]
    assert (members.OWN_FILES, 0) == (kinds.count("payload"), kinds.count("index"))


def test_chunks_and_packs_end_before_their_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk is closed when the next item would take it past the limit, counted exactly."""
    limit = 4_000
    monkeypatch.setattr(chunks, "CHUNK_BYTES", limit)
    monkeypatch.setattr(payload_members, "CHUNK_BYTES", limit)
    monkeypatch.setattr(payload_members, "OWN_FILES", 3)
    values = [b"x" * (number * 10) for number in range(1, 60)]
    resources = [bundles.AGENT, bundles.Resource({"service.name": "other"})]
    spans = [
        bundles.span(
            number + 1,
            payloads=(bundles.entry(value),),
            resource=resources[number // 3 % 2],
            scope=[bundles.SCOPE, bundles.Scope("b")][number // 2 % 2],
        )
        for number, value in enumerate(values)
    ]
    file = bundles.written(spans, contents=bundles.Contents(values))
    assert verify(io.BytesIO(file)).valid
    with Bundle(io.BytesIO(file)) as bundle:
        assert spans == [span for chunk in bundle.spans() for span in chunk]
        sizes = {entry.name: entry.size for entry in bundle.zip.entries.values()}
        for kind in ("spans", "facts", "pack", "index"):
            of_kind = [size for name, size in sizes.items() if members.kind_of(name) == kind]
            assert len(of_kind) > 1
            assert max(of_kind) <= limit
            assert max(of_kind) > limit * 3 / 4


def test_members_stand_in_the_order_that_streams() -> None:
    """Manifest and signature last; the directory sorted; flags, times and modes as fixed."""
    with zipfile.ZipFile(FIXTURES / "v1.zip") as archive:
        infos = archive.infolist()
        in_file = [info.filename for info in sorted(infos, key=lambda info: info.header_offset)]
        assert ["manifest.json", "signature.dsse.json"] == in_file[-2:]
        assert sorted(archive.namelist()) == archive.namelist()
        assert {(1980, 1, 1, 0, 0, 0)} == {info.date_time for info in infos}
        assert {(0o100644 << 16, 0, b"", b"")} == {
            (info.external_attr, info.flag_bits, info.extra, info.comment) for info in infos
        }
        assert archive.testzip() is None


@pytest.mark.parametrize(
    ("content", "method"), [(bytes(10_000), 0), (b"", 0), (b"x", 0), (b"some text " * 20, 8)]
)
def test_what_deflates_too_well_is_stored(content: bytes, method: int) -> None:
    """So is what does not get smaller."""
    assert method == pack(content).method


@pytest.mark.parametrize("size", [2**32 - 2, 2**32 - 1, 2**40])
@pytest.mark.parametrize("offset", [0, 2**32 - 2, 2**32 - 1, 2**41])
def test_zip64_is_where_it_is_needed(size: int, offset: int) -> None:
    """Exactly at 2^32 - 1, whose 32 bits mean "see ZIP64"."""
    entry = Entry("a", 0, 7, size, size, offset)
    needed = [value for value in (size, size, offset) if value >= 2**32 - 1]
    header = central_header(entry)
    assert 46 + 1 + (4 + 8 * len(needed) if needed else 0) == len(header)
    assert (entry, len(header)) == parse_central(header, 0)
    assert (31 if size < 2**32 - 1 else 51) == len(local_header(entry))
    assert (22 if offset < 2**32 - 1 else 98) == len(end_records(1, offset, 47))


def test_more_members_than_allowed_are_refused_with_the_remedy() -> None:
    """Before the file is finished, so nobody takes it for one."""
    writer = ZipWriter(io.BytesIO())
    for number in range(members.MAX_MEMBERS):
        writer.write(f"{number}", pack(b""))
    with pytest.raises(BundleError, match="export fewer traces"):
        writer.write("one more", pack(b""))


def test_spool_gives_each_payload_once_by_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it sorts in several ranges and has forgotten what it holds."""
    monkeypatch.setattr(payload_spool, "_SORTED_AT_ONCE", 10)
    monkeypatch.setattr(payload_spool, "_REMEMBERED", 10)
    values = [b"%d" % (number % 70) for number in range(300)]
    spool = PayloadSpool()
    for value in values:
        spool.add(bytes.fromhex(bundles.sha256(value)), value)
    expected = sorted((bytes.fromhex(bundles.sha256(value)), value) for value in set(values))
    assert expected == list(spool.contents())
    assert [(digest, len(value)) for digest, value in expected] == list(spool.sizes())
    spool.close()


def test_canonical_json_is_that_of_rfc_8785() -> None:
    """The sorting example of its section 3.2.3, and the strings of 3.2.2.2."""
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\x80", "\xf6"]
    found = canonical_json(dict.fromkeys(names, 1)).decode()
    assert '{"\\r":1,"1":1,"\x80":1,"\xf6":1,"\u20ac":1,"\U0001f600":1,"\ufb33":1}' == found
    assert b'["\\u0000\\u001f\\n\\"\\\\/\x7f",true,null,-1]' == canonical_json(
        ['\0\x1f\n"\\/\x7f', True, None, -1]
    )


@pytest.mark.parametrize("value", [1.5, 2**53, -(2**53), float("nan")])
def test_other_numbers_are_refused(value: object) -> None:
    """Readers in other languages would round them."""
    with pytest.raises(ValueError, match="canonical JSON"):
        canonical_json(value)


def test_bundles_of_version_1_open() -> None:
    """The file was written when version 1 came out."""
    key = PublicKey.from_pem((FIXTURES / "v1.pub").read_bytes())
    verdict = verify(FIXTURES / "v1.zip", [key])
    assert (True, "known_key") == (verdict.valid, verdict.signature)
    assert "d3b181c2c6ced36061332e71cd7f081cacb851aaf96f7029f4ebd42b3390075f" == verdict.root
    with Bundle(FIXTURES / "v1.zip") as bundle:
        assert [1] == [len(list(bundle.traces()))]
        assert [1, 2, 3] == [
            span.attributes["number"] for chunk in bundle.spans() for span in chunk
        ]
        assert 2 == len([log for chunk in bundle.logs() for log in chunk])
        assert {b"what a question", b"a long answer " * 100} == {
            content for _, content in bundle.payloads()
        }
