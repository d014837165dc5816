"""``tracefoundry export --format atif``: one trace as an ATIF trajectory, made from its bundle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tracefoundry.server.errors import CommandError

if TYPE_CHECKING:
    from tracefoundry.bundle.reading import Bundle
    from tracefoundry.model.span import Span


def trajectory_of(bundle_file: Path) -> tuple[bytes, list[str]]:
    """The trajectory as JSON, and what it lacks, one line each.

    Raises:
        CommandError: the bundle does not hold exactly one trace with spans.
    """
    import orjson

    from tracefoundry.bundle.reading import Bundle
    from tracefoundry.interchange.atif_export import NoSpans, to_atif

    with Bundle(bundle_file) as bundle:
        traces = bundle.manifest.counts.traces
        if traces != 1:
            raise CommandError(
                f"an ATIF trajectory holds one trace, and {traces:,} are selected",
                "give one trace id, or leave --format out",
            )
        try:
            found = to_atif(_whole_spans(bundle))
        except NoSpans as error:
            raise CommandError(str(error)) from error
    return orjson.dumps(found.trajectory, option=orjson.OPT_INDENT_2), found.report.lines()


def _whole_spans(bundle: Bundle) -> Iterator[Span]:
    """The spans with their contents put back, as far as the bundle has them."""
    from tracefoundry.model.contents import restore_span

    for chunk in bundle.spans():
        for span in chunk:
            contents = {}
            for entry in span.payloads:
                if entry.state == "present" and entry.ref is not None:
                    content = bundle.payload(entry.ref.removeprefix("sha256:"))
                    if content is not None:
                        contents[entry.ref] = content
            yield restore_span(span, contents)
