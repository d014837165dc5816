"""``bundle verify``, ``show``, ``extract``, ``sign`` and ``keygen``: files, without a server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tracefoundry.cli import options

if TYPE_CHECKING:
    from tracefoundry.bundle.keys import PublicKey, SigningKey
    from tracefoundry.bundle.verification import Verdict

VIEWER_DIFFERS = "; viewer.html is not that of this version: open it only if you trust its sender"

bundle_app = typer.Typer(
    name="bundle",
    help="Bundles: verify, show, extract, sign. They need no server.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

File = Annotated[
    Path,
    typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The bundle, a zip file."),
]
PublicKeys = Annotated[
    list[Path] | None,
    typer.Option(
        "--key",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="A public key (PEM). Demands a signature by one of the keys; may be repeated.",
    ),
]


@bundle_app.command("verify")
def verify_bundle(file: File, key: PublicKeys = None, as_json: options.PrintJson = False) -> None:
    """Prove every byte of a bundle: VALID (exit status 0), or INVALID and the member (1)."""
    from tracefoundry.bundle.verification import verify
    from tracefoundry.cli.display import safe

    keys = [_public_key(path) for path in key or ()]
    with _file_errors(), _progress(file, shown=not as_json) as progress:
        verdict = verify(file, keys, progress=progress)
    fault = _fault(verdict, demanded=bool(keys))
    if as_json:
        _print_json(_verdict_json(verdict, valid=fault is None, fault=fault))
    elif fault is None:
        signature = verdict.signature.replace("_", " ")
        named = f" {verdict.key_id}" if verdict.key_id else ""
        viewer = "" if verdict.viewer_is_ours is not False else VIEWER_DIFFERS
        typer.echo(f"VALID {verdict.root} ({signature}{named}){viewer}")
    else:
        typer.echo(safe(f"INVALID {fault[0] or file.name}: {fault[1]}"))
    if fault is not None:
        raise typer.Exit(1)


@bundle_app.command("show")
def show_bundle(file: File, as_json: options.PrintJson = False) -> None:
    """Show what a bundle holds. It proves the list of members, not their bytes: see verify."""
    import msgspec

    from tracefoundry.bundle.reading import Bundle

    with _file_errors(), Bundle(file) as bundle:
        shown: dict[str, Any] = msgspec.to_builtins(bundle.manifest)
        shown["members"] = len(shown["members"])
        shown["signed"] = bundle.signature() is not None
        shown["traces"] = [msgspec.to_builtins(trace) for trace in bundle.traces()]
    if as_json:
        _print_json(shown)
        return
    _print_manifest(shown)


@bundle_app.command("extract")
def extract_bundle(
    file: File,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="A new or empty folder.")
    ],
) -> None:
    """Verify a bundle and write its members as files."""
    from tracefoundry.bundle.extraction import extract

    with _file_errors():
        count = extract(file, output)
    typer.echo(f"{count:,} files in {output}")


@bundle_app.command("sign")
def sign_bundle(
    file: File,
    key: Annotated[
        Path,
        typer.Option("--key", metavar="FILE", exists=True, dir_okay=False, help="A private key."),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The signed file.")
    ],
) -> None:
    """Verify a bundle and write a signed copy; a signature that it has is replaced."""
    from tracefoundry.bundle import signing

    signing_key = _signing_key(key)
    with _file_errors():
        manifest = signing.sign_bundle(file, signing_key, output)
    typer.echo(f"{output}: root {manifest.root}, signed with {signing_key.public.key_id}")


@bundle_app.command("keygen")
def generate_key(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="The private key; PATH.pub is the public one.")
    ],
) -> None:
    """Make a pair of Ed25519 keys for signatures. Files that exist are never overwritten."""
    from tracefoundry.bundle.keys import SigningKey

    key = SigningKey.generate()
    public = path.with_name(path.name + ".pub")
    with _file_errors():
        for target, content in ((path, key.pem()), (public, key.public.pem())):
            with target.open("xb") as file:  # readable by its owner alone: the umask is 077
                file.write(content)
    typer.echo(f"{path}: keep it secret. {public}: for those who verify. Key {key.public.key_id}")


def _public_key(path: Path) -> PublicKey:
    from tracefoundry.bundle.keys import PublicKey

    with _file_errors(path):
        return PublicKey.from_pem(path.read_bytes())


def _signing_key(path: Path) -> SigningKey:
    from tracefoundry.bundle.keys import SigningKey

    with _file_errors(path):
        return SigningKey.from_pem(path.read_bytes())


def _fault(verdict: Verdict, *, demanded: bool) -> tuple[str | None, str] | None:
    """(member, reason) of what is not good; a known signature is only demanded with keys."""
    if not verdict.valid:
        return verdict.member, str(verdict.reason)
    if demanded and verdict.signature != "known_key":
        reason = "is not there: the bundle is not signed"
        if verdict.signature == "unknown_key":
            reason = "was made by none of the given keys"
        return "signature.dsse.json", reason
    return None


def _verdict_json(
    verdict: Verdict, *, valid: bool, fault: tuple[str | None, str] | None
) -> dict[str, Any]:
    import msgspec

    counts = None if verdict.manifest is None else msgspec.to_builtins(verdict.manifest.counts)
    return {
        "valid": valid,
        "member": fault[0] if fault else None,
        "reason": fault[1] if fault else None,
        "root": verdict.root,
        "signature": verdict.signature,
        "key_id": verdict.key_id,
        "viewer_is_ours": verdict.viewer_is_ours,
        "counts": counts,
    }


def _print_manifest(shown: dict[str, Any]) -> None:
    from rich.text import Text

    from tracefoundry.cli.columns import Column, print_columns
    from tracefoundry.cli.display import counted, safe, stdout_console

    counts, redaction = shown["counts"], shown["redaction"]
    console = stdout_console()
    lines = {
        "root": shown["root"],
        "made by": f"{shown['producer']['name']} {shown['producer']['version']}",
        "newest span": shown["created"],
        "holds": ", ".join(
            counted(number, what.removesuffix("s")) for what, number in counts.items()
        ),
        "redaction": f"{redaction['mode']}, policy version {redaction['policy_version']}",
        "taken out": ", ".join(f"{r['rule']} x{r['count']}" for r in redaction["report"]),
        "environment": shown["source"].get("environment", ""),
        "commit": shown["source"].get("git_commit", ""),
        "signature": "signed; check it with verify --key" if shown["signed"] else "none",
    }
    for name, value in lines.items():
        if value:
            console.print(f"{name:<12} {safe(str(value))}", markup=False, highlight=False)
    console.print()
    traces = shown["traces"]
    states = [
        ", ".join(f"{count:,} {state}" for state, count in trace["payloads"].items())
        for trace in traces
    ]
    columns = [
        Column("trace", [Text(safe(trace["trace_id"])) for trace in traces]),
        Column("project", [Text(safe(trace["project"])) for trace in traces], least=12),
        Column("status", [Text(trace["status"]) for trace in traces]),
        Column("spans", [Text(f"{trace['spans']:,}") for trace in traces], "right"),
        Column("logs", [Text(f"{trace['logs']:,}") for trace in traces], "right", rank=1),
        Column("payloads", [Text(state) for state in states], rank=1),
    ]
    print_columns(console, columns)


def _print_json(value: Any) -> None:
    import orjson

    from tracefoundry.cli.display import write_raw

    write_raw(orjson.dumps(value))


@contextlib.contextmanager
def _file_errors(path: Path | None = None) -> Iterator[None]:
    """Failures of files, bundles and keys as one line."""
    from tracefoundry.bundle.errors import BadKey, BundleError, NotABundle
    from tracefoundry.server.errors import CommandError

    try:
        yield
    except NotABundle as error:
        raise CommandError(f"not a valid bundle: {error}") from None
    except BadKey as error:
        raise CommandError(f"{path}: {error}") from None
    except (BundleError, OSError) as error:
        raise CommandError(str(error)) from None


@contextlib.contextmanager
def _progress(file: Path, *, shown: bool) -> Iterator[Any]:
    """A bar on a terminal, over inflated bytes."""
    from rich.progress import Progress

    from tracefoundry.cli.display import stderr_console

    console = stderr_console()
    if not shown or not console.is_terminal:
        yield int
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(f"verifying {file.name}", total=None)
        yield lambda size: bar.advance(task, size)
