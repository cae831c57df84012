"""Statistics for the words in a question: document frequency, idf, and whether a word is selective enough to look up.

Counts come from the catalog. Those for frequent words are cached, because they take longest to compute and hardly change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from rag.retrieval import fusion
from rag.text.terms import terms

# The words that are looked up occur in no more passages than this, added up over the words; in a large library, in no more
# than a hundredth of all passages. This number determines the cost of a lookup.
_LOOKED_UP = 4_000
_COMMON = 0.1  # a word in more than this share of the passages is no use on its own, and costs the most
_ALWAYS_RARE = 2_000  # … unless it occurs in fewer passages than this
_STALE = 0.05  # cached counts are dropped when the number of passages changes by more than this share


class TermCounts(Protocol):
    """Counts terms; implemented by the catalog's passages."""

    def totals(self) -> tuple[int, int]:
        """Returns the number of passages and the total number of terms in them."""
        ...

    def document_frequency(self, terms: Sequence[str]) -> dict[str, int]:
        """Returns stem → number of passages that contain it."""
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
        # (number of passages at the time, stem → number of passages that contain it). Threads must never see an old number
        # with new counts, so both are replaced together.
        self._cache: tuple[int, dict[str, int]] = (0, {})

    def document_frequency(self, question: str) -> dict[str, int]:
        """Returns stem → number of passages that contain it, for a question's stems; approximate for frequent stems."""
        passages, _ = self._counts.totals()
        counted, cache = self._cache
        if abs(passages - counted) > _STALE * counted:
            cache = {}
            self._cache = (passages, cache)
        asked = dict.fromkeys(terms(question))
        # Rare words are counted every time: that is fast, and a new word must be found at once.
        cache.update(self._counts.document_frequency([term for term in asked if cache.get(term, 0) < _ALWAYS_RARE]))
        return {term: cache[term] for term in asked}

    def idf(self, document_frequency: Mapping[str, int]) -> dict[str, float]:
        """Returns stem → inverse document frequency, in (0, 1]."""
        passages, _ = self._counts.totals()
        return {term: fusion.idf(max(passages, n), n, self._prior.get(term, 0.0)) for term, n in document_frequency.items()}

    def selective_terms(self, document_frequency: Mapping[str, int]) -> list[str]:
        """Returns the stems worth looking up: the rarest, as many as can be looked up quickly, but at least one."""
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
