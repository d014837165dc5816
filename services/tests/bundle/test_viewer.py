"""``viewer.html`` in a real browser, opened as a file: it shows and verifies, and asks nobody."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import bundles
from browser import Page, browser_page, chromium
from node_packages import run_node
from tracefoundry.bundle import viewer
from tracefoundry.bundle.keys import SigningKey
from tracefoundry.bundle.viewer import viewer_html

needs_browser = pytest.mark.skipif(chromium() is None, reason="needs Chromium")
STATE = "document.body.dataset.state"
VERDICT = "document.getElementById('verdict').textContent"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """The viewer, opened over file://."""
    path = tmp_path / "viewer.html"
    path.write_bytes(viewer_html())
    with browser_page(tmp_path / "profile") as page:
        page.open(path)
        yield page


def shown(page: Page, path: Path, content: bytes) -> str:
    """Open a bundle; the state that the page ends in."""
    path.write_bytes(content)
    page.pick("#bundle", path)
    page.wait_for(f"['valid', 'invalid'].includes({STATE})")
    return str(page.evaluate(STATE))


@needs_browser
def test_spans_and_payloads_are_shown_without_any_request(page: Page, tmp_path: Path) -> None:
    """All spans, their tree, a payload, and no request but for the page itself."""
    assert "valid" == shown(page, tmp_path / "a.zip", bundles.sample())
    page.wait_for("document.querySelectorAll('tr.span').length === 3")
    page.evaluate("document.querySelectorAll('tr.span')[1].click()")
    page.evaluate("document.querySelector('#span details').open = true")
    page.wait_for("document.querySelector('pre.payload') !== null")
    text = page.evaluate("document.querySelector('pre.payload').textContent")
    assert "what a question" == text
    if os.environ.get("VIEWER_PICTURE"):
        Path(os.environ["VIEWER_PICTURE"]).write_bytes(page.picture())
    assert [] == page.errors
    assert [(tmp_path / "viewer.html").as_uri()] == page.requests


@needs_browser
def test_tampered_bundles_are_marked(page: Page, tmp_path: Path) -> None:
    """With the member that was changed."""
    file = bytearray(bundles.sample())
    file[file.index(b"payloads/") + 9 + 64 + 3] ^= 1
    assert "invalid" == shown(page, tmp_path / "a.zip", bytes(file))
    assert "INVALID: payloads/" in page.evaluate(VERDICT)
    assert 0 == page.evaluate("document.querySelectorAll('tr.span').length")


@needs_browser
def test_signatures_are_checked_with_a_given_key(page: Page, tmp_path: Path) -> None:
    """By the key that signed, and by another."""
    key, other = SigningKey.generate(), SigningKey.generate()
    for name, each in (("key", key), ("other", other)):
        (tmp_path / f"{name}.pub").write_bytes(each.public.pem())
    assert "valid" == shown(page, tmp_path / "a.zip", bundles.sample(key=key))
    page.pick("#key", tmp_path / "key.pub")
    page.wait_for(f"{VERDICT}.includes('known key')")
    page.pick("#key", tmp_path / "other.pub")
    page.wait_for(f"{VERDICT}.includes('unknown key')")


@needs_browser
def test_many_payloads_in_packs(page: Page, tmp_path: Path) -> None:
    """A payload is found through an index; rows come 2,000 at a time."""
    values = [b"payload %d" % number for number in range(5_001)]
    spans = [
        bundles.span(number + 1, payloads=(bundles.entry(value),))
        for number, value in enumerate(values)
    ]
    file = bundles.written(spans, contents=bundles.Contents(values), batch=1000)
    assert "valid" == shown(page, tmp_path / "a.zip", file)
    page.wait_for("document.querySelectorAll('tr.span').length === 2000")
    page.evaluate("document.querySelectorAll('tr.span')[7].click()")
    page.evaluate("document.querySelector('#span details').open = true")
    page.wait_for("document.querySelector('pre.payload') !== null")
    assert "payload 7" == page.evaluate("document.querySelector('pre.payload').textContent")


def test_page_allows_no_connection_and_no_other_script() -> None:
    """By its content security policy; nothing in it is loaded from elsewhere."""
    page = viewer_html().decode()
    assert "default-src 'none'; script-src 'sha256-" in page
    assert "connect-src 'none'" in page
    assert " src=" not in page
    assert "innerHTML" not in page


def test_own_inflate_and_hash_equal_the_browsers(tmp_path: Path) -> None:
    """They are for browsers without DecompressionStream or WebCrypto."""
    folder = Path(viewer.__file__).parent
    source = "".join((folder / name).read_text() for name in ("hashes.js", "inflate.js"))
    samples = [b"", b"a", b"abc" * 5000, os.urandom(3000), json.dumps(list(range(900))).encode()]
    cases = [
        [zlib.compress(each, level, -15).hex(), each.hex(), bundles.sha256(each), zlib.crc32(each)]
        for each in samples
        for level in (0, 1, 9)
    ]
    script = tmp_path / "check.js"
    script.write_text(
        source
        + f"""
const raw = (text) => Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));
for (const [deflated, content, digest, crc] of {json.dumps(cases)}) {{
  const found = inflateSlow(raw(deflated), content.length / 2);
  console.log(hex(found) === content, hex(sha256Slow(found)) === digest, crc32(found) === crc);
}}
"""
    )
    assert {"true true true"} == set(run_node(str(script), folder=tmp_path).splitlines())
