"""``tracefoundry retention``: one run of retention, and what it dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tracefoundry.cli import options

if TYPE_CHECKING:
    from rich.table import Table

    from tracefoundry.retention import RetentionReport


def retention(
    data: options.Data = None,
    database: options.Database = None,
    payloads: options.Payloads = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; say what would be dropped.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole report.")] = False,
) -> None:
    """Drop what is older than the retentions allow; `serve` does it every hour by itself."""
    import msgspec

    from tracefoundry.cli.display import stderr_console, stdout_console, write_raw
    from tracefoundry.server.errors import CommandError
    from tracefoundry.server.retention import run_retention

    report = run_retention(data=data, database=database, payloads=payloads, dry_run=dry_run)
    if as_json:
        write_raw(msgspec.json.encode(report))
    elif report.state == "busy":
        stdout_console().print("Another run is at work; nothing was done.")
    else:
        stdout_console().print(_table(report))
        for line in _notes(report):
            stderr_console().print(line)
    if report.state == "failed":
        failed = [step for step in report.steps if step.error]
        raise CommandError(
            "; ".join(f"{step.name}: {step.error}" for step in failed),
            "Run it again: it goes on where it stopped",
        )


def _table(report: RetentionReport) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("would go" if report.dry_run else "dropped")
    table.add_column("how much", justify="right")
    table.add_column("bytes", justify="right")
    for what, count, size in _lines(report):
        table.add_row(what, f"{count:,}", f"{size:,}" if size is not None else "")
    if not table.rows:
        table.add_row("nothing", "", "")
    return table


def _lines(report: RetentionReport) -> list[tuple[str, int, int | None]]:
    """What went, how many and, where known, of which size; without what did not."""
    spans, payloads, resources = report.spans, report.payloads, report.resources
    lines: list[tuple[str, int, int | None]] = [
        ("days of spans and logs", len(spans.partitions), sum(p.bytes for p in spans.partitions)),
        ("spans", sum(line.spans for line in spans.projects), None),
        ("logs", sum(line.logs for line in spans.projects), None),
        ("traces", report.traces.deleted, None),
        ("traces cut to their later spans", report.traces.cut, None),
        ("payload objects", sum(day.objects for day in payloads.days),
         sum(day.bytes for day in payloads.days)),
        ("days of payload rows", len(payloads.partitions),
         sum(p.bytes for p in payloads.partitions)),
        ("payload rows", sum(day.blobs + day.list_parts for day in payloads.days), None),
        ("objects without a row", report.objects.orphans, report.objects.bytes),
        ("bundles of exports", report.bundles.bundles, report.bundles.bytes),
        ("resources and scopes", resources.resources + resources.scopes, None),
        ("tombstones", resources.tombstones + resources.payload_tombstones, None),
        ("audit entries", resources.audit_entries, None),
        ("days of usage", resources.usage_days, None),
    ]  # fmt: skip
    return [line for line in lines if line[1]]


def _notes(report: RetentionReport) -> list[str]:
    notes = []
    held = [*report.spans.in_use, *report.payloads.in_use]
    if held:
        notes.append(f"in use, left to the next run: {', '.join(held)}")
    if report.payloads.waiting:
        notes.append(
            f"{report.payloads.waiting} days of payloads are due, and no payload store was found:"
            " pass --payloads"
        )
    if report.objects.unknown_projects:
        notes.append(
            f"{report.objects.unknown_projects} objects belong to projects that this database does"
            " not know; they were left alone"
        )
    disk = report.disk
    if disk.payload_days or disk.span_days:
        notes.append(
            f"by the disk rule ({disk.limit_percent} percent):"
            f" payloads of {', '.join(disk.payload_days) or 'no day'},"
            f" spans of {', '.join(disk.span_days) or 'no day'}"
        )
    if disk.message:
        notes.append(disk.message)
    return notes
