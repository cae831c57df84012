"""Scores, computed by hand."""

from __future__ import annotations

import math

import pytest

from rag.retrieval import fusion


def test_rarity_is_between_none_and_all() -> None:
    """A word in no passage has idf 1, one in all passages nearly 0, whatever the size of the library."""
    assert fusion.idf(10, 0) == pytest.approx(1.0)
    assert fusion.idf(1_000_000, 0) == pytest.approx(1.0)
    assert fusion.idf(1_000_000, 1_000_000) < 0.01


def test_a_small_library_is_judged_with_english_at_large() -> None:
    """Five passages, three with the word, beside 200 of which 2 % have it: 7 of 205."""
    expected = math.log(1 + (205 - 7 + 0.5) / 7.5) / math.log(1 + 205.5 / 0.5)

    assert fusion.idf(5, 3, 0.02) == pytest.approx(expected)
    assert fusion.idf(5, 0, fusion.prior_share(100)) < fusion.idf(5, 0, fusion.prior_share(3000)) < fusion.idf(5, 0)


def test_bm25_by_hand() -> None:
    """One word, twice in a passage of average length: idf × 2 × 1.8 / (2 + 0.8)."""
    assert fusion.bm25({"cat": 2}, 10, 10.0, {"cat": 0.5, "dog": 1.0}) == pytest.approx(0.5 * 2 * 1.8 / 2.8)


def test_bm25_of_an_empty_library() -> None:
    """A library without words divides by nothing."""
    assert fusion.bm25({}, 0, 0.0, {"cat": 1.0}) == 0


def test_fused() -> None:
    """Scores add up; a passage without a vector is scored by its words."""
    assert fusion.fused(0.5, 1.0) == pytest.approx(0.7)
    assert fusion.fused(None, 1.0) == pytest.approx(0.2)


def test_ranks() -> None:
    """Best first, ties in order, what has no score has no rank."""
    assert [2, None, 1, 3] == fusion.ranks([0.2, None, 0.9, 0.2])
