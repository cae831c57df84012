"""Quotations found to the character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.quotes import find_quote, quotations, supporting_sentence


@pytest.mark.parametrize(
    ("quote", "text", "expected"),
    [
        ("black cat", "The black cat", (4, 13, "exact")),
        ('the "new"  plan', "So “the “new” plan” it is", (4, 18, "normalised")),
        ("pay-as-you-go", "a pay–as—you‑go plan", (2, 15, "normalised")),
        ("black cats", "The black cat", None),
        ("30 members", "20 members", None),
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


def test_quotations_are_long_enough() -> None:
    """Quotation marks around a term are not a quotation."""
    text = 'a "term" and "a whole quoted phrase"'

    assert ["a whole quoted phrase"] == [text[a:b] for a, b in quotations(text)]


def test_supporting_sentence() -> None:
    """The sentence that shares most with the claim, and how much of the claim the passage has."""
    passage = "Rain fell all day. The Danube ends in the Black Sea. Nobody knew."
    start, end, covered = supporting_sentence("The Danube reaches the Black Sea.", passage)

    assert ("The Danube ends in the Black Sea.", 3 / 4) == (passage[start:end], covered)
