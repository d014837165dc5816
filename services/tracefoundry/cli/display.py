"""How things are shown: safe text, human figures, and the two consoles.

Anyone who may send spans can write trace data, and a terminal executes the control sequences that
it is sent. So every text from the API passes :func:`safe` before it is printed, and no console
reads markup.
"""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, tzinfo

import msgspec
from rich.console import Console
from rich.text import Text

UNCUT_WIDTH = 100_000
"""Width for output that does not go to a terminal: nothing is folded or cut."""

# C0 and C1 controls, DEL, the line separators, lone surrogates, and the characters that turn the
# direction of what follows them.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def safe(text: str) -> str:
    """Text that a terminal only shows: control characters become visible pictures or escapes."""
    return _UNSAFE.sub(_visible, text)


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    return f"\\u{code:04x}"


def stdout_console() -> Console:
    """Where answers go."""
    return _console(stderr=False)


def stderr_console() -> Console:
    """Where hints, progress and errors go."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = UNCUT_WIDTH
    return console


def write_raw(body: bytes) -> None:
    """An answer of the API on stdout, byte for byte, and a newline."""
    sys.stdout.flush()
    sys.stdout.buffer.write(body + b"\n")
    sys.stdout.buffer.flush()


def print_answer(answer: msgspec.Struct) -> None:
    """An answer that was made here, as the API would send it."""
    write_raw(msgspec.json.encode(answer))


def unicode_output() -> bool:
    """True when stdout can show the glyphs of bars and trees."""
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
    return encoding.replace("-", "").startswith("utf")


def counted(number: int, noun: str) -> str:
    """A number and its noun, in the plural where it is not one."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def human_duration(ns: int) -> str:
    """A duration to three digits or so: ``480µs``, ``350ms``, ``1.24s``, ``2m03s``, ``1h05m``."""
    if ns < 1_000:
        return f"{ns}ns" if ns else "0s"
    if ns < 999_500:
        return f"{round(ns / 1_000)}µs"
    if ns < 9_950_000:
        return f"{ns / 1_000_000:.1f}ms"
    if ns < 999_500_000:
        return f"{round(ns / 1_000_000)}ms"
    if ns < 9_995_000_000:
        return f"{ns / 1_000_000_000:.2f}s"
    if ns < 59_950_000_000:
        return f"{ns / 1_000_000_000:.1f}s"
    seconds = round(ns / 1_000_000_000)
    if seconds < 3_600:
        return f"{seconds // 60}m{seconds % 60:02d}s"
    minutes = round(seconds / 60)
    if minutes < 48 * 60:
        return f"{minutes // 60}h{minutes % 60:02d}m"
    hours = round(minutes / 60)
    return f"{hours // 24}d{hours % 24:02d}h"


def human_count(count: int | None) -> str:
    """A count: exact below 10,000, then ``12.3k``, ``4.56M``; empty when unknown."""
    if count is None:
        return ""
    if count < 10_000:
        return f"{count:,}"
    if count < 999_950:
        return f"{count / 1_000:.1f}k"
    if count < 999_995_000:
        return f"{count / 1_000_000:.2f}M"
    return f"{count / 1_000_000_000:.2f}G"


def human_cost(cost_usd: float | None) -> str:
    """A cost in US dollars, with enough digits to tell small ones apart; empty when unknown."""
    if cost_usd is None:
        return ""
    return f"${cost_usd:.2f}" if cost_usd >= 1 or cost_usd == 0 else f"${cost_usd:.4f}"


def human_time(ns: int, *, now_ns: int, zone: tzinfo | None = None) -> str:
    """A local time of day, with the date in front unless it is today's."""
    moment = _moment(ns)
    if moment is None:
        return str(ns)
    local = moment.astimezone(zone)
    today = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC).astimezone(zone)
    if local.date() == today.date():
        return f"{local:%H:%M:%S}"
    if local.year == today.year:
        return f"{local:%b %d %H:%M}"
    return f"{local:%Y-%m-%d}"


def exact_time(ns: int) -> str:
    """RFC 3339 in UTC with milliseconds."""
    moment = _moment(ns)
    if moment is None:
        return str(ns)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ns // 1_000_000 % 1000:03d}Z"


def window(start_ns: int, end_ns: int, *, now_ns: int) -> str:
    """The time that an answer covers, as far as it has bounds in the past."""
    since = f" since {exact_time(start_ns)}" if start_ns else ""
    return since + (f" until {exact_time(end_ns)}" if end_ns <= now_ns else "")


def _moment(ns: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(ns // 1_000_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


STATUS_STYLES = {"ok": "green", "error": "bold red", "unset": "dim", "running": "cyan"}
_STATUS_GLYPHS = {"ok": "✓", "error": "✗", "unset": "·", "running": "▸"}


def status_mark(status: str, *, glyphs: bool) -> Text:
    """A status as one coloured glyph, or as its word where glyphs cannot be shown."""
    shown = _STATUS_GLYPHS.get(status, "?") if glyphs else status
    return Text(safe(shown), style=STATUS_STYLES.get(status, ""))


def joined(parts: list[str], *, separator: str = " · ") -> str:
    """The parts that are not empty, in one line."""
    if not unicode_output():
        separator = " | "
    return separator.join(part for part in parts if part)
