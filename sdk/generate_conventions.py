"""Write the constants of both SDKs from ``conventions.toml``.

``python sdk/generate_conventions.py`` writes the files, ``--check`` only tells whether they are
current. One table keeps the two languages from naming one thing in two ways.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path

FOLDER = Path(__file__).parent
TABLE = FOLDER / "conventions.toml"
PYTHON = FOLDER / "python/tracefoundry_sdk/conventions.py"
TYPESCRIPT = FOLDER / "typescript/src/conventions.ts"
_NOTE = "Written by sdk/generate_conventions.py from sdk/conventions.toml; do not edit."

Value = str | int | float
Table = dict[str, dict[str, Value]]


def python_source(table: Table) -> str:
    """The module of constants, formatted as ruff would."""
    lines = [
        '"""Names on the wire and limits, shared with the TypeScript SDK.',
        "",
        _NOTE,
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import Final",
    ]
    for section, constants in table.items():
        lines += ["", f"# {section.replace('_', ' ')}"]
        lines += [f"{name}: Final = {_literal(value)}" for name, value in constants.items()]
    return "\n".join(lines) + "\n"


def typescript_source(table: Table) -> str:
    """The same constants as an ES module."""
    lines = ["// Names on the wire and limits, shared with the Python SDK.", f"// {_NOTE}"]
    for section, constants in table.items():
        lines += ["", f"// {section.replace('_', ' ')}"]
        lines += [f"export const {name} = {_literal(value)};" for name, value in constants.items()]
    return "\n".join(lines) + "\n"


def _literal(value: Value) -> str:
    return f'"{value}"' if isinstance(value, str) else f"{value:_}"


def generated() -> dict[Path, str]:
    """Each file that the table gives, with its text."""
    table: Table = tomllib.loads(TABLE.read_text())
    return {PYTHON: python_source(table), TYPESCRIPT: typescript_source(table)}


def main() -> int:
    """Write or check; the exit status is 1 if a checked file is not current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if stale")
    check = parser.parse_args().check
    stale = [
        path for path, text in generated().items() if not path.exists() or path.read_text() != text
    ]
    for path in stale:
        if check:
            sys.stderr.write(f"{path} is not current: run python sdk/generate_conventions.py\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(generated()[path])
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
