"""``tracefoundry show``: one trace as a tree, its spans in detail, or the bytes of a payload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tracefoundry.cli import options

if TYPE_CHECKING:
    from tracefoundry.cli.api import Api

MAX_SPANS = 10_000
"""Most spans of one answer; the query API has the same limit."""


def show(
    trace_id: Annotated[
        str | None, typer.Argument(metavar="TRACE_ID", help="32 hex digits.")
    ] = None,
    span: Annotated[
        str | None,
        typer.Option("--span", metavar="SPAN_ID", help="One span: attributes, events, links."),
    ] = None,
    payload: Annotated[
        str | None,
        typer.Option("--payload", metavar="REF", help="A payload's bytes, as they are stored."),
    ] = None,
    spans: Annotated[
        bool, typer.Option("--spans", help="A flat list of spans with their ids.")
    ] = False,
    parent: Annotated[
        str | None,
        typer.Option("--parent", metavar="SPAN_ID", help="With --spans: the children of one span."),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=MAX_SPANS, metavar="N", help="With --spans: spans on a page.")
    ] = 1_000,
    cursor: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="With --spans: go on where a page ended.")
    ] = None,
    project: options.Project = None,
    url: options.Url = options.DEFAULT_URL,
    token: options.Token = None,
    as_json: options.AsJson = False,
) -> None:
    """Show one trace: a summary and the tree of its spans with time bars."""
    from tracefoundry.cli.api import Api

    if payload is not None:
        if trace_id is not None or span is not None or spans or parent is not None:
            raise typer.BadParameter("takes no trace or span beside it", param_hint="'--payload'")
        with Api(url, token) as api:
            _show_payload(api, payload, project)
        return
    if trace_id is None:
        raise typer.BadParameter("give one, or --payload REF", param_hint="'TRACE_ID'")
    if span is not None and (spans or parent is not None):
        raise typer.BadParameter("takes no --spans or --parent beside it", param_hint="'--span'")
    if not spans and (parent is not None or cursor is not None):
        raise typer.BadParameter("needs --spans beside it", param_hint="'--parent' or '--cursor'")
    with Api(url, token) as api:
        if span is not None:
            _show_span(api, trace_id, span, project, as_json=as_json)
        elif spans:
            _show_spans(api, trace_id, parent, limit, cursor, project, as_json=as_json)
        else:
            _show_tree(api, trace_id, project, as_json=as_json)


def _show_tree(api: Api, trace_id: str, project: str | None, *, as_json: bool) -> None:
    from tracefoundry.cli.api import path_of
    from tracefoundry.cli.display import stdout_console, write_raw
    from tracefoundry.cli.trace_view import trace_view
    from tracefoundry.schemas.spans import Tree
    from tracefoundry.schemas.traces import Trace

    body = api.get(path_of("traces", trace_id, "tree"), {"project": project})
    if as_json:
        write_raw(body)
        return
    tree = api.decode(body, Tree)
    trace = api.decode(api.get(path_of("traces", trace_id), {"project": project}), Trace)
    console = stdout_console()
    for line in trace_view(trace, tree, width=console.width if console.is_terminal else None):
        console.print(line, crop=False, soft_wrap=True)


def _show_spans(
    api: Api,
    trace_id: str,
    parent: str | None,
    limit: int,
    cursor: str | None,
    project: str | None,
    *,
    as_json: bool,
) -> None:
    from tracefoundry.cli.api import path_of
    from tracefoundry.cli.columns import print_columns
    from tracefoundry.cli.display import safe, stderr_console, stdout_console, write_raw
    from tracefoundry.cli.span_view import span_columns
    from tracefoundry.schemas.spans import SkeletonPage

    params = {
        "project": project,
        "view": "skeleton",
        "parent_id": parent,
        "limit": limit,
        "cursor": cursor,
    }
    body = api.get(path_of("traces", trace_id, "spans"), params)
    if as_json:
        write_raw(body)
        return
    page = api.decode(body, SkeletonPage)
    console, hints = stdout_console(), stderr_console()
    if page.spans:
        print_columns(console, span_columns(page.spans))
    count = len(page.spans)
    hints.print(f"{count:,} {'span' if count == 1 else 'spans'}", style="dim")
    if page.next_cursor is not None:
        hints.print(f"More: add --cursor {safe(page.next_cursor)}", style="dim", soft_wrap=True)


def _show_payload(api: Api, ref: str, project: str | None) -> None:
    """Print exactly its bytes; on a terminal, which would execute control sequences, safe text."""
    import sys

    from tracefoundry.cli.api import path_of
    from tracefoundry.cli.display import safe, stdout_console
    from tracefoundry.server.errors import CommandError

    body = api.get(path_of("payloads", ref), {"project": project})
    if not stdout_console().is_terminal:
        sys.stdout.flush()
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
        return
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise CommandError(
            f"the payload is {len(body):,} bytes that are not text",
            "send them to a file: tracefoundry show --payload REF > FILE",
        ) from None
    for line in text.split("\n"):
        stdout_console().print(safe(line.rstrip("\r")), crop=False, soft_wrap=True)


def _show_span(
    api: Api, trace_id: str, span_id: str, project: str | None, *, as_json: bool
) -> None:
    from tracefoundry.cli.api import path_of
    from tracefoundry.cli.display import stdout_console, write_raw
    from tracefoundry.cli.span_view import span_view
    from tracefoundry.schemas.spans import SpansOfId

    body = api.get(path_of("spans", span_id), {"trace_id": trace_id, "project": project})
    if as_json:
        write_raw(body)
        return
    answer = api.decode(body, SpansOfId)
    console = stdout_console()
    for number, span in enumerate(answer.spans):
        if number:
            console.print()
        for line in span_view(span, width=console.width if console.is_terminal else None):
            console.print(line, crop=False, soft_wrap=True)
