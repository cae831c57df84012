"""Rows of cells as lines of names and values."""

from __future__ import annotations

import pytest

from rag.sources.decoding.tables import is_number, spanned, table_lines


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([["Region", "2023"], ["North", "5"]], ["Region | 2023", "Region: North | 2023: 5"]),
        ([["Name", "Alice"], ["City", "Paris"]], ["Name | Alice", "City | Paris"]),  # names and values side by side
        ([["a", "b", "c"], ["x", "", "z"]], ["a | b | c", "a: x | c: z"]),
        ([["Sales 2024"], ["Item", "Sum"], ["Tea", "4"]], ["Sales 2024", "Item | Sum", "Item: Tea | Sum: 4"]),
        ([["1", "2"], ["3", "4"]], ["1 | 2", "3 | 4"]),
        ([["k", "v"], ["a", "1"], [], ["p", "q", "r"], ["b", "2", "3"]],
         ["k | v", "k: a | v: 1", "", "p | q | r", "p: b | q: 2 | r: 3"]),
        ([["Region", "2023", "", "2024", ""], ["", "H1", "H2", "H1", "H2"], ["North", "1", "2", "3", "4"]],
         ["Region | 2023 | 2024", "H1 | H2 | H1 | H2",
          "Region: North | 2023 H1: 1 | 2023 H2: 2 | 2024 H1: 3 | 2024 H2: 4"]),
        ([["Region", "2023", "2023"], ["Region", "H1", "H2"], ["North", "1", "2"]],
         ["Region | 2023 | 2023", "Region | H1 | H2", "Region: North | 2023 H1: 1 | 2023 H2: 2"]),
        ([["Item", "2023", "2024"], ["Staff", "", ""], ["Pay", "1", "2"], ["Care", "", ""], ["Pay", "3", "4"]],
         ["Item | 2023 | 2024", "Staff", "Staff | Item: Pay | 2023: 1 | 2024: 2", "Care",
          "Care | Item: Pay | 2023: 3 | 2024: 4"]),
        ([["Region", "Ware", "Sum"], ["North", "Pumps", "1"], ["", "Valves", "2"]],
         ["Region | Ware | Sum", "Region: North | Ware: Pumps | Sum: 1", "Region: North | Ware: Valves | Sum: 2"]),
        ([["Account", "DE 12"], ["Owner", "Ada"], ["Day", "Text", "Sum"], ["2024-01-03", "Rent", "-980"]],
         ["Account | DE 12", "Owner | Ada", "Day | Text | Sum", "Day: 2024-01-03 | Text: Rent | Sum: -980"]),
        ([["Name", "Sum"], ["line\nbreak", "1"]], ["Name | Sum", "Name: line break | Sum: 1"]),
    ],
)  # fmt: skip
def test_a_cell_stands_beside_the_name_of_its_column(rows: list[list[str]], expected: list[str]) -> None:
    """Where there are names, in one or several rows, below a section's label; a row is one line, an empty one too."""
    assert expected == list(table_lines(rows))


def test_a_first_row_known_to_be_names_is_taken_as_names() -> None:
    """Without the hint, two columns of words are names and values side by side."""
    rows = [["Name", "City"], ["Alice", "Paris"]]

    assert ["Name | City", "Alice | Paris"] == list(table_lines(rows))
    assert ["Name | City", "Name: Alice | City: Paris"] == list(table_lines(rows, named=True))


def test_a_row_that_begins_with_a_number_sign_is_no_heading() -> None:
    assert ["| # Shops | 7"] == list(table_lines([["# Shops", "7"]]))


@pytest.mark.parametrize("cell", ["(1,200)", "$3.5", "45 %", "2024-01-31", "-7", "1.234,5", "31/12/24"])
def test_amounts_shares_and_dates_are_numbers(cell: str) -> None:
    assert is_number(cell)


@pytest.mark.parametrize("cell", ["Q1", "", "n/a", "7 apples", "v2"])
def test_words_are_not_numbers(cell: str) -> None:
    assert not is_number(cell)


def test_long_labels_are_not_repeated() -> None:
    """Otherwise, one long cell would be copied into every row below it."""
    long = "x" * 10_000
    rows = [["Item", "2023", "2024"], [long, "", ""], *[["Pay", "1", "2"]] * 100]
    groups = [["Item", "Ware", "Sum"], [long, "Pumps", "1"], *[["", "Valves", "2"]] * 100]

    assert sum(map(len, table_lines(rows))) < 20_000
    assert sum(map(len, table_lines(groups))) < 20_000


def test_only_short_cells_are_repeated_below() -> None:
    """Otherwise, a long cell that extends into thousands of rows would be repeated in each of them."""
    assert ["North", "", ""] == [spanned(["North", "x" * 10_000], column) for column in (0, 1, 2)]
