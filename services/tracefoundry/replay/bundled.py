"""The dry replay of a bundle: no server, no database.

The states of payloads are those at the time of the export, but for the payloads that the bundle
holds: these are read and compared.
"""

from __future__ import annotations

import itertools

from tracefoundry.bundle.errors import NotABundle
from tracefoundry.bundle.reading import Bundle
from tracefoundry.replay.dry import DryRun
from tracefoundry.schemas.replay import DryReplay, DryReplayState


def dry_replay_of_bundle(bundle: Bundle) -> DryReplay:
    """Look through all traces of a bundle that :func:`~tracefoundry.bundle.verification.verify`
    found valid.

    Raises:
        NotABundle: it cannot be read.
    """
    run = DryRun()
    spans = itertools.chain.from_iterable(bundle.spans_with_facts())
    for trace in bundle.traces():
        for span, facts in itertools.islice(spans, trace.spans):
            told = () if facts is None else facts.payloads
            run.add_span(span, [(one.entry(), one.state) for one in told])
        run.end_trace(bytes.fromhex(trace.trace_id))
    for log, facts in itertools.chain.from_iterable(bundle.logs_with_facts()):
        told = () if facts is None else facts.payloads
        run.add_log(log, [(one.entry(), one.state) for one in told])
    for key in run.unread():
        run.tell(key, _state(bundle, key.ref))
    return run.result()


def _state(bundle: Bundle, ref: str) -> DryReplayState:
    try:
        content = bundle.payload(ref.removeprefix("sha256:"))
    except NotABundle:
        return "corrupt"
    return "missing" if content is None else "present"
