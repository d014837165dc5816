"""The command ``tracefoundry``: assembles the commands and turns failures into one line.

Nothing heavy is imported here or at the top of the command modules, because every call, help and
shell completion included, pays for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from tracefoundry import __version__
from tracefoundry.cli import job_commands, processes
from tracefoundry.cli.bundle import bundle_app
from tracefoundry.cli.clear import clear
from tracefoundry.cli.demo import demo
from tracefoundry.cli.export import export
from tracefoundry.cli.import_ import import_file
from tracefoundry.cli.listing import list_traces
from tracefoundry.cli.project import project_app
from tracefoundry.cli.replay import replay
from tracefoundry.cli.retention import retention
from tracefoundry.cli.show import show
from tracefoundry.cli.stats import stats
from tracefoundry.cli.token import token_app
from tracefoundry.server.errors import CommandError

USAGE_ERROR = 2
INTERRUPTED = 130

app = typer.Typer(
    name="tracefoundry",
    help="Durable tracing for AI agents: OTLP in, stored once, found again.",
    no_args_is_help=True,
    # Tracebacks of typer would show local variables, and with them tokens.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and end."
        ),
    ] = False,
) -> None:
    pass


def version() -> None:
    """Show the version."""
    typer.echo(f"tracefoundry {__version__}")


RUN = "Run the platform"
for command in (processes.serve, processes.ingest, processes.query, processes.migrate):
    app.command(rich_help_panel=RUN)(command)
app.command(rich_help_panel=RUN)(processes.ui)
app.command("list")(list_traces)
app.command("show")(show)
app.command("stats")(stats)
app.command("clear")(clear)
app.command("export", rich_help_panel="Bundles")(export)
app.command("import", rich_help_panel="Bundles")(import_file)
app.command("demo")(demo)
app.command("replay", rich_help_panel="Bundles")(replay)
app.command(rich_help_panel=RUN)(retention)
app.command("export-job", hidden=True)(job_commands.export_job)
app.command("replay-job", hidden=True)(job_commands.replay_job)
app.command("rerun-job", hidden=True)(job_commands.rerun_job)
app.add_typer(token_app, rich_help_panel="Access")
app.add_typer(project_app, rich_help_panel="Access")
app.add_typer(bundle_app, rich_help_panel="Bundles")
app.command("version")(version)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 1 for failures, 2 for wrong usage."""
    # Databases, payloads, locks and exports are for their owner alone; workers inherit it.
    before = os.umask(0o077)
    try:
        return _run(arguments)
    finally:
        os.umask(before)


def _run(arguments: Sequence[str] | None) -> int:
    for stream in (sys.stdout, sys.stderr):
        # A terminal with a small character set shows escapes, not a traceback.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    try:
        code = app(args=arguments, prog_name="tracefoundry", standalone_mode=False)
        sys.stdout.flush()
    except CommandError as error:
        return _fail(error.line(), error.exit_status)
    except typer.TyperException as error:
        if not error.format_message():
            return error.exit_code  # no command was given; the help has been printed
        return _fail(_usage_line(error), error.exit_code)
    except typer.Abort:
        return _fail("stopped, nothing more was done", 1)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; what Python flushes at its exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code if isinstance(code, int) else 0


def _fail(line: str, code: int) -> int:
    from tracefoundry.cli.display import safe

    typer.secho("error: ", err=True, nl=False, fg="red")
    typer.echo(safe(line), err=True)
    return code


def _usage_line(error: typer.TyperException) -> str:
    line = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "tracefoundry")
    return f"{line.rstrip('.')}. See {path} --help"
