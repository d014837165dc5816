"""The memory of a process, by what the kernel says: its peak is what a container is killed for."""

from __future__ import annotations

import re
from pathlib import Path


def peak_resident_bytes(pid: int) -> int:
    """The most memory that a process ever had."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert match is not None
    return int(match[1]) * 1024
