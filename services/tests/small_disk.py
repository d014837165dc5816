"""A real file system of a few megabytes, seen by the processes that run in its mount namespace.

The namespace, and with it the file system, ends with the process that holds it: a test that is
killed leaves no mount behind.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from platform_process import Platform, clean_environment, command_line

HOLD = 'mount -t tmpfs -o size="$1" tmpfs "$0" && echo mounted && exec sleep 600'
START_S = 120.0


class SmallDisk:
    """A mounted file system of a given size."""

    def __init__(self, folder: Path, holder: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self._holder = holder

    @property
    def seen_from_here(self) -> Path:
        """The folder as this process sees it."""
        return Path(f"/proc/{self._holder.pid}/root{self.folder}")

    def enter(self, *command: str) -> list[str]:
        """The command line of a command that sees the disk."""
        namespace = ["nsenter", "-t", str(self._holder.pid), "-U", "-m", "--preserve-credentials"]
        return [*namespace, *command]

    def run(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the product to its end."""
        return subprocess.run(
            self.enter(*command_line(*arguments)),
            env=clean_environment(environment),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def fill(self) -> None:
        """Write until no byte is left, as something else on the same disk may do."""
        with (self.seen_from_here / "filler").open("ab", buffering=0) as file:
            for size in (65_536, 4_096, 1):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)):
                        pass
        assert self.free_bytes() == 0

    def free_bytes(self) -> int:
        """What can still be written."""
        return shutil.disk_usage(self.seen_from_here).free


class PlatformOnDisk(Platform):
    """``serve`` with its data on a small disk."""

    def __init__(self, disk: SmallDisk, *, folder: Path) -> None:
        super().__init__("serve", "--data", str(disk.folder / "data"), folder=folder)
        self._disk = disk

    def command_line(self) -> list[str]:
        """What is run."""
        return self._disk.enter(*super().command_line())


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[SmallDisk]:
    """A disk of ``size`` (12m) at a folder; skips where namespaces are not allowed."""
    folder.mkdir()
    holder = subprocess.Popen(
        ["unshare", "-r", "-m", "sh", "-c", HOLD, str(folder), size],  # noqa: S607 - as PATH has it
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(holder.stdout, selectors.EVENT_READ)
            selector.select(START_S)
        if os.read(holder.stdout.fileno(), 100) != b"mounted\n":
            pytest.skip("this machine lets no process mount a file system of its own")
        yield SmallDisk(folder, holder)
    finally:
        holder.kill()
        holder.communicate()
