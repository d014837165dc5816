"""``tracefoundry list``: traces by the API's filters and sorts, a page or all of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from tracefoundry.cli import options

MAX_TRACES = 10_000
"""Most traces that ``--all`` lists; it says so when there are more."""

PAGE_TRACES = 1_000


class StatusName(StrEnum):
    """A trace's status."""

    OK = "ok"
    ERROR = "error"
    UNSET = "unset"


class Sort(StrEnum):
    """Orders of the list."""

    NEWEST = "newest"
    SLOWEST = "slowest"
    EXPENSIVE = "expensive"


def list_traces(
    service: Annotated[str | None, typer.Option(help="Traces that this service took part in.")] = (
        None
    ),
    environment: Annotated[str | None, typer.Option(help="Deployment environment.")] = None,
    status: Annotated[StatusName | None, typer.Option(help="Status of the trace.")] = None,
    model: Annotated[str | None, typer.Option(help="Traces that used this model.")] = None,
    tool: Annotated[str | None, typer.Option(help="Part of the name of a tool.")] = None,
    since: options.Since = None,
    until: options.Until = None,
    min_duration: Annotated[
        str | None, typer.Option(metavar="DURATION", help="At least so long, such as 500ms or 2m.")
    ] = None,
    max_duration: Annotated[
        str | None, typer.Option(metavar="DURATION", help="At most so long.")
    ] = None,
    min_tokens: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Input and output tokens, at least.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Input and output tokens, at most.")
    ] = None,
    min_cost: Annotated[
        float | None, typer.Option(min=0, metavar="USD", help="Cost in US dollars, at least.")
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(min=0, metavar="USD", help="Cost in US dollars, at most.")
    ] = None,
    text: Annotated[
        str | None,
        typer.Option("-q", "--text", help="Text in span names and attributes; case is ignored."),
    ] = None,
    sort: Annotated[Sort, typer.Option(help="Order of the list.")] = Sort.NEWEST,
    limit: Annotated[
        int, typer.Option(min=1, max=PAGE_TRACES, metavar="N", help="Traces on a page.")
    ] = 50,
    cursor: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Go on where a page ended.")
    ] = None,
    every: Annotated[
        bool,
        typer.Option(
            "--all", help=f"All pages, up to {MAX_TRACES:,} traces; with --json one answer a line."
        ),
    ] = False,
    project: options.Project = None,
    url: options.Url = options.DEFAULT_URL,
    token: options.Token = None,
    as_json: options.AsJson = False,
) -> None:
    """List traces, newest first."""
    from tracefoundry.cli.answers import Trace, TraceList
    from tracefoundry.cli.api import Api, Params, path_of
    from tracefoundry.cli.columns import print_columns
    from tracefoundry.cli.display import safe, stderr_console, stdout_console, write_raw
    from tracefoundry.cli.inputs import now_ns
    from tracefoundry.cli.trace_table import trace_columns, window_line

    params: Params = {
        "project": project,
        "start": options.moment(since, "--since"),
        "end": options.moment(until, "--until"),
        "service": service,
        "environment": environment,
        "status": status,
        "model": model,
        "tool": tool,
        "min_duration_ms": options.milliseconds(min_duration, "--min-duration"),
        "max_duration_ms": options.milliseconds(max_duration, "--max-duration"),
        "min_tokens": min_tokens,
        "max_tokens": max_tokens,
        "min_cost_usd": min_cost,
        "max_cost_usd": max_cost,
        "q": text,
        "sort": sort,
        "limit": PAGE_TRACES if every else limit,
    }
    console, hints = stdout_console(), stderr_console()
    traces: list[Trace] = []
    listed = 0
    page: TraceList | None = None
    with Api(url, token) as api:
        while True:
            body = api.get(path_of("traces"), {**params, "cursor": cursor})
            page = api.decode(body, TraceList)
            if as_json:
                write_raw(body)
            else:
                traces.extend(page.traces)
            listed += len(page.traces)
            cursor = page.next_cursor
            if not every or cursor is None or listed >= MAX_TRACES:
                break
    if as_json:
        return
    now = now_ns()
    if traces:
        print_columns(console, trace_columns(traces, now_ns=now, terminal=console.is_terminal))
    hints.print(window_line(page, len(traces), now_ns=now), style="dim")
    if not page.search_complete:
        hints.print("The search stopped at its time limit before the end.", style="yellow")
    if cursor is not None:
        hints.print(f"More: add --all, or --cursor {safe(cursor)}", style="dim", soft_wrap=True)
