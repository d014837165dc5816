"""Tables that fit the terminal: columns shrink, then are left out, in an order the caller decides.

rich shrinks whatever is widest, which would cut the ids that people copy. Here a column says how
narrow it may get and when it is left out. Where the output is no terminal, everything is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

GAP = 2
"""Blank cells between columns."""


@dataclass(slots=True)
class Column:
    """One column. ``least`` is its smallest width where it may shrink, else None.

    Columns of the highest ``rank`` are left out first when the terminal is too narrow; those of
    rank 0 always stay.
    """

    header: str
    cells: list[Text] = field(default_factory=list)
    justify: Literal["left", "right"] = "left"
    least: int | None = None
    rank: int = 0

    @property
    def natural(self) -> int:
        """The width that shows everything."""
        return max([len(self.header), *(cell.cell_len for cell in self.cells)])

    @property
    def smallest(self) -> int:
        """The width below which the column is not readable."""
        return self.natural if self.least is None else min(self.least, self.natural)


def fit(columns: list[Column], width: int) -> list[tuple[Column, int]]:
    """The columns that fit into ``width`` cells, with the width of each."""
    kept = list(columns)
    while len(kept) > 1 and _total([column.smallest for column in kept]) > width:
        dropped = max(kept, key=lambda column: column.rank)
        if dropped.rank == 0:
            break
        kept.remove(dropped)
    widths = [column.smallest for column in kept]
    spare = max(width - _total(widths), 0)
    # Spare cells are shared among the shrunk columns.
    while spare > 0:
        wanting = [
            (column.natural - widths[index], index)
            for index, column in enumerate(kept)
            if widths[index] < column.natural
        ]
        if not wanting:
            break
        share = max(spare // len(wanting), 1)
        for missing, index in wanting:
            given = min(missing, share, spare)
            widths[index] += given
            spare -= given
    return list(zip(kept, widths, strict=True))


def _total(widths: list[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def print_columns(console: Console, columns: list[Column]) -> None:
    """Print the columns as a table without lines; empty columns are left out."""
    shown = [
        column for column in columns if column.rank == 0 or any(cell.plain for cell in column.cells)
    ]
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="dim")
    fitted = fit(shown, console.width)
    for column, width in fitted:
        table.add_column(
            column.header, justify=column.justify, width=width, no_wrap=True, overflow="ellipsis"
        )
    for row in zip(*(column.cells for column, _ in fitted), strict=True):
        table.add_row(*row)
    console.print(table, crop=False)
