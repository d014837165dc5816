"""``tracefoundry replay``: look through a trace or bundle, or run its agent again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tracefoundry.cli import options

if TYPE_CHECKING:
    from tracefoundry.bundle.reading import Bundle
    from tracefoundry.schemas.replay import DryReplay, RerunReport

_TRACE_ID = re.compile(r"[0-9a-fA-F]{1,32}")
_SHOWN_ITEMS = 5
_SHOWN_CALLS = 20

Target = Annotated[str, typer.Argument(metavar="TRACE_ID|FILE", help="A stored trace or a bundle.")]
Command = Annotated[
    list[str] | None,
    typer.Argument(metavar="-- COMMAND", help="With --rerun: what to run, after two dashes."),
]
Rerun = Annotated[
    bool,
    typer.Option("--rerun", help="Run COMMAND, its model and tool calls answered from the bundle."),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="NAME",
        help="With --rerun: calls of this tool or model go out. Can be repeated.",
    ),
]
Reports = Annotated[
    list[Path] | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="With --rerun: write the report; .html for a page, else JSON. Can be repeated.",
    ),
]


def replay(
    target: Target,
    command: Command = None,
    rerun: Rerun = False,
    allow: Allow = None,
    report: Reports = None,
    project: options.Project = None,
    url: options.Url = options.DEFAULT_URL,
    token: options.Token = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> int:
    """Check that a trace can be replayed: its tree, and every payload read and compared with its
    hash. With --rerun run its agent again, offline.

    Exits with 1 where content is missing or damaged, or the re-run asked for what was not recorded.
    """
    if not rerun:
        for given, option in ((command, "COMMAND"), (allow, "--allow"), (report, "--report")):
            if given:
                raise typer.BadParameter(f"{option} needs --rerun")
    elif not command:
        raise typer.BadParameter("--rerun needs a command: -- COMMAND ...")
    path = Path(target)
    if not path.exists() and _TRACE_ID.fullmatch(target):
        if rerun:
            raise typer.BadParameter(
                f"--rerun needs a bundle: tracefoundry export {target} --payloads -o FILE"
            )
        return _dry_replay_of_stored(target, project, url, token, as_json)
    with _opened(path) as bundle:
        if not rerun:
            from tracefoundry.replay.bundled import dry_replay_of_bundle

            return _show_dry(dry_replay_of_bundle(bundle), as_json)
        return _rerun(bundle, path, command or [], allow or [], report or [], as_json)


def _dry_replay_of_stored(
    trace_id: str, project: str | None, url: str, token: str | None, as_json: bool
) -> int:
    from tracefoundry.cli.api import UNREACHABLE, Api, path_of
    from tracefoundry.cli.display import write_raw
    from tracefoundry.schemas.replay import DryReplay

    with Api(url, token, unreachable_status=UNREACHABLE) as api:
        body = api.post(path_of("traces", trace_id, "dry-replay"), {"project": project})
        answer = api.decode(body, DryReplay)
    if as_json:
        write_raw(body)
        return 0 if answer.ok else 1
    return _show_dry(answer, as_json=False)


def _opened(path: Path) -> Bundle:
    """A bundle, proven first: what is read of it later is what its manifest says."""
    from tracefoundry.bundle.errors import NotABundle
    from tracefoundry.bundle.reading import Bundle
    from tracefoundry.bundle.verification import verify
    from tracefoundry.server.errors import CommandError

    try:
        verdict = verify(path)
        if not verdict.valid:
            where = "" if verdict.member is None else f"{verdict.member}: "
            raise CommandError(
                f"{path} is no valid bundle: {where}{verdict.reason}",
                "get it again from where it was exported",
            )
        return Bundle(path)
    except NotABundle as error:
        raise CommandError(f"{path} is no valid bundle: {error}", "get it again") from error
    except OSError as error:
        raise CommandError(
            f"{path} cannot be read: {error.strerror}", "give a trace id or the path of a bundle"
        ) from error


def _show_dry(answer: DryReplay, as_json: bool) -> int:
    import msgspec

    from tracefoundry.cli.display import counted, safe, stdout_console, write_raw

    if as_json:
        write_raw(msgspec.json.encode(answer))
        return 0 if answer.ok else 1
    console = stdout_console()
    verdict = "REPLAYABLE" if answer.ok else "NOT REPLAYABLE"
    console.print(
        f"{verdict}  {counted(answer.spans, 'span')} in {counted(answer.traces, 'trace')},"
        f" {counted(answer.logs, 'log')},"
        f" {counted(answer.payloads.get('present', 0), 'payload')} read and whole",
        style="green" if answer.ok else "bold red",
    )
    for check in answer.checks:
        if not check.count:
            continue
        console.print(f"  {check.message}", style="yellow" if check.ok else "red")
        for item in check.items[:_SHOWN_ITEMS]:
            place = "" if item.key is None else f" {item.place} {safe(item.key)}"
            console.print(f"    span {item.span_id}{place}", style="dim", highlight=False)
        if check.count > _SHOWN_ITEMS:
            console.print(f"    and {check.count - _SHOWN_ITEMS:,} more", style="dim")
    return 0 if answer.ok else 1


def _rerun(
    bundle: Bundle,
    path: Path,
    command: list[str],
    allow: list[str],
    reports: list[Path],
    as_json: bool,
) -> int:
    import msgspec

    from tracefoundry.bundle.errors import NotABundle
    from tracefoundry.cli.display import write_raw
    from tracefoundry.replay.report_page import report_page
    from tracefoundry.replay.rerun import recording_of, rerun
    from tracefoundry.server.errors import CommandError

    try:
        recording = recording_of(bundle)
    except NotABundle as error:
        raise CommandError(f"{path} is no valid bundle: {error}", "get it again") from error
    report = rerun(recording, command, allow=allow)
    encoded = msgspec.json.format(msgspec.json.encode(report))
    for file in reports:
        page = file.suffix.lower() in (".html", ".htm")
        content = report_page(report, title=path.name).encode() if page else encoded
        try:
            file.write_bytes(content)
        except OSError as error:
            raise CommandError(
                f"the report cannot be written to {file}: {error.strerror}", "name another file"
            ) from error
    if as_json:
        write_raw(encoded)
    else:
        _show_report(report)
    return 0 if report.ok else 1


def _show_report(report: RerunReport) -> None:
    """The report, on standard error: standard output belongs to the command."""
    from tracefoundry.cli.display import safe, stderr_console

    console = stderr_console()
    counts = ", ".join(
        f"{count:,} {word}"
        for word, count in (
            ("matched", report.matched),
            ("missed", report.missed),
            ("diverged", report.diverged),
            ("allowed", report.allowed),
            ("unused", report.unused),
        )
        if count or word in ("matched", "missed")
    )
    if report.exit_status is None:
        ending = "the command cannot be started"
    else:
        ending = f"the command ended with status {report.exit_status}"
    console.print(
        f"{'REPLAYED' if report.ok else 'NOT REPLAYED'}  {counts}; {ending}",
        style="green" if report.ok else "bold red",
    )
    bad = [call for call in report.calls if call.outcome in ("missed", "diverged", "blocked")]
    for call in bad[:_SHOWN_CALLS]:
        agents = safe(" > ".join(call.agent_path))
        console.print(
            f"  {call.outcome} {call.kind} {safe(call.name)}" + (f" of {agents}" if agents else ""),
            style="red",
            highlight=False,
        )
        for line in (call.message or "", *(call.diff or "").splitlines()):
            if line:
                console.print(f"    {safe(line)}", style="dim", highlight=False, markup=False)
    if len(bad) > _SHOWN_CALLS:
        console.print(f"  and {len(bad) - _SHOWN_CALLS:,} more", style="dim")
    if report.through_redaction_marks:
        console.print(
            f"  {report.through_redaction_marks:,} calls matched through a mark of redaction",
            style="dim",
        )
    console.print(f"  guards: {', '.join(report.guards) or 'none'}", style="dim", highlight=False)
    for note in report.notes:
        console.print(f"  {safe(note)}", style="yellow", highlight=False, markup=False)
