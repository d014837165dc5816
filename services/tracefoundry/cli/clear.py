"""``tracefoundry clear``: delete traces, after saying which, and print the receipt."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from tracefoundry.cli import options
from tracefoundry.cli.inputs import MAX_NS
from tracefoundry.server.errors import CommandError

if TYPE_CHECKING:
    from tracefoundry.cli.api import Api
    from tracefoundry.schemas.traces import DeletionReceipt

COUNTED_TRACES = 20_000
"""Traces counted before asking; above it the question says `more than`."""

PAGE_TRACES = 1_000
STEP_TRACES = 250
"""Traces deleted by one request while a progress bar runs."""


def clear(
    before: Annotated[
        str | None,
        typer.Option(
            "--before",
            metavar="TIME",
            help="Only traces that ended before: 7d (ago), RFC 3339, or nanoseconds.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    project: options.Project = None,
    url: options.Url = options.DEFAULT_URL,
    token: options.Token = None,
    as_json: options.AsJson = False,
) -> None:
    """Delete traces, all of them or those that ended before a time. Asks first."""
    from tracefoundry.cli.api import Api, path_of
    from tracefoundry.cli.display import stdout_console, write_raw

    before_ns = options.moment(before, "--before")
    before_ns = MAX_NS if before_ns is None else before_ns
    asks = not yes
    if asks and not sys.stdin.isatty():
        raise CommandError("clear deletes traces and nobody is there to ask", "pass --yes")
    with Api(url, token) as api:
        if yes and as_json:
            write_raw(api.delete(path_of("traces"), {"project": project, "before": before_ns}))
            return
        selected = _count(api, project, before_ns)
        console = stdout_console()
        if not selected.ends_ns and not as_json:
            console.print("Nothing to delete.")
            return
        if asks:
            typer.echo(_question(selected, before, project, api.url), err=True)
            if not typer.confirm("Delete them? This cannot be undone.", err=True):
                raise CommandError("nothing was deleted")
        if as_json:
            write_raw(api.delete(path_of("traces"), {"project": project, "before": before_ns}))
            return
        receipt = _delete(api, project, before_ns, selected)
        console.print(receipt_line(receipt))


@dataclass(slots=True)
class _Selected:
    """What would be deleted: the ends of the traces, oldest first, and their spans."""

    ends_ns: list[int]
    spans: int
    more: bool


def _count(api: Api, project: str | None, before_ns: int) -> _Selected:
    from tracefoundry.cli.answers import as_ns
    from tracefoundry.cli.api import Params, path_of
    from tracefoundry.schemas.traces import TraceList

    ends_ns: list[int] = []
    spans = listed = 0
    cursor: str | None = None
    while True:
        params: Params = {"project": project, "start": 0, "limit": PAGE_TRACES, "cursor": cursor}
        page = api.decode(api.get(path_of("traces"), params), TraceList)
        for trace in page.traces:
            # The list is by start, the delete by end.
            if as_ns(trace.end_time_ns) < before_ns:
                ends_ns.append(as_ns(trace.end_time_ns))
                spans += trace.span_count
        listed += len(page.traces)
        cursor = page.next_cursor
        if cursor is None or listed >= COUNTED_TRACES:
            return _Selected(sorted(ends_ns), spans, more=cursor is not None)


def _question(selected: _Selected, before: str | None, project: str | None, url: str) -> str:
    from tracefoundry.cli.display import safe

    more = "more than " if selected.more else ""
    count = len(selected.ends_ns)
    traces = "trace" if count == 1 else "traces"
    spans = "span" if selected.spans == 1 else "spans"
    when = f" that ended before {before}" if before else ""
    where = f"in project {project}" if project else "in all projects"
    return safe(f"{more}{count:,} {traces} ({selected.spans:,} {spans}){when} {where} at {url}")


def _delete(api: Api, project: str | None, before_ns: int, selected: _Selected) -> DeletionReceipt:
    from rich.progress import Progress

    from tracefoundry.cli.api import path_of
    from tracefoundry.cli.display import stderr_console
    from tracefoundry.schemas.traces import DeletionReceipt

    total = DeletionReceipt()
    console = stderr_console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Deleting", total=len(selected.ends_ns))
        for limit_ns, traces in _steps(selected.ends_ns, before_ns):
            body = api.delete(path_of("traces"), {"project": project, "before": limit_ns})
            part = api.decode(body, DeletionReceipt)
            total.traces += part.traces
            total.spans += part.spans
            total.logs += part.logs
            total.payload_refs += part.payload_refs
            total.objects_total += part.objects_total
            total.kept_shared += part.kept_shared
            progress.advance(task, traces)
    return total


def _steps(ends_ns: list[int], before_ns: int) -> list[tuple[int, int]]:
    """Times to delete up to, oldest first and ``before_ns`` last, and the traces of each step."""
    steps: list[tuple[int, int]] = []
    done = 0
    for index in range(STEP_TRACES, len(ends_ns), STEP_TRACES):
        limit_ns = ends_ns[index]
        if not steps or limit_ns > steps[-1][0]:
            steps.append((limit_ns, index - done))
            done = index
    return [*steps, (before_ns, len(ends_ns) - done)]


def receipt_line(receipt: DeletionReceipt) -> str:
    """What was removed, in one line."""
    counts = (
        (receipt.traces, "trace"),
        (receipt.spans, "span"),
        (receipt.logs, "log"),
        (receipt.payload_refs, "payload"),
        (receipt.objects_total, "object"),
    )
    parts = [f"{count:,} {noun}{'' if count == 1 else 's'}" for count, noun in counts if count]
    kept = f"; {receipt.kept_shared:,} shared payloads kept" if receipt.kept_shared else ""
    return f"Deleted {', '.join(parts) or 'nothing'}{kept}."
