"""Cells of tables, and the numbers in them."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.records import Block
from rag.text.blocks import recognised
from rag.text.blocks.cells import exact_numbers, has_decimal_commas, quantity, table_rows


@pytest.mark.parametrize(
    ("words", "number", "unit"),
    [
        ("1,204", "1204", ""),
        ("1 204,5", "1204.5", ""),
        ("12,34,567.80", "1234567.80", ""),
        ("(3.5)", "-3.5", ""),
        ("-$1,200", "-1200", "$"),
        ("$(5,860)", "-5860", "$"),
        ("(14.3)%", "-14.3", "%"),
        ("US$1.2 million", "1.2", "US$ million"),
        ("CHF 40", "40", "CHF"),
        ("45 kg", "45", "kg"),
        ("−4 °C", "-4", "°C"),
        ("12.5%", "12.5", "%"),
        ("0,5 l", "0.5", "l"),
        ("1'200.50", "1200.50", ""),
    ],
)
def test_quantity(words: str, number: str, unit: str) -> None:
    found = quantity(words)
    assert found is not None
    assert (Decimal(number), unit) == found


@pytest.mark.parametrize(
    "words",
    [
        "", "HX-2040", "A4", "ISO 9001", "2nd", "2024-05-12", "12.05.2024", "10:30", "020 7946 0018", "5–7 days", "3 of 4",
        "(5", "5)", "((5))", "$(5", "about 5", "1,23,4", "5 per cent of all", "12 - 14", "9" * 200,
    ],
)  # fmt: skip
def test_no_quantity(words: str) -> None:
    assert quantity(words) is None


def test_decimal_commas_are_those_of_the_table() -> None:
    assert quantity("1.204", decimal_comma=True) == (1204, "")
    assert quantity("1,204", decimal_comma=True) == (Decimal("1.204"), "")
    assert quantity("1,204.5", decimal_comma=True) == (Decimal("1204.5"), "")
    assert not has_decimal_commas(["1,204", "3,500", "12.5"])
    assert has_decimal_commas(["1.204", "3.500", "12,5"])


TABLES = {
    "from a sheet": "Region | 2023 | 2024\nRegion: North | 2023: 1,200 | 2024: 1,350\nRegion: South | 2023: 90 | 2024: 95",
    "Markdown": "| Region | 2023 | 2024 |\n|---|---|---|\n| North | 1,200 | 1,350 |\n| South | 90 | 95 |",
    "aligned": "Region     2023     2024\nNorth     1,200    1,350\nSouth        90       95",
}


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_rows(text: str) -> None:
    (table,) = recognised(text, markdown=text.startswith("|"))
    rows: list[list[tuple[object, ...]]]
    rows = [[(cell.name, text[cell.start : cell.end], cell.quantity) for cell in row] for row in table_rows(text, table)]
    assert rows == [
        [("Region", "North", None), ("2023", "1,200", (1200, "")), ("2024", "1,350", (1350, ""))],
        [("Region", "South", None), ("2023", "90", (90, "")), ("2024", "95", (95, ""))],
    ]


PERIODS = {
    "spanning": " |  | Years Ended June 30, | \n | 2019 | 2018 | 2017\nSales | $1,200 | $(90) | $7\nCosts | 4 | 5 | 6",
    "labelled": "($ in millions) | 2019 | 2018 | 2017\nSales | $1,200 | $(90) | $7\nCosts | 4 | 5 | 6",
    "with units": " | All | All | All\n | 2019 $’000 | 2018 $’000 | 2017 $’000\nSales | $1,200 | $(90) | $7"
    "\nCosts | 4 | 5 | 6",
}


@pytest.mark.parametrize("text", PERIODS.values(), ids=PERIODS)
def test_columns_named_by_periods(text: str) -> None:
    """Over several lines, whatever the first cell is; bars without a border around them leave empty cells at the ends."""
    (table,) = [block for block in recognised(text, markdown=False) if block.kind == "table"]
    sales, costs = table_rows(text, table)

    assert ["2019", "2018", "2017"] == [re.findall(r"20\d\d", cell.name)[0] for cell in sales[1:]]
    assert [1200, -90, 7] == [cell.quantity.number for cell in sales[1:] if cell.quantity]
    assert "Costs" == text[costs[0].start : costs[0].end]


def test_a_name_spans_the_columns_up_to_the_next() -> None:
    text = " | Revenues |  | Costs | \n | 2019 | 2018 | 2019 | 2018\nNorth | 4 | 3 | 2 | 1\nSouth | 8 | 7 | 6 | 5"
    (table,) = [block for block in recognised(text, markdown=False) if block.kind == "table"]
    north, _ = table_rows(text, table)

    assert ["Revenues 2019", "Revenues 2018", "Costs 2019", "Costs 2018"] == [cell.name for cell in north[1:]]


def test_exact_numbers_take_the_place_of_rounded_ones() -> None:
    text = "Item | Share\nItem: Oak | Share: 12.5%\nItem: Ash | Share: 87.5%"
    table = Block("table", 0, len(text), level=1)
    start = text.index("12.5%")
    rows = list(table_rows(text, table, exact_numbers([table, Block("cell", start, start + 5, number="12.543")])))
    assert [row[1].quantity for row in rows] == [(Decimal("12.543"), "%"), (Decimal("87.5"), "%")]


@given(st.text(alphabet="ab1,.|: \t\n-#", max_size=120))
def test_cells_are_exact_parts_of_the_text(text: str) -> None:
    for block in recognised(text, markdown=False):
        for row in table_rows(text, block) if block.kind == "table" else ():
            for cell in row:
                words = text[cell.start : cell.end]
                assert block.start <= cell.start < cell.end <= block.end
                assert words == words.strip()
                assert "\n" not in words
