"""``README.md`` of a bundle: what the file is, for somebody who finds it without the product."""

from __future__ import annotations

from tracefoundry.bundle.members import Counts, RedactionNote

_TEXT = """\
# A TraceFoundry bundle

Traces of AI agents: {traces} traces, {spans} spans, {logs} log records, {payloads} payloads.
Redaction: {mode}.

- Unpack the file and open `viewer.html` in a browser, then give it the zip. It needs no network.
- `tracefoundry bundle verify FILE` proves every byte; `tracefoundry import FILE` loads the traces
  into a server, `tracefoundry replay FILE` checks that nothing is missing.
- `manifest.json` lists all members with their SHA-256. `spans.otlp.*.pb` and `logs.otlp.*.pb` are
  OTLP (`ExportTraceServiceRequest` and `ExportLogsServiceRequest`), which other tools read too.
  An attribute `tracefoundry.payload.ref.KEY` stands where a long value was; the value is
  `payloads/SHA256`, or in a pack that `payloads/index.*.json` tells.
"""


def readme(counts: Counts, redaction: RedactionNote) -> bytes:
    """The text for a bundle."""
    return _TEXT.format(
        traces=counts.traces,
        spans=counts.spans,
        logs=counts.logs,
        payloads=counts.payloads,
        mode=redaction.mode,
    ).encode()
