"""Statistics of the words of a question: document frequencies, idf, and the words that are selective enough to look up.

Counts come from the catalog; those of frequent words are cached, because counting them costs most and they hardly change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from rag.retrieval import fusion
from rag.text.terms import terms

_LOOKED_UP = 4_000  # passages that the looked-up words occur in, added up: the cost of a lookup; or a hundredth of all
_COMMON = 0.1  # a word in more than this share of the passages finds nothing on its own, and costs most
_ALWAYS_RARE = 2_000  # … unless it occurs in fewer passages than this
_STALE = 0.05  # share by which the number of passages may change before cached counts are dropped


class TermCounts(Protocol):
    """What counts terms: the catalog's passages."""

    def totals(self) -> tuple[int, int]:
        """Returns the number of passages, and of their terms together."""
        ...

    def document_frequency(self, terms: Sequence[str]) -> dict[str, int]:
        """Returns stem → number of passages that have it."""
        ...


class TermStatistics:
    """Statistics of question words over one library. Safe to share between threads.

    Args:
        counts: Counts terms.
        common: The most frequent stems of English, most frequent first.
    """

    def __init__(self, counts: TermCounts, common: Sequence[str]) -> None:
        self._counts = counts
        self._prior = {stem: fusion.prior_share(rank) for rank, stem in enumerate(common, start=1)}
        # (passages when it was filled, stem → passages that have it); replaced whole, so that threads never see half.
        self._cache: tuple[int, dict[str, int]] = (0, {})

    def document_frequency(self, question: str) -> dict[str, int]:
        """Returns each stem of a question → number of passages that have it; for frequent stems about so many."""
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
        """Returns the stems worth looking up: the rarest, as many as are looked up quickly, and at least one."""
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
