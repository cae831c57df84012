"""Statistics of question words, by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from rag import Document, Library
from rag.retrieval.term_statistics import TermStatistics


class Counts:
    """A library of so many passages; remembers which stems were counted."""

    def __init__(self, passages: int, frequencies: dict[str, int]) -> None:
        self.passages = passages
        self.frequencies = frequencies
        self.counted: list[str] = []

    def totals(self) -> tuple[int, int]:
        return self.passages, 50 * self.passages

    def document_frequency(self, terms: Sequence[str]) -> dict[str, int]:
        self.counted += terms
        return {term: self.frequencies.get(term, 0) for term in terms}


def test_each_stem_is_counted_once() -> None:
    """Function words are dropped, repeats are one stem, an unknown word has none."""
    statistics = TermStatistics(Counts(1_000, {"bridg": 7, "open": 40}), [])

    assert {"bridg": 7, "open": 40, "zorbit": 0} == statistics.document_frequency("Is the bridge opened? Bridges, zorbit!")


def test_counts_of_frequent_words_are_cached() -> None:
    """A word in 2,000 passages or more is counted once, a rarer word for every question."""
    counts = Counts(100_000, {"bridg": 2_000, "open": 1_999})
    statistics = TermStatistics(counts, [])
    statistics.document_frequency("bridge open")
    counts.frequencies = {"bridg": 2_100, "open": 1_998}

    assert {"bridg": 2_000, "open": 1_998} == statistics.document_frequency("bridge open")
    assert ["bridg", "open", "open"] == counts.counted


def test_the_cache_is_dropped_when_the_library_grows() -> None:
    """By more than 5 % of its passages."""
    counts = Counts(100_000, {"bridg": 2_000})
    statistics = TermStatistics(counts, [])
    statistics.document_frequency("bridge")
    counts.frequencies = {"bridg": 2_500}

    counts.passages = 105_000
    assert {"bridg": 2_000} == statistics.document_frequency("bridge")
    counts.passages = 105_001
    assert {"bridg": 2_500} == statistics.document_frequency("bridge")


def test_idf() -> None:
    """Ten of 1,000 passages, with 200 of general English added, of which 6 / 61 have the most frequent stem."""
    statistics = TermStatistics(Counts(1_000, {}), ["say"])
    most = math.log(1 + 1_200.5 / 0.5)
    said = 10 + 200 * 6 / 61
    expected = {
        "bridg": math.log(1 + (1_200 - 10 + 0.5) / 10.5) / most,
        "say": math.log(1 + (1_200 - said + 0.5) / (said + 0.5)) / most,
    }

    assert expected == pytest.approx(statistics.idf({"bridg": 10, "say": 10}))
    assert 1.0 == pytest.approx(statistics.idf({"zorbit": 0})["zorbit"])


@pytest.mark.parametrize(
    ("passages", "frequencies", "expected"),
    [
        (1_000, {"open": 900, "bridg": 7, "zorbit": 0}, ["bridg", "open"]),  # a small library: all that occur, rarest first
        (100_000, {"open": 10_001, "bridg": 7}, ["bridg"]),  # in more than a tenth of the passages
        (100_000, {"open": 3_000, "bridg": 1_001, "kemi": 7}, ["kemi", "bridg"]),  # more than 4,000 passages together
        (100_000, {"open": 99_000}, ["open"]),  # one word is looked up, however frequent
        (1_000_000, {"open": 5_000, "bridg": 5_001}, ["open"]),  # in a large library a hundredth may be read
        (1_000, {"zorbit": 0}, []),
    ],
)
def test_selective_terms(passages: int, frequencies: dict[str, int], expected: list[str]) -> None:
    """The rarest words, as many as are looked up quickly."""
    assert expected == TermStatistics(Counts(passages, frequencies), []).selective_terms(frequencies)


def test_a_new_word_is_found_by_words_at_once(library: Library) -> None:
    """A word that was in no passage a moment ago."""
    library.add_documents([Document(f"Note {i} on gardens.", "N", source=f"{i}") for i in range(40)])
    library.search("zorbit")
    library.add_documents([Document("The zorbit hums.", "Z", source="z")])

    assert library.search("zorbit")[0].ranks.lexical_rank == 1
