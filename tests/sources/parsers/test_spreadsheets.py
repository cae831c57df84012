"""Spreadsheets and separated values."""

from __future__ import annotations

import pytest

from rag.errors import ReadError
from rag.sources.parsers import parse
from rag.sources.parsers.spreadsheets import _formatted, _repeat_down, parse_separated


def test_rows_are_counted_past_empty_ones() -> None:
    """The row that is named is the row that a parser sees."""
    made = parse(b"a,b\n1,2\n\n\n\n3,4\n", "t.csv").documents[0]
    at = made.text.index("3 | 4")
    anchor = max((m for m in made.anchors if m.start <= at), key=lambda m: m.start)

    assert "row 6" == anchor.locator(made.text.count("\n", anchor.start, at))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_detected(separator: str) -> None:
    data = "\n".join(separator.join(row) for row in (["Region", "2023"], ["North", "5"], ["South", "7"])).encode()

    assert "Region | 2023\nRegion: North | 2023: 5\nRegion: South | 2023: 7" == parse_separated(data, "t.csv").text


def test_separators_inside_cells() -> None:
    """Decimal commas and a quoted cell with every separator do not mislead the detection."""
    table = 'Name;Price;Note\nTea;1,50;"a, b; c | d"\nCake;2,75;none\n'
    assert parse_separated(table.encode(), "a.csv").text.split("\n")[1:] == [
        "Name: Tea | Price: 1,50 | Note: a, b; c | d",
        "Name: Cake | Price: 2,75 | Note: none",
    ]


def test_a_quote_that_never_ends_loses_no_words() -> None:
    assert "a | b,c d,e" == parse_separated(b'a,"\nb,c\nd,e', "t.csv").text


def test_cells_are_written_as_people_write_them() -> None:
    from datetime import datetime

    cells = [12.0, 0.1 + 0.2, True, None, datetime(2024, 3, 18), datetime(2024, 3, 18, 9, 30), "x"]

    assert ["12", "0.3", "yes", "", "2024-03-18", "2024-03-18 09:30:00", "x"] == [_formatted(cell) for cell in cells]


def test_a_damaged_workbook_is_refused() -> None:
    with pytest.raises(ReadError, match=r"workbook cannot be read|damaged"):
        parse(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2_000), "x.xls")


def test_merged_cells_are_repeated_within_bounds() -> None:
    """Overlapping cells, cells beyond the sheet and long texts cost no more than the sheet is large."""
    rows = [["North", "x" * 10_000], ["", ""], ["South", ""]]
    _repeat_down(rows, [((0, 0), (1, 0)), ((0, 1), (2, 1)), ((0, 5), (2, 5)), *[((0, 0), (10**9, 0))] * 100_000])

    assert [["North", "x" * 10_000], ["North", ""], ["South", ""]] == rows
