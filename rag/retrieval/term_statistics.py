"""Computes each question word's document frequency and idf, and decides which words are selective enough to look up.

Counts come from the catalog. Those of frequent words are cached, because they are slow to compute and hardly change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from rag.retrieval import fusion
from rag.text.terms import terms

# Limit for the sum of the looked-up words' document frequencies, which determines the cost of a lookup. In a large library,
# the limit is a hundredth of all passages instead.
_LOOKED_UP = 4_000
_COMMON = 0.1  # a word in more than this share of the passages is common: it is not looked up if a rarer one is
_ALWAYS_RARE = 2_000  # a word in at most this many passages counts as rare, even in a small library
_STALE = 0.05  # cached counts are dropped when the number of passages changes by more than this share


class TermCounts(Protocol):
    """Counts terms; implemented by the catalog's passages."""

    def totals(self) -> tuple[int, int]:
        """Returns the number of passages and the total number of terms in them."""
        ...

    def document_frequency(self, terms: Sequence[str]) -> dict[str, int]:
        """Returns, for each stem, the number of passages that contain it."""
        ...


class TermStatistics:
    """Statistics for the words in questions about one library. Safe to share between threads.

    Args:
        counts: Counts terms.
        common: The most frequent English stems, most frequent first.
    """

    def __init__(self, counts: TermCounts, common: Sequence[str]) -> None:
        self._counts = counts
        self._prior = {stem: fusion.prior_share(rank) for rank, stem in enumerate(common, start=1)}
        # (number of passages in the library when counted, number of passages that contain each stem). Threads must never
        # see an old total with new counts, so the two are replaced together.
        self._cache: tuple[int, dict[str, int]] = (0, {})

    def document_frequency(self, question: str) -> dict[str, int]:
        """Returns the number of passages that contain each stem in a question (approximate for frequent stems)."""
        passages, _ = self._counts.totals()
        counted, cache = self._cache
        if abs(passages - counted) > _STALE * counted:
            cache = {}
            self._cache = (passages, cache)
        asked = dict.fromkeys(terms(question))
        # Rare words are counted every time, because that is fast, and a newly added word must be found immediately.
        cache.update(self._counts.document_frequency([term for term in asked if cache.get(term, 0) < _ALWAYS_RARE]))
        return {term: cache[term] for term in asked}

    def idf(self, document_frequency: Mapping[str, int]) -> dict[str, float]:
        """Returns the inverse document frequency of each stem, in (0, 1]."""
        passages, _ = self._counts.totals()
        return {term: fusion.idf(max(passages, n), n, self._prior.get(term, 0.0)) for term, n in document_frequency.items()}

    def selective_terms(self, document_frequency: Mapping[str, int]) -> list[str]:
        """Returns the stems worth looking up: as many of the rarest stems as can be looked up quickly.

        At least one stem is returned, unless no passage contains any of the stems.
        """
        passages, _ = self._counts.totals()
        limit = max(_ALWAYS_RARE, _COMMON * passages)
        affordable = max(_LOOKED_UP, passages // 100)
        selective: list[str] = []
        total = 0
        for n, term in sorted((n, term) for term, n in document_frequency.items() if n):
            total += n
            if selective and (n > limit or total > affordable):
                break
            selective.append(term)
        return selective
