"""The options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tracefoundry.cli.inputs import duration_ns, moment_ns, now_ns

DEFAULT_URL = "http://127.0.0.1:8080"

Url = Annotated[
    str,
    typer.Option(
        "--url", envvar="TRACEFOUNDRY_URL", metavar="URL", help="Address of the instance."
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token", envvar="TRACEFOUNDRY_TOKEN", metavar="TOKEN", help="Sent as a bearer token."
    ),
]
Project = Annotated[
    str | None,
    typer.Option("--project", metavar="NAME", help="Only this project; all of them by default."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the API's answer unchanged.")]
PrintJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        help="From when: 24h (ago), RFC 3339, nanoseconds, or all. By default the last 24 hours.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", help="Up to when, exclusive; like --since."),
]

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of the SQLite database (default: your user data folder)."),
]
Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="postgresql://USER:PASSWORD@HOST:PORT/NAME or sqlite:///PATH"
        " (default: TRACEFOUNDRY_DATABASE_URL, else SQLite in --data).",
    ),
]
Payloads = Annotated[
    str | None,
    typer.Option(
        "--payloads",
        help="file:///DIR or s3://BUCKET/PREFIX (default: TRACEFOUNDRY_PAYLOAD_URL, else the folder"
        " payloads beside the SQLite database).",
    ),
]


def moment(text: str | None, option: str) -> int | None:
    """A ``--since`` or ``--until`` in nanoseconds.

    Raises:
        typer.BadParameter: the text is not a time.
    """
    if text is None:
        return None
    try:
        return moment_ns(text, now=now_ns())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=f"'{option}'") from error


def milliseconds(text: str | None, option: str) -> int | float | None:
    """A duration option in milliseconds, whole where it is whole.

    Raises:
        typer.BadParameter: the text is not a duration.
    """
    if text is None:
        return None
    try:
        ns = duration_ns(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=f"'{option}'") from error
    whole, rest = divmod(ns, 1_000_000)
    return ns / 1_000_000 if rest else whole
