"""``tracefoundry demo``: send the demo agents' traces to an instance, or to any OTLP receiver."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from tracefoundry.cli import options
from tracefoundry.server.errors import CommandError

if TYPE_CHECKING:
    from tracefoundry.demo.sending import Sent

MAX_TRACES = 100_000


Traces = Annotated[
    int, typer.Option("--traces", min=1, max=MAX_TRACES, metavar="N", help="How many traces.")
]
Seed = Annotated[
    int, typer.Option("--seed", metavar="S", help="Another number makes other traces.")
]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME",
        help="When the last trace ends, by default now. The same seed and time give the same "
        "traces, so that a second run changes nothing. Without it, there is one trace more: a run "
        "that is still going on.",
    ),
]
OtlpEndpoint = Annotated[
    str | None,
    typer.Option(
        "--otlp-endpoint",
        metavar="URL",
        help="Send to this OTLP/HTTP receiver instead of --url; /v1/traces is added.",
    ),
]
SendTo = Annotated[
    str | None, typer.Option("--project", metavar="NAME", help="Project to send to.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print what was sent as JSON.")]


def demo(
    traces: Traces = 60,
    seed: Seed = 1,
    at: At = None,
    otlp_endpoint: OtlpEndpoint = None,
    project: SendTo = None,
    url: options.Url = options.DEFAULT_URL,
    token: options.Token = None,
    as_json: AsJson = False,
) -> None:
    """Send the traces of two demo agents: good runs, slow tools, retries, errors, running ones."""
    from tracefoundry.cli.api import Api
    from tracefoundry.cli.display import stderr_console, stdout_console
    from tracefoundry.cli.inputs import now_ns

    given_ns = options.moment(at, "--at")
    at_ns = now_ns() if given_ns is None else given_ns
    with Api(otlp_endpoint or url, token) as api:
        endpoint = traces_endpoint(api.url)
        api.check_otlp(endpoint)
        shown_url = api.url
    sent = _send(
        endpoint,
        traces=traces,
        seed=seed,
        at_ns=at_ns,
        project=project,
        token=token,
        with_running=given_ns is None,
    )
    if as_json:
        answer = {
            "traces": sent.traces,
            "spans": sent.spans,
            "running": sent.running,
            "seed": seed,
            "at_ns": str(at_ns),
            "endpoint": endpoint,
        }
        typer.echo(json.dumps(answer))
        return
    running = ", one of them still running" if sent.running else ""
    stdout_console().print(
        f"Sent {sent.traces:,} traces ({sent.spans:,} spans{running}) to {endpoint}"
    )
    if otlp_endpoint is None:
        there = "" if shown_url == options.DEFAULT_URL else f" --url {shown_url}"
        stderr_console().print(f"See them: tracefoundry list{there}", style="dim")


def _send(
    endpoint: str,
    *,
    traces: int,
    seed: int,
    at_ns: int,
    project: str | None,
    token: str | None,
    with_running: bool,
) -> Sent:
    from rich.progress import Progress

    from tracefoundry.cli.display import stderr_console

    # The SDK is imported after the check of the address, so that a wrong one is reported at once.
    from tracefoundry.demo.recording import Recorder, SdkDisabled
    from tracefoundry.demo.sending import ExportFailed, SpansRefused, send

    console = stderr_console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Sending", total=traces + with_running)
        try:
            recorder = Recorder(seed=seed, at_ns=at_ns)
            return send(
                recorder.record(traces),
                running=recorder.record_running() if with_running else None,
                endpoint=endpoint,
                token=token,
                project=project,
                on_progress=lambda count: progress.advance(task, count),
            )
        except (SpansRefused, SdkDisabled) as error:
            raise CommandError(str(error)) from error
        except ExportFailed as error:
            raise CommandError(
                str(error), f"send the rest with --seed {seed} --at {at_ns}; nothing is doubled"
            ) from error


def traces_endpoint(url: str) -> str:
    """The full URL of the traces endpoint below a base URL."""
    return url if url.endswith("/v1/traces") else f"{url}/v1/traces"
