"""The HTML report of a re-run."""

from __future__ import annotations

from html.parser import HTMLParser

from tracefoundry.replay.report_page import report_page
from tracefoundry.schemas.replay import RerunCall, RerunReport


class Elements(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: list[str] = []
        self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "td":
            self.cells.append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.cells[-1] += data


def test_misses_stand_first_with_their_diff() -> None:
    report = RerunReport(
        exit_status=1,
        matched=1,
        missed=1,
        guards=["sockets"],
        calls=[
            RerunCall(kind="tool", name="search", outcome="matched", how="by call id"),
            RerunCall(
                kind="tool",
                name="pay",
                agent_path=["triage", "billing"],
                outcome="missed",
                message="no record has these arguments",
                diff="- 1\n+ 2",
            ),
        ],
    )
    page = report_page(report, title="incident-42.zip")
    assert "did not pass" in page
    assert Elements(page).cells == [
        "missed",
        "tool pay",
        "triage > billing",
        "no record has these arguments- 1\n+ 2",
        "matched",
        "tool search",
        "",
        "by call id",
    ]


def test_what_comes_from_the_trace_is_never_markup_and_the_page_runs_nothing() -> None:
    evil = "<script>alert(1)</script>"
    call = RerunCall(kind=evil, name=evil, agent_path=[evil], outcome="missed", how=evil, diff=evil)
    report = RerunReport(ok=True, guards=[evil], command=[evil], notes=[evil], calls=[call])
    page = report_page(report, title=evil)
    assert "script" not in Elements(page).tags
    assert "default-src 'none'" in page
    assert Elements(page).cells[1] == f"{evil} {evil}"
