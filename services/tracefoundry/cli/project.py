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
PersonalData = Annotated[
    str | None,
    typer.Option(
        "--personal-data",
        metavar="ON|OFF",
        help="Redact phones, IP addresses and national ids too: on, off or default (off).",
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


@project_app.command("create")
def create(
    name: Name,
    redaction: Redaction = None,
    personal_data: PersonalData = None,
    retention_spans: RetentionSpans = None,
    retention_payloads: RetentionPayloads = None,
    data: options.Data = None,
    database: options.Database = None,
    as_json: options.PrintJson = False,
) -> None:
    """Make a project."""
    from tracefoundry.auth.answers import project_answer
    from tracefoundry.auth.caller import terminal_caller
    from tracefoundry.server.stores import access_at

    change = _change(redaction, personal_data, retention_spans, retention_payloads)
    with access_at(data, database) as access:
        project = access.projects.create(name, terminal_caller(), change)
        shown = project_answer(access.projects, project)
    _show([shown], shown if as_json else None)


@project_app.command("set")
def set_project(
    name: Name,
    redaction: Redaction = None,
    personal_data: PersonalData = None,
    retention_spans: RetentionSpans = None,
    retention_payloads: RetentionPayloads = None,
    data: options.Data = None,
    database: options.Database = None,
    as_json: options.PrintJson = False,
) -> None:
    """Change what a project sets for itself; what is not given stays as it is."""
    from tracefoundry.auth.answers import project_answer
    from tracefoundry.auth.caller import terminal_caller
    from tracefoundry.server.stores import access_at

    change = _change(redaction, personal_data, retention_spans, retention_payloads)
    if not change:
        raise CommandError(
            "there is nothing to set",
            "Pass --redaction, --personal-data, --retention-spans or --retention-payloads",
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
    from tracefoundry.auth.answers import project_answer
    from tracefoundry.server.stores import access_at

    with access_at(data, database) as access:
        shown = [project_answer(access.projects, project) for project in access.projects.all()]
    _show(shown, ProjectList(shown) if as_json else None)


def _change(
    redaction: str | None,
    personal_data: str | None,
    retention_spans: str | None,
    retention_payloads: str | None,
) -> ProjectChange:
    from tracefoundry.auth.projects import ProjectChange

    return ProjectChange(
        redaction=redaction,
        personal_data=personal_data,
        retention_spans=retention_spans,
        retention_payloads=retention_payloads,
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
        ("PERSONAL DATA", "personal_data"),
        ("SPANS", "retention_spans"),
        ("PAYLOADS", "retention_payloads"),
    ):
        cells = [
            Text(getattr(project.effective, key), style="" if getattr(project, key) else "dim")
            for project in projects
        ]
        columns.append(Column(header, cells))
    created = [Text(project.created_at) for project in projects]
    columns.append(Column("CREATED", created, rank=1))
    print_columns(stdout_console(), columns)
