"""Collects candidates for a question: passages found by wording or by meaning, with exact scores for each criterion."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.errors import EmbedderError
from rag.ports import Embedder
from rag.records import Filter
from rag.retrieval import fusion
from rag.retrieval.term_statistics import TermStatistics

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.index.catalog import Catalog
    from rag.index.vector_search import VectorSearch

    Vector = NDArray[np.float32]  # (d,)

_log = logging.getLogger(__name__)

_EACH = 50  # candidates to find by wording, and as many by meaning; more if more hits are requested
_SAME_WORDS = 0.9  # passages whose words have at least this Jaccard similarity count as one
_FEW_WORDS = 5  # passages with fewer words than this are never treated as near-identical


@dataclass(frozen=True, slots=True)
class Query:
    """A question prepared for searching.

    Attributes:
        vector: The question's vector, (d,) float32; None if it cannot be compared with the stored vectors.
        notice: A message to show to the user if the question has no vector; otherwise, empty.
        document_ids: Ids of the documents to search; None for all documents.
        idf: Inverse document frequency of each stem in the question, in (0, 1].
        selective_terms: Stems used to find passages by wording.
    """

    vector: Vector | None
    notice: str
    document_ids: list[int] | None
    idf: Mapping[str, float]
    selective_terms: Sequence[str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage with its scores for wording and for meaning.

    Attributes:
        terms: The passage's stems, separated by spaces.
        dense: Cosine similarity with the question; None if the passage or the question has no vector.
        lexical: BM25 score.
        score: Combined score; higher is better.
    """

    id: int
    document_id: int
    source: str
    terms: str
    dense: float | None
    lexical: float
    score: float


class Candidates:
    """Collects and scores candidates in one library. Safe to share between threads.

    Args:
        catalog: The catalog.
        vector_search: Finds the passages nearest to a vector.
        embedder: Function that returns the embedder; called only when a question needs it.
        statistics: Provides statistics about the words in questions.
    """

    def __init__(
        self,
        catalog: Catalog,
        vector_search: VectorSearch,
        embedder: Callable[[], Embedder],
        statistics: TermStatistics,
    ) -> None:
        self._catalog = catalog
        self._vector_search = vector_search
        self._embedder = embedder
        self._statistics = statistics

    def embed(self, question: str) -> Vector | EmbedderError:
        """Returns a question's vector, (d,) float32, or the error if embedding fails.

        The error is not raised, because a search by wording still works.
        """
        try:
            vector: Vector = self._embedder().embed([question])[0]
        except EmbedderError as error:
            return error
        return vector

    def query(self, question: str, embedded: Vector | EmbedderError, filters: Filter | None) -> Query:
        """Prepares a question for searching. The caller must hold a snapshot of the catalog.

        Raises:
            EmbedderChangedError: The index was built with another embedder.
        """
        vector, notice = self._usable(embedded)
        frequency = self._statistics.document_frequency(question)
        return Query(
            vector=vector,
            notice=notice,
            document_ids=self._catalog.documents.matching(filters or Filter()),
            idf=self._statistics.idf(frequency),
            selective_terms=self._statistics.selective_terms(frequency),
        )

    def by_terms(self, query: Query, k: int) -> list[int]:
        """Returns the ids of the passages that SQLite's full-text search (FTS5) ranks highest."""
        return self._catalog.passages.by_terms(query.selective_terms, max(_EACH, k), query.document_ids)

    def nearest(self, query: Query, k: int) -> list[int]:
        """Returns the ids of the passages nearest in meaning, nearest first."""
        limit, vector = max(_EACH, k), query.vector
        if vector is None:
            return []
        if query.document_ids is not None:
            ids, vectors = self._catalog.vectors.of_documents(query.document_ids)
            return [ids[row] for row in (-(vectors @ vector)).argsort(kind="stable")[:limit]] if ids else []
        asked_for = limit
        while True:
            found = self._vector_search.nearest(vector, asked_for)
            visible = self._catalog.passages.visible_keys([key for key, _ in found])
            # Some keys may belong to passages that were removed or are not visible yet. If too few remain, get more.
            passages = [visible[key] for key, _ in found if key in visible]
            if len(passages) >= limit or len(found) < asked_for:
                return passages[:limit]
            asked_for *= 4

    def scored(self, query: Query, by_terms: Sequence[int], nearest: Sequence[int]) -> list[Candidate]:
        """Computes exact scores for all passages found by wording or by meaning; returns the passages best first."""
        passages, words = self._catalog.passages.totals()
        mean_length = words / passages if passages else 0.0
        ids = list(dict.fromkeys([*by_terms, *nearest]))
        vectors = {} if query.vector is None else self._catalog.vectors.of_passages(ids)
        candidates = []
        for found in self._catalog.passages.terms(ids):
            length = found.terms.count(" ") + 1
            lexical = fusion.bm25(_counts(found.terms, query.idf), length, mean_length, query.idf)
            dense = None
            if query.vector is not None and found.id in vectors:
                dense = float(vectors[found.id] @ query.vector)
            candidates.append(
                Candidate(
                    id=found.id,
                    document_id=found.document_id,
                    source=found.source,
                    terms=found.terms,
                    dense=dense,
                    lexical=lexical,
                    score=fusion.fused(dense, lexical),
                )
            )
        return sorted(candidates, key=lambda c: (-c.score, c.source, c.id))

    def _usable(self, embedded: Vector | EmbedderError) -> tuple[Vector | None, str]:
        """Returns (vector, "") if the question's vector can be compared with the stored vectors, else (None, reason)."""
        try:
            if isinstance(embedded, EmbedderError):
                raise embedded
            self._catalog.versions.current().check(self._embedder().name)
            self._catalog.vectors.check_dimension(embedded[None])
        except EmbedderError as error:
            _log.warning("searching by wording only: %s", error)
            return None, f"Searched by wording only: {error}."
        return embedded, ""


def folded(candidates: Sequence[Candidate], k: int) -> list[tuple[Candidate, list[Candidate]]]:
    """Returns the first k distinct candidates, each with the near-identical candidates that were merged into it."""
    kept: list[tuple[Candidate, list[Candidate]]] = []
    vocabularies: list[frozenset[str]] = []  # the stems of each kept candidate
    for candidate in candidates:
        words = frozenset(candidate.terms.split())
        for other, (_, duplicates) in zip(vocabularies, kept, strict=True):
            if _is_near_identical(words, other):
                duplicates.append(candidate)
                break
        else:
            if len(kept) == k:
                break
            kept.append((candidate, []))
            vocabularies.append(words)
    return kept


def _counts(terms: str, asked: Iterable[str]) -> dict[str, int]:
    """Returns how often each given stem occurs in a passage, leaving out stems that do not occur.

    Example:
        >>> _counts("buffalo buffalo bill", ["bill", "buffalo", "buff"])
        {'bill': 1, 'buffalo': 2}
    """
    apart = f" {terms.replace(' ', '  ')} "  # a space on either side of each stem
    return {term: count for term in asked if (count := apart.count(f" {term} "))}


def _is_near_identical(a: frozenset[str], b: frozenset[str]) -> bool:
    if min(len(a), len(b)) < _FEW_WORDS or min(len(a), len(b)) < _SAME_WORDS * max(len(a), len(b)):
        return False
    shared = len(a & b)
    if shared < _SAME_WORDS * (len(a) + len(b) - shared):
        return False
    # Passages with different numbers state different facts, however similar their other words are.
    return not any(any(c.isdigit() for c in word) for word in a ^ b)
