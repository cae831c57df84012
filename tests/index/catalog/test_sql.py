"""Pieces of SQL that several tables share."""

from __future__ import annotations

import pytest

from rag.index.catalog.sql import placeholders, slices, word_count


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (900, [900]), (901, [900, 1]), (2_000, [900, 900, 200])])
def test_slices_fit_into_a_statement(count: int, sizes: list[int]) -> None:
    """All values, in order, at most 900 together."""
    parts = list(slices(range(count)))

    assert sizes == [len(part) for part in parts]
    assert list(range(count)) == [value for part in parts for value in part]


def test_one_question_mark_for_each_value() -> None:
    """None for no values."""
    assert ["", "?", "?,?,?"] == [placeholders([]), placeholders([7]), placeholders("abc")]


def test_terms_are_counted_by_their_spaces() -> None:
    """An empty string has no term."""
    assert [0, 1, 3] == [word_count(""), word_count("danub"), word_count("danub flow sea")]
