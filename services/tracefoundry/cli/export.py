"""``tracefoundry export``: traces as one file that anyone can verify, import and replay.

The file appears under its name only when it is whole: it is downloaded beside it, verified, signed
if asked, and renamed.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tracefoundry.cli import listing, options
from tracefoundry.server.errors import CommandError

if TYPE_CHECKING:
    from tracefoundry.bundle.keys import SigningKey
    from tracefoundry.bundle.members import Manifest
    from tracefoundry.cli.api import Api, Params


class RedactionMode(StrEnum):
    """How much an export leaves out."""

    STRICT = "strict"
    STANDARD = "standard"
    OFF = "off"


class Format(StrEnum):
    """What kind of file is written."""

    BUNDLE = "bundle"
    ATIF = "atif"


TraceIds = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TRACE_ID]...", help="The traces; without any, those that the filters select."
    ),
]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="Where the bundle is written.")
]
WithPayloads = Annotated[
    bool, typer.Option("--payloads", help="With contents: prompts, replies, tool data, documents.")
]
Redaction = Annotated[
    RedactionMode | None,
    typer.Option(
        "--redaction",
        help="Never weaker than the project's, which is the default. strict leaves no content.",
    ),
]
FileFormat = Annotated[
    Format,
    typer.Option("--format", help="atif writes one trace as an ATIF 1.7 trajectory, in JSON."),
]
JsonCopies = Annotated[bool, typer.Option("--otlp-json", help="Add the spans in OTLP/JSON.")]
Sign = Annotated[
    Path | None,
    typer.Option(
        "--sign",
        metavar="KEYFILE",
        help="Sign with this Ed25519 key (tracefoundry bundle keygen makes one). It stays here.",
    ),
]


def export(
    output: Output,
    trace_ids: TraceIds = None,
    payloads: WithPayloads = False,
    redaction: Redaction = None,
    file_format: FileFormat = Format.BUNDLE,
    json_copies: JsonCopies = False,
    sign: Sign = None,
    service: listing.Service = None,
    environment: listing.Environment = None,
    status: listing.Status = None,
    model: listing.Model = None,
    tool: listing.Tool = None,
    since: options.Since = None,
    until: options.Until = None,
    min_duration: listing.MinDuration = None,
    max_duration: listing.MaxDuration = None,
    min_tokens: listing.MinTokens = None,
    max_tokens: listing.MaxTokens = None,
    min_cost: listing.MinCost = None,
    max_cost: listing.MaxCost = None,
    text: listing.SearchText = None,
    project: options.Project = None,
    url: options.Url = options.DEFAULT_URL,
    token: options.Token = None,
    as_json: options.PrintJson = False,
) -> None:
    """Export traces as a bundle: one file, verified, with or without contents."""
    from tracefoundry.cli.api import UNREACHABLE, Api

    filters: Params = {
        "start": options.moment(since, "--since"),
        "end": options.moment(until, "--until"),
        "service": service,
        "environment": environment,
        "status": status,
        "model": model,
        "tool": tool,
        "min_duration_ms": options.milliseconds(min_duration, "--min-duration"),
        "max_duration_ms": options.milliseconds(max_duration, "--max-duration"),
        "min_tokens": min_tokens,
        "max_tokens": max_tokens,
        "min_cost_usd": min_cost,
        "max_cost_usd": max_cost,
        "q": text,
    }
    given = any(value is not None for value in filters.values())
    if trace_ids and given:
        raise typer.BadParameter("give trace ids or filters, not both")
    if not trace_ids and not given:
        raise typer.BadParameter("give trace ids, or filters such as --service or --since")
    if file_format is Format.ATIF and (sign is not None or json_copies or as_json):
        raise typer.BadParameter("--sign, --otlp-json and --json are for bundles")
    key = None if sign is None else _signing_key(sign)
    body: dict[str, object] = {
        "payloads": payloads,
        "redaction": redaction,
        "format": "json" if json_copies else "protobuf",
        **({"trace_ids": trace_ids} if trace_ids else {}),
    }
    with Api(url, token, unreachable_status=UNREACHABLE) as api:
        if file_format is Format.ATIF:
            _export_atif(api, {"project": project, **filters}, body, output)
            return
        manifest, states = _export(api, {"project": project, **filters}, body, output, key)
    _report(output, manifest, states, as_json=as_json)


def _export(
    api: Api, params: Params, body: dict[str, object], output: Path, key: SigningKey | None
) -> tuple[Manifest, Counter[str]]:
    """Download, verify, sign and rename; the manifest, and the payloads by state."""
    from tracefoundry.bundle.reading import Bundle
    from tracefoundry.bundle.signing import sign_bundle

    with _beside(output) as partial:
        _download(api, params, body, partial)
        manifest = _verified(partial)
        states: Counter[str] = Counter()
        with Bundle(partial) as bundle:
            for trace in bundle.traces():
                states.update(trace.payloads)
        if key is not None:
            sign_bundle(partial, key, partial)
        partial.replace(output)
    return manifest, states


def _export_atif(api: Api, params: Params, body: dict[str, object], output: Path) -> None:
    """Download and verify a bundle, and write its trace as a trajectory."""
    from tracefoundry.cli.display import counted, safe, stderr_console, stdout_console
    from tracefoundry.cli.export_atif import trajectory_of

    with _beside(output) as partial:
        _download(api, params, body, partial)
        manifest = _verified(partial)
        trajectory, losses = trajectory_of(partial)
        try:
            partial.write_bytes(trajectory)
        except OSError as error:
            raise _cannot_write(partial.parent, error) from error
        partial.replace(output)
    spans = counted(manifest.counts.spans, "span")
    stdout_console().print(safe(f"{output}: ATIF trajectory of {spans}, {len(trajectory):,} bytes"))
    for line in losses:
        stderr_console().print(safe(line), style="yellow", markup=False, highlight=False)


def _download(api: Api, params: Params, body: dict[str, object], partial: Path) -> None:
    from rich.progress import DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from tracefoundry.cli.api import path_of
    from tracefoundry.cli.display import stderr_console

    console = stderr_console()
    columns = (TextColumn("{task.description}"), DownloadColumn(), TransferSpeedColumn())
    with (
        Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        ) as progress,
        partial.open("wb") as file,
    ):
        task = progress.add_task("Exporting", total=None)

        def take(piece: bytes) -> None:
            file.write(piece)
            progress.advance(task, len(piece))

        try:
            api.download(path_of("export"), params, body, take)
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            raise _cannot_write(partial.parent, error) from error


def _verified(partial: Path) -> Manifest:
    """The manifest of a bundle that is proven whole."""
    from tracefoundry.bundle.verification import verify

    verdict = verify(partial)
    if not verdict.valid or verdict.manifest is None:
        where = "" if verdict.member is None else f"{verdict.member}: "
        raise CommandError(
            f"what the server sent is not a valid bundle ({where}{verdict.reason})",
            "check --url, and that both are of the same version",
        )
    return verdict.manifest


@contextmanager
def _beside(output: Path) -> Iterator[Path]:
    """A new empty file in the folder of the output, for its owner alone; removed at the end if it
    is still there."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.parent)
    except OSError as error:
        raise _cannot_write(output.parent, error) from error
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def _cannot_write(folder: Path, error: OSError) -> CommandError:
    return CommandError(
        f"the bundle cannot be written to {folder}: {error.strerror}",
        "give another --output, or make room",
    )


def _signing_key(path: Path) -> SigningKey:
    from tracefoundry.bundle.errors import BadKey
    from tracefoundry.bundle.keys import SigningKey

    try:
        return SigningKey.from_pem(path.read_bytes())
    except OSError as error:
        raise CommandError(f"the key {path} cannot be read: {error.strerror}") from error
    except BadKey as error:
        raise CommandError(f"{path}: {error}") from error


def _report(output: Path, manifest: Manifest, states: Counter[str], *, as_json: bool) -> None:
    """What was exported; on standard error what is not in the file."""
    from tracefoundry.cli.display import counted, safe, stderr_console, stdout_console

    counts = manifest.counts
    size = output.stat().st_size
    if as_json:
        answer = {
            "file": str(output),
            "bytes": size,
            "root": manifest.root,
            "traces": counts.traces,
            "spans": counts.spans,
            "logs": counts.logs,
            "payloads": counts.payloads,
            "payload_states": dict(sorted(states.items())),
            "redaction": manifest.redaction.mode,
        }
        typer.echo(json.dumps(answer))
        return
    parts = ((counts.traces, "trace"), (counts.spans, "span"), (counts.payloads, "payload"))
    shown = ", ".join(counted(count, noun) for count, noun in parts)
    stdout_console().print(
        safe(f"{output}: {shown}, {size:,} bytes, redaction {manifest.redaction.mode}")
    )
    stdout_console().print(f"root sha256:{manifest.root}")
    hints = stderr_console()
    for state, text in _ABSENCES.items():
        if states[state]:
            hints.print(f"{states[state]:,} {text}", style="yellow")


_ABSENCES = {
    "expired": "payloads have expired: their content is not in the file.",
    "deleted": "payloads were deleted: their content is not in the file.",
    "missing": "payloads are missing or damaged: their content is not in the file.",
    "excluded": "payloads were left out: add --payloads to have their content.",
}
"""What is said of payloads whose content is not in the file, by their state."""
