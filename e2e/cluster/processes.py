"""Starting, watching and ending the cluster's processes, each by its process id.

A process is known by its id and its start time, so that a number the kernel has given to somebody
else since is never signalled.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.place import Place

POLL_S = 0.05


class StartFailed(Exception):
    """A part of the cluster did not come up; the message holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process that this cluster started."""

    name: str
    pid: int
    start_time: int
    """Clock ticks after boot, from /proc. With ``pid`` it identifies one process uniquely."""
    order: int
    """The position in which it was started; they are ended in reverse."""

    def alive(self) -> bool:
        """Whether it runs (a zombie does not)."""
        return _start_time(self.pid) == self.start_time


def start(
    place: Place,
    name: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    inside: int | None = None,
    pass_fds: Sequence[int] = (),
) -> Process:
    """Start a process with its own log and session.

    ``inside`` is the process whose network and mount namespaces it enters.
    """
    place.logs.mkdir(parents=True, exist_ok=True)
    place.processes.mkdir(parents=True, exist_ok=True)
    with (place.logs / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(
            [*entering(inside), *command],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/",
            env={"PATH": os.environ["PATH"], "HOME": str(place.root), **(environment or {})},
            pass_fds=tuple(pass_fds),
        )  # fmt: skip
    # It outlives this program on purpose, and is known by its id from here on.
    child.returncode = 0
    started = _start_time(child.pid)
    if started is None:
        raise StartFailed(f"{name} ended at once\n{log_end(place, name)}")
    process = Process(name, child.pid, started, len(running(place, dead=True)))
    record = {"pid": process.pid, "start_time": started, "order": process.order}
    (place.processes / name).write_text(json.dumps(record))
    return process


def entering(inside: int | None) -> list[str]:
    """The words before a command that let it run within the cluster's namespaces."""
    return [] if inside is None else ["nsenter", "-t", str(inside), "-n", "-m", "--"]


def find(place: Place, name: str) -> Process | None:
    """The process of that name, if it runs."""
    try:
        record = json.loads((place.processes / name).read_text())
    except FileNotFoundError:
        return None
    process = Process(name, record["pid"], record["start_time"], record["order"])
    return process if process.alive() else None


def running(place: Place, *, dead: bool = False) -> list[Process]:
    """All processes in the order of their start; with ``dead`` also those that ended."""
    found = []
    for path in place.processes.glob("*") if place.processes.is_dir() else ():
        record = json.loads(path.read_text())
        process = Process(path.name, record["pid"], record["start_time"], record["order"])
        if dead or process.alive():
            found.append(process)
    return sorted(found, key=lambda process: process.order)


def stop(process: Process, *, patience_s: float = 10.0) -> None:
    """Ask it to end, insist after ``patience_s``, and wait until it is gone."""
    for number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, 10.0)):
        if not process.alive():
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
        deadline = time.monotonic() + wait_s
        while process.alive() and time.monotonic() < deadline:
            time.sleep(POLL_S)
    # Only a child can be waited for; after a restart of this program it is somebody else's.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)


def wait_until(
    place: Place, process: Process, condition: Callable[[], bool], *, deadline_s: float, what: str
) -> None:
    """Wait for ``condition``; raises StartFailed when the process ends or time is up."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        if not process.alive():
            raise StartFailed(f"{process.name} ended before {what}\n{log_end(place, process.name)}")
        if time.monotonic() > deadline:
            raise StartFailed(f"no {what} in {deadline_s:.0f} s\n{log_end(place, process.name)}")
        time.sleep(POLL_S)


def log_end(place: Place, name: str, *, lines: int = 15) -> str:
    """The last lines of a process's log."""
    path = place.logs / f"{name}.log"
    if not path.exists():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def descendants(pids: set[int]) -> set[int]:
    """These processes and all that descend from them."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields is not None:
                parents[int(entry.name)] = int(fields[1])
    found = set(pids)
    grown = True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in found} - found
        found |= children
        grown = bool(children)
    return found


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the state on (the name before may hold anything)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def _start_time(pid: int) -> int | None:
    fields = _stat(pid)
    if fields is None or fields[0] in "ZX":
        return None
    return int(fields[19])
