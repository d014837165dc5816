"""The report of a re-run as one HTML page, to be opened from a disk or attached to a ticket.

It is a file of its own: no script, no request, light and dark by the reader's setting. What comes
from the trace or the agent is escaped, and the policy of the page forbids everything but its style.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Iterable
from html import escape
from typing import Final

from tracefoundry.schemas.replay import RerunCall, RerunReport

_STYLE: Final = """
:root { color-scheme: light dark;
  --line: #d0d4da; --bad: #b3261e; --good: #1b6e3c; --dim: #5c6470; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3a404a; --bad: #ff8a80; --good: #7bd88f; --dim: #9aa3af; }
}
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: .25rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem; text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }
.missed, .diverged, .blocked { color: var(--bad); font-weight: 600; }
.matched { color: var(--good); }
.unused, .allowed, .dim { color: var(--dim); }
pre { margin: .4rem 0 0; padding: .5rem; border: 1px solid var(--line); overflow-x: auto;
  font: 13px/1.4 ui-monospace, monospace; white-space: pre-wrap; }
"""


def report_page(report: RerunReport, *, title: str) -> str:
    """The page of a report. ``title`` says what was run, such as the bundle's file name."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'"
    verdict, outcome = ("passed", "matched") if report.ok else ("did not pass", "missed")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Re-run: {escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Re-run of {escape(title)}: <span class="{outcome}">{verdict}</span></h1>
<p>{report.matched:,} matched, {report.missed:,} missed, {report.diverged:,} diverged,
{report.allowed:,} allowed, {report.unused:,} unused. {_ending(report)}</p>
{_list("Guards", report.guards, "No guard was active.")}
{_list("Notes", report.notes, "")}
<h2>Calls</h2>
<table>
<thead><tr><th>Outcome</th><th>Call</th><th>Agents</th><th>How</th></tr></thead>
<tbody>
{"".join(map(_row, _worst_first(report.calls)))}</tbody>
</table>
</body>
</html>
"""


def _ending(report: RerunReport) -> str:
    command = f"<code>{escape(shlex.join(report.command))}</code>"
    if report.exit_status is None:
        return f"{command} did not start."
    return f"{command} ended with status {report.exit_status}."


def _list(heading: str, items: Iterable[str], empty: str) -> str:
    lines = "".join(f"<li>{escape(item)}</li>" for item in items)
    if not lines:
        return f"<h2>{heading}</h2><p>{empty}</p>" if empty else ""
    return f"<h2>{heading}</h2><ul>{lines}</ul>"


def _worst_first(calls: Iterable[RerunCall]) -> list[RerunCall]:
    order = ("blocked", "missed", "diverged", "allowed", "matched", "unused")
    return sorted(calls, key=lambda call: order.index(call.outcome))


def _row(call: RerunCall) -> str:
    diff = f"<pre>{escape(call.diff)}</pre>" if call.diff else ""
    return (
        f'<tr><td class="{call.outcome}">{call.outcome}</td>'
        f"<td>{escape(call.kind)} <bdi>{escape(call.name)}</bdi></td>"
        f'<td class="dim">{escape(" > ".join(call.agent_path))}</td>'
        f"<td>{escape(call.how or call.message or '')}{diff}</td></tr>\n"
    )
