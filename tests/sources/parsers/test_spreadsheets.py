"""Spreadsheets and separated values."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rag.errors import ReadError
from rag.sources.parsers import parse
from rag.sources.parsers.spreadsheets import _formatted, _repeat_down, parse_separated
from rag.text.blocks.cells import exact_numbers, table_rows

from ...making import workbook, zipped

REPEATED = ' table:number-columns-repeated="2"'


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
    from datetime import datetime, timedelta

    cells = [12.0, 0.1 + 0.2, True, None, datetime(2024, 3, 18), datetime(2024, 3, 18, 9, 30), "x"]
    durations = [timedelta(days=1, hours=2, minutes=30), timedelta(minutes=-5, seconds=-7)]

    assert ["26:30", "-0:05:07"] == [_formatted(cell) for cell in durations]
    assert ["12", "0.3", "yes", "", "2024-03-18", "2024-03-18 09:30:00", "x"] == [_formatted(cell) for cell in cells]


def test_numbers_are_written_as_they_are_shown() -> None:
    """With percent signs, currencies and separators; a hidden sheet says so; merged cells are in each of their rows."""
    prices = {"A1": "Tea", "B1": "Price", "C1": "Share", "A2": "Assam", "B2": (1234.5, 0), "C2": (0.125, 1)}
    made = workbook(
        prices,
        {"A1": "Rate", "B1": (0.07, 1)},
        {
            "A1": "Region",
            "B1": "Q",
            "C1": "Sum",
            "A2": "North",
            "B2": "Q1",
            "C2": (5, 2),
            "A3": "",
            "B3": "Q2",
            "C3": (7, 2),
        },
        formats=['#,##0.00 "€"', "0.0%", "General"],
        hidden=[2],
        merged="A2:A3",
    )
    assert (
        "Sheet 1\nTea | Price | Share\nTea: Assam | Price: 1,234.50 € | Share: 12.5%\n\nSheet 2 (hidden sheet)\nRate | 7.0%\n\n"
        "Sheet 3\nRegion | Q | Sum\nRegion: North | Q: Q1 | Sum: 5\nRegion: North | Q: Q2 | Sum: 7"
    ) == parse(made, "tea.xlsx").documents[0].text


def test_the_names_of_sheets_are_headings() -> None:
    """Whatever they look like, and whatever follows."""
    document = parse(workbook({"A1": "date"}, {"A1": "Tea", "B1": "five"}), "x.xlsx").documents[0]

    assert ["Sheet 1", "Sheet 2"] == [document.text[b.start : b.end] for b in document.blocks if b.kind == "heading"]
    assert document.text.count("\n") == 4


def test_an_ods_file_is_read_as_it_is_shown() -> None:
    """Formats, repeated cells and rows, and merged cells, at the rows where they stand."""

    def cell(text: str, kind: str = "string", value: str = "", more: str = "") -> str:
        given = f' office:value="{value}"' if value else ""
        return f'<table:table-cell office:value-type="{kind}"{given}{more}><text:p>{text}</text:p></table:table-cell>'

    rows = "".join(
        f"<table:table-row{more}>{cells}</table:table-row>"
        for more, cells in (
            ("", cell("Region") + cell("Quarter") + cell("Growth") + cell("Sum")),
            (
                "",
                cell("North", more=' table:number-rows-spanned="2"')
                + cell("Q1")
                + cell("12.5 %", "percentage", "0.125")
                + cell("1.234,50 €", "currency", "1234.5"),
            ),
            ("", "<table:covered-table-cell/>" + cell("Q2") + cell("7 %", "percentage", "0.07", REPEATED)),
            (' table:number-rows-repeated="3"', "<table:table-cell/>"),
            ("", cell("Total") + "<table:table-cell/>" + cell("1,0", "float", "0.96")),
        )
    )
    spaces = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    content = (
        f"<office:document-content{spaces}><office:body><office:spreadsheet>"
        f'<table:table table:name="Sales">{rows}</table:table></office:spreadsheet></office:body></office:document-content>'
    )
    made = zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": content,
            "META-INF/manifest.xml": "<m/>",
        }
    )
    document = parse(made, "sales.ods").documents[0]

    assert [
        "Sales",
        "Region | Quarter | Growth | Sum",
        "Region: North | Quarter: Q1 | Growth: 12.5 % | Sum: 1.234,50 €",
        "Region: North | Quarter: Q2 | Growth: 7 % | Sum: 7 %",
        "",
        "Total | 1,0",
    ] == document.text.split("\n")
    assert document.anchors[-1].locator(0) == "sheet Sales, row 7"
    rounded = [(document.text[b.start : b.end], b.number) for b in document.blocks if b.kind == "cell"]
    assert [("1,0", "0.96")] == rounded


def test_a_damaged_workbook_is_refused() -> None:
    with pytest.raises(ReadError, match=r"workbook cannot be read|damaged"):
        parse(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2_000), "x.xls")


def test_merged_cells_are_repeated_within_bounds() -> None:
    """Overlapping cells, cells beyond the sheet and long texts cost no more than the sheet is large."""
    rows = [["North", "x" * 10_000], ["", ""], ["South", ""]]
    _repeat_down(rows, [((0, 0), (1, 0)), ((0, 1), (2, 1)), ((0, 5), (2, 5)), *[((0, 0), (10**9, 0))] * 100_000])

    assert [["North", "x" * 10_000], ["North", ""], ["South", ""]] == rows


def test_exact_numbers_of_rounded_cells_are_kept() -> None:
    cells = {"A1": "Region", "B1": "Share", "C1": "Sum", "A2": "North", "A3": "Su\u0308dwest"}
    numbers = {"B2": (0.12543, 0), "C2": (1200.25, 1), "B3": (0.875, 0), "C3": (1350.0, 1)}
    document = parse(workbook({**cells, **numbers}, formats=["0.0%", "#,##0"]), "book.xlsx").documents[0]
    found = [(document.text[b.start : b.end], b.number) for b in document.blocks if b.kind == "cell"]
    assert [("12.5%", "12.543"), ("1,200", "1200.25")] == found

    table = next(block for block in document.blocks if block.kind == "table")
    assert document.blocks.index(table) < min(n for n, b in enumerate(document.blocks) if b.kind == "cell")
    rows = list(table_rows(document.text, table, exact_numbers(document.blocks)))
    assert [[cell.quantity for cell in row[1:]] for row in rows] == [
        [(Decimal("12.543"), "%"), (Decimal("1200.25"), "")],
        [(Decimal("87.5"), "%"), (1350, "")],
    ]
