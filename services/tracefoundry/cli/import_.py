"""``tracefoundry import``: send a bundle, or a trace file of another platform, to the server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tracefoundry.cli import options
from tracefoundry.server.errors import CommandError

if TYPE_CHECKING:
    from tracefoundry.schemas.imports import ImportAnswer


def import_file(
    file: Annotated[
        Path,
        typer.Argument(help="A bundle (zip), or OTLP JSON, ATIF, Langfuse or Phoenix traces."),
    ],
    project: Annotated[
        str | None,
        typer.Option("--project", "-p", help="Put all traces into this project."),
    ] = None,
    redact: Annotated[
        bool, typer.Option("--redact", help="Apply the project's redaction policy to a bundle.")
    ] = False,
    url: options.Url = options.DEFAULT_URL,
    token: options.Token = None,
    as_json: options.AsJson = False,
) -> None:
    """Import traces from a file, whole or not at all. A second import changes nothing."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    from tracefoundry.cli.api import UNREACHABLE, Api, path_of
    from tracefoundry.cli.display import stderr_console, stdout_console, write_raw
    from tracefoundry.schemas.imports import ImportAnswer

    try:
        size = file.stat().st_size
        opened = file.open("rb")
    except OSError as error:
        raise CommandError(
            f"{str(file)!r} cannot be read: {error.strerror}", "check the path"
        ) from error
    console = stderr_console()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with (
        opened,
        Api(url, token, unreachable_status=UNREACHABLE) as api,
        Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        ) as progress,
    ):
        task = progress.add_task("Sending", total=size)

        def sent(count: int) -> None:
            progress.advance(task, count)
            if progress.tasks[0].completed >= size:
                progress.update(task, description="Importing")

        values = {"project": project, "redact": "true" if redact else None}
        body = api.post_file(path_of("bundles", "import"), values, opened, sent)
        answer = api.decode(body, ImportAnswer)
    if as_json:
        write_raw(body)
    else:
        stdout_console().print(import_line(answer), markup=False)
        for note in answer.report.notes:
            stdout_console().print(f"  {note}", markup=False)


def import_line(answer: ImportAnswer) -> str:
    """What was imported, in one line."""
    from tracefoundry.cli.display import counted

    counts = (
        (answer.traces, "trace"),
        (answer.spans, "span"),
        (answer.logs, "log"),
        (answer.payloads, "payload"),
    )
    parts = [counted(count, noun) for count, noun in counts if count]
    line = f"Imported {', '.join(parts) or 'nothing new'}"
    if answer.already_present:
        line += f"; {answer.already_present:,} already present"
    redacted = sum(one.count for one in answer.report.redactions)
    if redacted:
        line += f"; {redacted:,} redactions"
    return line + "."
