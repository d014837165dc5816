"""Contents on their way through an export: in files, with a bound on what memory holds."""

from __future__ import annotations

import hashlib

import pytest

from tracefoundry.bundle import export_spool, payload_spool
from tracefoundry.bundle.export_spool import ContentSpool
from tracefoundry.bundle.payload_spool import PayloadSpool
from tracefoundry.model.payload import ref_of


def test_payloads_come_once_and_by_digest_however_few_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of more than are remembered or sorted at once, some are spooled twice."""
    monkeypatch.setattr(payload_spool, "_REMEMBERED", 10)
    monkeypatch.setattr(payload_spool, "_SORTED_AT_ONCE", 16)
    values = {
        hashlib.sha256(value).digest(): value for value in map(str.encode, map(str, range(99)))
    }
    spool = PayloadSpool()
    for _ in range(2):
        for digest, value in values.items():
            spool.add(digest, value)
            assert spool.remembered <= 10
    assert sorted(values.items()) == list(spool.contents())
    assert [(digest, len(values[digest])) for digest in sorted(values)] == list(spool.sizes())
    spool.close()


@pytest.mark.parametrize("in_memory_bytes", [1, 10_000])
def test_contents_are_taken_once_whether_they_are_on_disk_or_not(
    monkeypatch: pytest.MonkeyPatch, in_memory_bytes: int
) -> None:
    """In any order, and with new ones in between."""
    monkeypatch.setattr(export_spool, "_IN_MEMORY_BYTES", in_memory_bytes)
    values = {ref_of(value): value for value in (b"", b"a", b"b" * 500, b"c" * 5_000)}
    refs = list(values)
    with ContentSpool() as spool:
        for _ in range(2):
            for ref in refs[:2]:
                spool.put(ref, values[ref])
            assert {refs[1]: b"a"} == dict(spool.take([refs[1], refs[3]]))
            for ref in refs[2:]:
                spool.put(ref, values[ref])
            assert refs[1] not in spool
            wanted = {ref: values[ref] for ref in refs if ref != refs[1]}
            assert wanted == dict(spool.take(refs))
        spool.put(refs[0], b"")
        spool.clear()
        assert refs[0] not in spool
