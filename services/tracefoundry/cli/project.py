"""``project create``, ``project list`` and ``project set``, on the database itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from tracefoundry.cli import options
from tracefoundry.schemas.administration import Project, ProjectList
from tracefoundry.server.errors import CommandError

if TYPE_CHECKING:
    from tracefoundry.auth.projects import ProjectChange

project_app = typer.Typer(
    name="project",
    help="Projects and what they set for themselves: make, list, set.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Lower-case letters, digits, hyphens.")]
Redaction = Annotated[
    str | None,
    typer.Option(
        "--redaction", metavar="MODE", help="strict, standard, off, or default: the platform's."
    ),
]
RetentionSpans = Annotated[
    str | None,
    typer.Option(
        "--retention-spans", metavar="TIME", help="How long spans are kept: 7d, or default."
    ),
]
RetentionPayloads = Annotated[
    str | None,
    typer.Option(
        "--retention-payloads",
        metavar="TIME",
        help="How long content is kept: 3d, or default; never longer than spans.",
    ),
]
QuotaSpansPerSecond = Annotated[
    str | None,
    typer.Option("--quota-spans-per-second", metavar="N", help="Most spans a second, or default."),
]
QuotaBytesPerSecond = Annotated[
    str | None,
    typer.Option(
        "--quota-bytes-per-second", metavar="SIZE", help="Most OTLP a second: 1MiB, or default."
    ),
]
QuotaSpansPerDay = Annotated[
    str | None,
    typer.Option("--quota-spans-per-day", metavar="N", help="Most spans a day, or default."),
]
QuotaContentBytesPerDay = Annotated[
    str | None,
    typer.Option(
        "--quota-content-bytes-per-day",
        metavar="SIZE",
        help="Most new content a day: 10GiB, or default.",
    ),
]


@project_app.command("create")
def create(
    name: Name,
    redaction: Redaction = None,
    retention_spans: RetentionSpans = None,
    retention_payloads: RetentionPayloads = None,
    quota_spans_per_second: QuotaSpansPerSecond = None,
    quota_bytes_per_second: QuotaBytesPerSecond = None,
    quota_spans_per_day: QuotaSpansPerDay = None,
    quota_content_bytes_per_day: QuotaContentBytesPerDay = None,
    data: options.Data = None,
    database: options.Database = None,
    as_json: options.PrintJson = False,
) -> None:
    """Make a project."""
    from tracefoundry.auth.answers import project_answer
    from tracefoundry.auth.caller import terminal_caller
    from tracefoundry.server.stores import access_at

    quotas = (
        quota_spans_per_second,
        quota_bytes_per_second,
        quota_spans_per_day,
        quota_content_bytes_per_day,
    )
    change = _change(redaction, retention_spans, retention_payloads, quotas)
    with access_at(data, database) as access:
        project = access.projects.create(name, terminal_caller(), change)
        shown = project_answer(access.projects, project)
    _show([shown], shown if as_json else None)


@project_app.command("set")
def set_project(
    name: Name,
    redaction: Redaction = None,
    retention_spans: RetentionSpans = None,
    retention_payloads: RetentionPayloads = None,
    quota_spans_per_second: QuotaSpansPerSecond = None,
    quota_bytes_per_second: QuotaBytesPerSecond = None,
    quota_spans_per_day: QuotaSpansPerDay = None,
    quota_content_bytes_per_day: QuotaContentBytesPerDay = None,
    data: options.Data = None,
    database: options.Database = None,
    as_json: options.PrintJson = False,
) -> None:
    """Change what a project sets for itself; what is not given stays as it is."""
    from tracefoundry.auth.answers import project_answer
    from tracefoundry.auth.caller import terminal_caller
    from tracefoundry.server.stores import access_at

    quotas = (
        quota_spans_per_second,
        quota_bytes_per_second,
        quota_spans_per_day,
        quota_content_bytes_per_day,
    )
    change = _change(redaction, retention_spans, retention_payloads, quotas)
    if not change:
        raise CommandError(
            "there is nothing to set",
            "Pass --redaction, --retention-spans, --retention-payloads or a quota (--quota-...)",
        )
    with access_at(data, database) as access:
        project = access.projects.change(name, terminal_caller(), change)
        shown = project_answer(access.projects, project)
    _show([shown], shown if as_json else None)


@project_app.command("list")
def list_projects(
    data: options.Data = None, database: options.Database = None, as_json: options.PrintJson = False
) -> None:
    """List projects by name, with what holds for them."""
    from tracefoundry.auth.answers import project_answers
    from tracefoundry.server.stores import access_at

    with access_at(data, database) as access:
        shown = project_answers(access.projects, access.projects.all())
    _show(shown, ProjectList(shown) if as_json else None)


def _change(
    redaction: str | None,
    retention_spans: str | None,
    retention_payloads: str | None,
    quotas: Sequence[str | None],
) -> ProjectChange:
    from tracefoundry.auth.projects import ProjectChange
    from tracefoundry.model.quotas import QUOTA_NAMES

    return ProjectChange(
        redaction=redaction,
        retention_spans=retention_spans,
        retention_payloads=retention_payloads,
        quotas={
            name: text for name, text in zip(QUOTA_NAMES, quotas, strict=True) if text is not None
        },
    )


def _show(projects: Sequence[Project], as_json: Project | ProjectList | None) -> None:
    """The JSON, else a table: what holds, dim where it is the platform's."""
    from rich.text import Text

    from tracefoundry.cli.columns import Column, print_columns
    from tracefoundry.cli.display import print_answer, safe, stdout_console

    if as_json is not None:
        print_answer(as_json)
        return
    columns = [Column("NAME", [Text(safe(project.name)) for project in projects])]
    for header, key in (
        ("REDACTION", "redaction"),
        ("SPANS", "retention_spans"),
        ("PAYLOADS", "retention_payloads"),
    ):
        cells = [
            Text(getattr(project.effective, key), style="" if getattr(project, key) else "dim")
            for project in projects
        ]
        columns.append(Column(header, cells))
    if any(_limits(project) for project in projects):
        columns.append(Column("QUOTAS", [Text(_limits(project)) for project in projects], rank=2))
        today = [
            Text(_used_today(project), style="yellow" if _is_near(project) else "")
            for project in projects
        ]
        columns.append(Column("USED TODAY", today))
    created = [Text(project.created_at) for project in projects]
    columns.append(Column("CREATED", created, rank=1))
    print_columns(stdout_console(), columns)


def _limits(project: Project) -> str:
    """The quotas that hold, in the words of their names."""
    from tracefoundry.model.quotas import QUOTA_NAMES

    held = ((name, getattr(project.effective, f"quota_{name}")) for name in QUOTA_NAMES)
    return ", ".join(
        f"{limit} {name.replace('_per_', '/').replace('_', ' ')}" for name, limit in held if limit
    )


def _used_today(project: Project) -> str:
    """How much of each quota for a day is used, in percent."""
    used, held = project.usage_today, project.effective
    if used is None:
        return ""
    return ", ".join(
        f"{100 * amount // limit}% {what}"
        for what, amount, limit in (
            ("spans", used.spans, held.quota_spans_per_day),
            ("content", used.content_bytes, held.quota_content_bytes_per_day),
        )
        if limit
    )


def _is_near(project: Project) -> bool:
    return project.usage_today is not None and bool(project.usage_today.near_quotas)
