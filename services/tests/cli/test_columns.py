"""Tables fit the terminal without cutting what people copy."""

from __future__ import annotations

import io

from rich.console import Console
from rich.text import Text

from tracefoundry.cli.columns import Column, fit, print_columns


def columns() -> list[Column]:
    """An id that must stay whole, a name that may shrink, two columns that may go."""
    return [
        Column("id", [Text("0123456789")]),
        Column("name", [Text("a rather long name")], least=6),
        Column("first to go", [Text("x")], rank=2),
        Column("next", [Text("y")], rank=1),
    ]


def widths(width: int) -> list[tuple[str, int]]:
    """The columns kept at a width of the terminal."""
    return [(column.header, cells) for column, cells in fit(columns(), width)]


def test_everything_has_its_natural_width_where_there_is_room() -> None:
    """A wide terminal does not stretch the table."""
    assert [("id", 10), ("name", 18), ("first to go", 11), ("next", 4)] == widths(200)


def test_the_flexible_column_shrinks_first() -> None:
    """All columns stay while the name can give way."""
    assert [("id", 10), ("name", 9), ("first to go", 11), ("next", 4)] == widths(40)


def test_columns_go_by_rank_when_shrinking_is_not_enough() -> None:
    """The room of the lost column is used."""
    assert [("id", 10), ("name", 8), ("next", 4)] == widths(26)
    assert [("id", 10), ("name", 8)] == widths(20)


def test_what_must_stay_stays_even_if_it_does_not_fit() -> None:
    """An id is never cut."""
    assert [("id", 10), ("name", 6)] == widths(5)


def test_a_column_without_any_value_is_left_out() -> None:
    """No empty cost column while nothing has a cost."""
    out = io.StringIO()
    console = Console(file=out, width=100)
    print_columns(console, [Column("id", [Text("1")]), Column("cost", [Text("")], rank=1)])
    assert ["id", "1"] == [line.rstrip() for line in out.getvalue().splitlines()]


def test_wide_characters_are_counted_by_cells() -> None:
    """A CJK character takes two."""
    assert 4 == Column("n", [Text("注文")]).natural
