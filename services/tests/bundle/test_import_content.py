"""The temporary file of contents: every one is found, and nothing else."""

from __future__ import annotations

import hashlib
import resource
from pathlib import Path

import pytest

from tracefoundry.bundle.errors import NotABundle
from tracefoundry.bundle.import_content import ContentFile
from tracefoundry.model.payload import ref_from_digest, ref_of


def listed(values: list[bytes]) -> list[tuple[str, bytes]]:
    """Contents as a bundle gives them."""
    return sorted((hashlib.sha256(value).hexdigest(), value) for value in values)


def resident_bytes() -> int:
    """Memory of this process that is not swapped out, mapped files included."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


@pytest.mark.parametrize("count", [0, 1, 2, 5_000])
def test_each_content_is_found_by_its_ref(count: int) -> None:
    """An empty one too; refs of others give nothing."""
    values = [b"x" * number for number in range(count)]
    with ContentFile(listed(values)) as contents:
        assert count == len(contents)
        found = contents.find([ref_of(value) for value in values])
        assert values == [found[ref_of(value)] for value in values]
        assert {} == contents.find([ref_of(b"another"), ref_of(b"\0")])


def test_contents_that_were_found_do_not_stay_in_memory() -> None:
    """64 MiB of contents, each read once."""
    values = [number.to_bytes(4, "big") * 8_192 for number in range(2_048)]
    refs = [ref_of(value) for value in values]
    with ContentFile(listed(values)) as contents:
        del values
        before = resident_bytes()
        assert all(len(contents.find([ref])[ref]) == 32_768 for ref in refs)
        assert resident_bytes() - before < 32 * 1024 * 1024


def test_contents_out_of_order_are_refused() -> None:
    """The bundle's reader proves the hashes; order makes them findable."""
    with pytest.raises(NotABundle, match="sorted"):
        ContentFile(list(reversed(listed([b"a", b"b"]))))


def test_a_digest_is_found_only_where_one_begins() -> None:
    """Bytes across two neighbours, whose beginning leads to the same place, are no digest."""
    first, second = bytes(3) + b"\x01" * 29, bytes(2) + b"\xff" * 30
    across = first[1:] + second[:1]
    with ContentFile([(first.hex(), b"a"), (second.hex(), b"b")]) as contents:
        refs = [ref_from_digest(digest) for digest in (first, second, across)]
        assert {refs[0]: b"a", refs[1]: b"b"} == contents.find(refs)


@pytest.mark.parametrize(
    "ref",
    ["", "sha256:12", "hmac-sha256:" + "0" * 64, "SHA256:x", "SHA256" + ref_of(b"")[6:],
     ref_of(b"").replace("e", "E"), ref_of(b"")[:-2] + "\u0661\u0661", ref_of(b"") + " "],
)  # fmt: skip
def test_only_plain_hashes_name_stored_content(ref: str) -> None:
    """Keyed refs and a sender's words do not."""
    with ContentFile(listed([b""])) as contents:
        assert {ref_of(b""): b""} == contents.find([ref, ref_of(b"")])
