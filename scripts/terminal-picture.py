"""Run a command in a terminal of a given width and write what it shows as an SVG.

.venv/bin/python scripts/terminal-picture.py docs/images/show.svg 104 -- tracefoundry show ID
"""

from __future__ import annotations

import os
import pty
import re
import shlex
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text


def shown(command: list[str], width: int) -> str:
    """What the command writes to a terminal, colours included."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(
            COLUMNS=str(width), LINES="80", TERM="xterm-256color", COLORTERM="truecolor"
        )
        os.execvp(command[0], command)  # noqa: S606 - the caller's own command, no shell
    pieces = []
    while True:
        try:
            piece = os.read(terminal, 65_536)
        except OSError:  # Linux reports the other end's close as an input/output error
            break
        if not piece:
            break
        pieces.append(piece)
    os.waitpid(pid, 0)
    return b"".join(pieces).decode().replace("\r\n", "\n")


def main() -> None:
    """Draw the picture that the arguments ask for."""
    target, width, _, *command = sys.argv[1:]
    text = shown(command, int(width))
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=int(width), file=nowhere, force_terminal=True)
        console.print(Text(f"$ {shlex.join(command)}"), style="dim")
        console.print(Text.from_ansi(text))
    picture = console.export_svg(title="TraceFoundry", font_aspect_ratio=0.61)
    # The picture must not load fonts from elsewhere; the reader's monospace font does.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    Path(target).write_text(picture.replace("Fira Code, monospace", "monospace"))


if __name__ == "__main__":
    main()
