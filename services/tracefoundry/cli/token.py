"""``token create``, ``token list`` and ``token revoke``, on the database itself."""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
import typer

from tracefoundry.auth.caller import Role
from tracefoundry.cli import options

token_app = typer.Typer(
    name="token",
    help="Access tokens: create, list, revoke.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@token_app.command("create")
def create(
    role: Annotated[Role, typer.Option("--role", help="What it may do.")],
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Name of the token: who or what uses it.")
    ],
    project: Annotated[
        str | None,
        typer.Option("--project", metavar="NAME", help="Only this project; all by default."),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="TIME", help="How long it is valid: 90d, 12h."),
    ] = None,
    data: options.Data = None,
    database: options.Database = None,
    as_json: options.PrintJson = False,
) -> None:
    """Make a token and print it, this once: only its hash is stored."""
    from tracefoundry.auth.answers import token_answer
    from tracefoundry.auth.caller import terminal_caller
    from tracefoundry.cli.display import print_answer, stderr_console
    from tracefoundry.schemas.administration import CreatedToken
    from tracefoundry.server.stores import access_at

    with access_at(data, database) as access:
        text, record = access.tokens.create(
            name, role, terminal_caller(), project=project, expires=expires
        )
    shown = token_answer(record, time.time_ns())
    if as_json:
        print_answer(CreatedToken(token=text, **msgspec.structs.asdict(shown)))
        return
    typer.echo(text)
    until = f"until {shown.expires_at}" if shown.expires_at else "until it is revoked"
    where = f"the project {record.project}" if record.project else "all projects"
    stderr_console().print(
        f"token {record.name!r}: role {record.role}, for {where}, {until}."
        " Keep it: it is shown only now."
    )


@token_app.command("list")
def list_tokens(
    data: options.Data = None, database: options.Database = None, as_json: options.PrintJson = False
) -> None:
    """List tokens by name, also those that have expired or were revoked."""
    from rich.text import Text

    from tracefoundry.auth.answers import token_answer
    from tracefoundry.cli.columns import Column, print_columns
    from tracefoundry.cli.display import print_answer, safe, stderr_console, stdout_console
    from tracefoundry.schemas.administration import TokenList
    from tracefoundry.server.stores import access_at

    with access_at(data, database) as access:
        records = access.tokens.all()
    shown = [token_answer(record, time.time_ns()) for record in records]
    if as_json:
        print_answer(TokenList(shown))
        return
    if not shown:
        stderr_console().print("no token yet: tracefoundry token create --role admin --name NAME")
        return
    styles = {"live": "green", "expired": "dim", "revoked": "red"}
    columns = [
        Column(
            header, [Text(safe(str(getattr(token, key) or missing))) for token in shown], rank=rank
        )
        for header, key, missing, rank in (
            ("NAME", "name", "", 0),
            ("ROLE", "role", "", 0),
            ("PROJECT", "project", "all", 1),
            ("STATE", "state", "", 0),
            ("CREATED", "created_at", "", 3),
            ("EXPIRES", "expires_at", "never", 2),
            ("REVOKED", "revoked_at", "", 4),
        )
    ]
    for cell in columns[3].cells:
        cell.stylize(styles.get(cell.plain, ""))
    print_columns(stdout_console(), columns)


@token_app.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name or id of the token.")],
    data: options.Data = None,
    database: options.Database = None,
    as_json: options.PrintJson = False,
) -> None:
    """Revoke a token: it is refused everywhere within 5 seconds."""
    from tracefoundry.auth.answers import token_answer
    from tracefoundry.auth.caller import terminal_caller
    from tracefoundry.cli.display import print_answer, stdout_console
    from tracefoundry.server.stores import access_at

    with access_at(data, database) as access:
        record = access.tokens.revoke(name, terminal_caller())
    if as_json:
        print_answer(token_answer(record, time.time_ns()))
    else:
        stdout_console().print(f"token {record.name!r} is revoked; it is refused within 5 seconds")
