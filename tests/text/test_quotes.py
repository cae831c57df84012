"""Quotations found to the character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.text.quotes import find_quotation, find_quote, quotations


@pytest.mark.parametrize(
    ("quote", "text", "expected"),
    [
        ("black cat", "The black cat", (4, 13, "exact")),
        ('the "new"  plan', "So “the “new” plan” it is", (4, 18, "normalised")),
        ("pay-as-you-go", "a pay–as—you‑go plan", (2, 15, "normalised")),
        ("black cats", "The black cat", None),
        ("30 members", "20 members", None),
        ("cooperation", "co\u00adop\u200beration", (0, 13, "normalised")),
        ("", "anything", None),
    ],
)
def test_find_quote(quote: str, text: str, expected: object) -> None:
    """Exact, or but for space, quotes and dashes; never by likeness."""
    assert expected == find_quote(quote, text)


@given(st.text(max_size=80), st.data())
def test_what_stands_there_is_found(text: str, data: st.DataObject) -> None:
    """Any part of a text is found in it, and the place holds those very characters."""
    start = data.draw(st.integers(0, len(text)))
    part = text[start : data.draw(st.integers(start, len(text)))].strip()
    found = find_quote(part, text)

    assert (found is None) == (not part)
    if found:
        assert text[found[0] : found[1]] == part


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ('he said "it is so" and “that is that”.', ["it is so", "that is that"]),
        ('a 27" screen and a 24" one', []),
        ('"over\nthe line"', ["over\nthe line"]),
        ('"over a\n\nparagraph"', []),
        ("„so“ und «ainsi» 「然」是 「這樣」", ["so", "ainsi", "這樣"]),
        ('never closed: "and so on', []),
    ],
)
def test_quotations(text: str, quoted: list[str]) -> None:
    """Pairs of quotation marks, in the ways of several languages; a mark for inches is none."""
    assert quoted == [text[a:b] for a, b in quotations(text)]


@pytest.mark.parametrize(
    ("quotation", "expected"),
    [
        ("we agreed on rules", (6, 24, "exact")),
        ("we agreed on rules,", (6, 24, "normalised")),
        ("we agreed … at last", (6, 42, "normalised")),
        ("we agreed [...] at last.", (6, 42, "normalised")),
        ("... rules of trade ...", (19, 33, "normalised")),
        ("at last … we agreed", None),
        ("we agreed … for ever", None),
        ("we agree on rules", None),
        ("...", None),
        ("we … agreed … on … rules … of … trade … at … last … " * 4, None),
    ],
)
def test_quotations_as_people_write_them(quotation: str, expected: object) -> None:
    """A comma before the closing mark and dots for what was left out pass; another order or word does not."""
    assert expected == find_quotation(quotation, "There we agreed on rules of trade, at last!")
