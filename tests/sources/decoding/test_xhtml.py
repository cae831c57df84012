"""(X)HTML as text."""

from __future__ import annotations

import time

import pytest

from rag.errors import ReadError
from rag.sources.decoding.xhtml import html_tree, simplify_tables, text_of


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<h2>Bees</h2><p>Nine\n  hives.<br>On the <b>roof</b>.</p>", "## Bees\n\nNine hives.\nOn the roof."),
        ("<ul><li>one<li>two</ul>", "- one\n\n- two"),
        ("<ol><li>one<ol type=a><li>in</ol><li>two</ol>", "1. one\n\na. in\n\n2. two"),
        (
            "<ol start=4><li>four<li value=7>seven<li>eight</ol><ol><li>one</ol>",
            "4. four\n\n7. seven\n\n8. eight\n\n1. one",
        ),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("<p>x<script>y()</script>z</p>", "xz"),
        ("<table><tr><th>Name<th>Sum<tr><td>Tea<td>4</table>", "Name | Sum\nName: Tea | Sum: 4"),
        ("<div>" * 100 + "deep", "deep"),
    ],
)
def test_blocks_headings_lists_and_tables(page: str, expected: str) -> None:
    assert expected == text_of(html_tree(page))


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<p>3 × 10<sup>8</sup> m, 12 m<sup>2</sup>.</p>", "3 × 10⁸ m, 12 m²."),
        ("<p>the 4<sup>th</sup>, x<sup>-1</sup> and y<sup>2a</sup></p>", "the 4th, x⁻¹ and y^2a"),
        ('<p><b>4,200</b><sup><a href="#n3">3</a></sup> people</p>', "4,200[3] people"),
        ("<p>4,200<sup>[3]</sup> people</p>", "4,200[3] people"),
        ("<sup>1</sup> A note.", "¹ A note."),
    ],
)
def test_raised_text_changes_no_figure(page: str, expected: str) -> None:
    assert expected == text_of(html_tree(page))


@pytest.mark.parametrize("page", ["x<sup>2</sup>" * 100_000, "<sup>" * 1_000 + "2" * 100_000])
def test_much_raised_text_takes_linear_time(page: str) -> None:
    started = time.process_time()
    assert len(text_of(html_tree(page))) >= 100_000
    assert time.process_time() - started < 5


def test_elements_can_be_skipped() -> None:
    assert "text" == text_of(html_tree("<body><nav>menu</nav><p>text</p></body>"), without=["nav"])


def test_cells_that_span_rows_are_repeated() -> None:
    """Column names above each other become one."""
    root = html_tree(
        "<table><tr><th rowspan=2>Region<th colspan=2>Sales<tr><th>2023<th>2024"
        "<tr><td rowspan=2>North<td>1<td>2<tr><td>3<td>4</table>"
    )
    simplify_tables(root)

    assert [
        "Region | Sales 2023 | Sales 2024",
        "Region: North | Sales 2023: 1 | Sales 2024: 2",
        "Region: North | Sales 2023: 3 | Sales 2024: 4",
    ] == text_of(root).split("\n")


@pytest.mark.parametrize("element", ["div", "b", "font"])
def test_no_text_is_lost_at_any_depth(element: str) -> None:
    page = f"<{element}>" * 1_500 + "deepest" + f"</{element}>" * 1_500 + "<p>last"

    assert "deepest\n\nlast" == text_of(html_tree(page))


def test_elements_nested_too_deeply_to_parse_are_refused() -> None:
    with pytest.raises(ReadError, match="nested too deeply"):
        html_tree("<div>" * 5_000 + "deepest")


def test_tables_that_contain_tables_only_lay_out_the_page() -> None:
    """As in newsletters. The text stands once, and the tables inside keep their rows."""
    page = (
        "<table><tr><td>Menu<td><h2>Prices</h2><table><tr><th>fruit<th>price<tr><td>plum<td>3</table>per kilo"
        "<tr><td>foot</table>"
    )

    assert "Menu\n\n## Prices\n\nfruit | price\nfruit: plum | price: 3\n\nper kilo\n\nfoot" == text_of(html_tree(page))


def test_nested_tables_do_not_multiply_the_text() -> None:
    assert len(text_of(html_tree("<table><tr><td>x" * 600 + "word " * 1_000))) < 10_000


def test_a_page_without_elements_is_refused() -> None:
    with pytest.raises(ReadError, match="cannot be parsed"):
        html_tree(b"")
