"""``tracefoundry stats``: spans, errors, latency and tokens by service, model, tool or agent."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from tracefoundry.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracefoundry.cli.columns import Column
    from tracefoundry.schemas.traces import StatisticsGroup


class By(StrEnum):
    """What the statistics are grouped by."""

    SERVICE = "service"
    MODEL = "model"
    TOOL = "tool"
    AGENT = "agent"


def stats(
    by: Annotated[By, typer.Option(help="One line for each of these.")] = By.SERVICE,
    since: options.Since = None,
    until: options.Until = None,
    project: options.Project = None,
    url: options.Url = options.DEFAULT_URL,
    token: options.Token = None,
    as_json: options.AsJson = False,
) -> None:
    """Count spans, errors, latency and tokens by service, model, tool or agent."""
    from tracefoundry.cli.answers import as_ns
    from tracefoundry.cli.api import Api, path_of
    from tracefoundry.cli.columns import print_columns
    from tracefoundry.cli.display import stderr_console, stdout_console, window, write_raw
    from tracefoundry.cli.inputs import now_ns
    from tracefoundry.schemas.traces import Statistics

    params = {
        "project": project,
        "by": by.value,
        "start": options.moment(since, "--since"),
        "end": options.moment(until, "--until"),
    }
    with Api(url, token) as api:
        body = api.get(path_of("stats"), params)
        if as_json:
            write_raw(body)
            return
        answer = api.decode(body, Statistics)
    hints = stderr_console()
    if answer.groups:
        print_columns(stdout_console(), group_columns(by.value, answer.groups))
    covered = window(as_ns(answer.start_ns), as_ns(answer.end_ns), now_ns=now_ns())
    count = f"{len(answer.groups):,} {by.value}{'' if len(answer.groups) == 1 else 's'}"
    older = "" if answer.groups else ". For older ones: --since all"
    hints.print(f"{count}{covered}{older}", style="dim")
    if answer.truncated:
        hints.print("There are more groups than the answer holds.", style="yellow")


def group_columns(by: str, groups: Sequence[StatisticsGroup]) -> list[Column]:
    """The columns of the statistics."""
    from rich.text import Text

    from tracefoundry.cli.answers import as_ns
    from tracefoundry.cli.columns import Column
    from tracefoundry.cli.display import human_cost, human_count, human_duration, safe

    def key(group: StatisticsGroup) -> Text:
        return Text("(none)", "dim") if group.key is None else Text(safe(group.key))

    def errors(group: StatisticsGroup) -> Text:
        if not group.errors:
            return Text("")
        return Text(f"{group.errors:,} ({group.errors / max(group.spans, 1):.0%})", "red")

    def latency(ns: str) -> Text:
        return Text(human_duration(as_ns(ns)) if ns else "")

    return [
        Column(by, [key(group) for group in groups], least=12),
        Column("traces", [Text(f"{group.traces:,}") for group in groups], "right", rank=4),
        Column("spans", [Text(f"{group.spans:,}") for group in groups], "right"),
        Column("errors", [errors(group) for group in groups], "right", rank=1),
        Column("p50", [latency(group.p50_ns) for group in groups], "right", rank=2),
        Column("p95", [latency(group.p95_ns) for group in groups], "right", rank=1),
        Column("in", [Text(human_count(group.input_tokens)) for group in groups], "right", rank=3),
        Column(
            "out", [Text(human_count(group.output_tokens)) for group in groups], "right", rank=3
        ),
        Column("cost", [Text(human_cost(group.cost_usd)) for group in groups], "right", rank=3),
    ]
