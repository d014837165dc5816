"""``tracefoundry list``: traces by the API's filters and sorts, a page or all of them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from tracefoundry.cli import options

if TYPE_CHECKING:
    from tracefoundry.cli.api import Api, Params
    from tracefoundry.schemas.traces import Trace, TraceList

MAX_TRACES = 10_000
"""Most traces that ``--all`` lists; it says so when there are more."""

PAGE_TRACES = 1_000


class StatusName(StrEnum):
    """A trace's status, or that an agent run of it goes on."""

    OK = "ok"
    ERROR = "error"
    UNSET = "unset"
    RUNNING = "running"


class Sort(StrEnum):
    """Orders of the list."""

    NEWEST = "newest"
    SLOWEST = "slowest"
    EXPENSIVE = "expensive"


Service = Annotated[
    str | None, typer.Option("--service", help="Traces that this service took part in.")
]
Environment = Annotated[str | None, typer.Option("--environment", help="Deployment environment.")]
Status = Annotated[StatusName | None, typer.Option("--status", help="Status of the trace.")]
Model = Annotated[str | None, typer.Option("--model", help="Traces that used this model.")]
Tool = Annotated[str | None, typer.Option("--tool", help="Part of the name of a tool.")]
MinDuration = Annotated[
    str | None,
    typer.Option("--min-duration", metavar="DURATION", help="At least this, like 500ms or 2m."),
]
MaxDuration = Annotated[
    str | None, typer.Option("--max-duration", metavar="DURATION", help="At most this.")
]
MinTokens = Annotated[
    int | None,
    typer.Option("--min-tokens", min=0, metavar="N", help="Input and output tokens, at least."),
]
MaxTokens = Annotated[
    int | None,
    typer.Option("--max-tokens", min=0, metavar="N", help="Input and output tokens, at most."),
]
MinCost = Annotated[
    float | None,
    typer.Option("--min-cost", min=0, metavar="USD", help="Cost in US dollars, at least."),
]
MaxCost = Annotated[
    float | None,
    typer.Option("--max-cost", min=0, metavar="USD", help="Cost in US dollars, at most."),
]
SearchText = Annotated[
    str | None,
    typer.Option("-q", "--text", help="Text in span names and attributes; case is ignored."),
]
Order = Annotated[Sort, typer.Option("--sort", help="Order of the list.")]
Limit = Annotated[
    int, typer.Option("--limit", min=1, max=PAGE_TRACES, metavar="N", help="Traces on a page.")
]
Cursor = Annotated[
    str | None, typer.Option("--cursor", metavar="CURSOR", help="Go on where a page ended.")
]
Every = Annotated[
    bool,
    typer.Option(
        "--all", help=f"All pages, up to {MAX_TRACES:,} traces; with --json one answer a line."
    ),
]


def list_traces(
    service: Service = None,
    environment: Environment = None,
    status: Status = None,
    model: Model = None,
    tool: Tool = None,
    since: options.Since = None,
    until: options.Until = None,
    min_duration: MinDuration = None,
    max_duration: MaxDuration = None,
    min_tokens: MinTokens = None,
    max_tokens: MaxTokens = None,
    min_cost: MinCost = None,
    max_cost: MaxCost = None,
    text: SearchText = None,
    sort: Order = Sort.NEWEST,
    limit: Limit = 50,
    cursor: Cursor = None,
    every: Every = False,
    project: options.Project = None,
    url: options.Url = options.DEFAULT_URL,
    token: options.Token = None,
    as_json: options.AsJson = False,
) -> None:
    """List traces, newest first."""
    from tracefoundry.cli.api import Api

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
    with Api(url, token) as api:
        _list(api, params, cursor, every=every, as_json=as_json)


def _list(api: Api, params: Params, cursor: str | None, *, every: bool, as_json: bool) -> None:
    """Fetch a page or all of them, and print the answers or one table."""
    from tracefoundry.cli.api import path_of
    from tracefoundry.cli.display import write_raw
    from tracefoundry.schemas.traces import TraceList

    traces: list[Trace] = []
    listed = 0
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
    if not as_json:
        _print_table(traces, page)


def _print_table(traces: list[Trace], last: TraceList) -> None:
    """The traces, and below them what bounded the list: its times, its search, its pages."""
    from tracefoundry.cli.columns import print_columns
    from tracefoundry.cli.display import safe, stderr_console, stdout_console
    from tracefoundry.cli.inputs import now_ns
    from tracefoundry.cli.trace_table import trace_columns, window_line

    console, hints = stdout_console(), stderr_console()
    now = now_ns()
    if traces:
        print_columns(console, trace_columns(traces, now_ns=now, terminal=console.is_terminal))
    hints.print(window_line(last, len(traces), now_ns=now), style="dim")
    if not last.search_complete:
        hints.print("The search stopped at its time limit before the end.", style="yellow")
    if last.next_cursor is not None:
        more = f"More: add --all, or --cursor {safe(last.next_cursor)}"
        hints.print(more, style="dim", soft_wrap=True)
