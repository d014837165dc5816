"""``export-job``, ``replay-job`` and ``rerun-job``: what the Jobs of a TraceExport run.

They are hidden: the operator starts them, and tells them everything by environment variables. Exit
status 2 says that another attempt would fail too, 1 that it may succeed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tracefoundry.server.errors import CommandError

PERMANENT = 2

Report = Annotated[
    Path, typer.Option("--report", metavar="FILE", help="Where the termination message goes.")
]
TERMINATION_LOG = Path("/dev/termination-log")
"""Where Kubernetes reads the termination message of a container."""


def export_job(report: Report = TERMINATION_LOG) -> int:
    """Write the bundle of a TraceExport into its bucket."""
    from tracefoundry.server.export_job import run_export_job

    return _run(run_export_job, report)


def replay_job(report: Report = TERMINATION_LOG) -> int:
    """Check the bundle of a TraceExport."""
    from tracefoundry.server.replay_job import run_replay_job

    return _run(run_replay_job, report)


def rerun_job(report: Report = TERMINATION_LOG) -> int:
    """Answer the agent of a TraceExport from its bundle, until SIGTERM."""
    from tracefoundry.cli.display import write_raw
    from tracefoundry.server.rerun_job import run_rerun_job

    return _run(lambda: run_rerun_job(write_raw), report)


def _run(job: Callable[[], Mapping[str, Any]], report: Path) -> int:
    import msgspec

    from tracefoundry.cli.display import write_raw
    from tracefoundry.server.job_documents import JobFailed, write_report

    try:
        found = job()
    except CommandError as error:
        typer.echo(f"error: {error.line()}", err=True)
        write_report(report, error.line())
        return PERMANENT if isinstance(error, JobFailed) else 1
    except Exception as error:
        # The message may quote content; its kind is enough to find it in the log.
        write_report(report, f"unexpected {type(error).__name__}: see the log of the pod")
        raise
    write_report(report, found)
    write_raw(msgspec.json.encode(found))
    return 0
