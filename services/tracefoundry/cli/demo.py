"""``tracefoundry demo``: send the demo agents' traces to an instance, or to any OTLP receiver."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from tracefoundry.cli import options
from tracefoundry.server.errors import CommandError

MAX_TRACES = 100_000


def demo(
    traces: Annotated[
        int, typer.Option(min=1, max=MAX_TRACES, metavar="N", help="How many traces.")
    ] = 60,
    seed: Annotated[int, typer.Option(metavar="S", help="Another seed, another day.")] = 1,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="When the last trace ends, by default now. The same seed and time give the same "
            "traces, so that a second run changes nothing.",
        ),
    ] = None,
    otlp_endpoint: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Send to this OTLP/HTTP receiver instead of --url; /v1/traces is added.",
        ),
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", metavar="NAME", help="Project to send to.")
    ] = None,
    url: options.Url = options.DEFAULT_URL,
    token: options.Token = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was sent as JSON.")] = False,
) -> None:
    """Send the traces of two demo agents: good runs, slow tools, retries, errors, timeouts."""
    from rich.progress import Progress

    from tracefoundry.cli.api import Api
    from tracefoundry.cli.display import stderr_console, stdout_console
    from tracefoundry.cli.inputs import now_ns

    at_ns = options.moment(at, "--at")
    at_ns = now_ns() if at_ns is None else at_ns
    with Api(otlp_endpoint or url, token) as api:
        endpoint = traces_endpoint(api.url)
        api.knock(endpoint)
        shown_url = api.url

    # The SDK and its exporter come after the knock: a wrong address is told at once.
    from tracefoundry.demo.recording import Recorder, SdkDisabled
    from tracefoundry.demo.sending import ExportFailed, SpansRefused, send

    console = stderr_console()
    recorder = Recorder(seed=seed, at_ns=at_ns)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Sending", total=traces)
        try:
            sent = send(
                recorder.record(traces),
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
    if as_json:
        answer = {
            "traces": sent.traces,
            "spans": sent.spans,
            "seed": seed,
            "at_ns": str(at_ns),
            "endpoint": endpoint,
        }
        typer.echo(json.dumps(answer))
        return
    stdout_console().print(f"Sent {sent.traces:,} traces ({sent.spans:,} spans) to {endpoint}")
    if otlp_endpoint is None:
        there = "" if shown_url == options.DEFAULT_URL else f" --url {shown_url}"
        console.print(f"See them: tracefoundry list{there}", style="dim")


def traces_endpoint(url: str) -> str:
    """The full URL of the traces endpoint below a base URL."""
    return url if url.endswith("/v1/traces") else f"{url}/v1/traces"
