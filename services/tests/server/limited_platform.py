"""``serve`` as a process of its own, with limits of a test."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platform_process import Platform, run_command, started

PROGRAM = Path(__file__).with_name("limited_process.py")


class LimitedPlatform(Platform):
    """``limits`` are fields of ``ConnectionLimits``."""

    def __init__(
        self, folder: Path, limits: dict[str, float], *, tokens: bool, hasty: bool = False
    ) -> None:
        super().__init__("serve", folder=folder)
        self.data = folder / "data"
        self._limits = limits
        self._options = ["tokens"] * tokens + ["hasty"] * hasty

    def command_line(self) -> list[str]:
        """The program beside this file."""
        limits = json.dumps(self._limits)
        return [sys.executable, str(PROGRAM), str(self.data), limits, *self._options]

    def new_token(self, role: str, name: str, *options: str) -> str:
        """Make a token in the database of this process."""
        made = run_command(
            "token", "create", "--role", role, "--name", name, "--data", str(self.data), "--json",
            *options,
        )  # fmt: skip
        found = re.search(r'"token":\s*"([^"]+)"', made.stdout)
        assert found is not None, made.stderr
        return found[1]


@contextmanager
def limited(
    folder: Path, *, tokens: bool = False, hasty: bool = False, **limits: float
) -> Iterator[LimitedPlatform]:
    """A started process with these limits; ``hasty`` answers failed logins at once."""
    platform = LimitedPlatform(folder, limits, tokens=tokens, hasty=hasty)
    with started(platform):
        yield platform
