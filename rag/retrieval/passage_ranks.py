"""Determines the exact ranks of given passages for a question, even if they are low. Used by `rag why`.

This is slower than a search, because it reads every vector and every passage that contains a word from the question.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.records import Filter
from rag.retrieval.candidates import Candidates, Query, folded
from rag.retrieval.search import checked_question

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.index.catalog import Catalog

_READ_TOGETHER = 5_000  # vectors in a batch, about 8 MB


@dataclass(frozen=True, slots=True)
class PassageRank:
    """The ranks of one passage for a question.

    Attributes:
        dense_rank: 1-based rank by meaning among all passages that match the filter; None if the passage has no vector.
        lexical_rank: 1-based rank by wording among the same passages; None if it contains no word that was looked up.
        rank: 1-based rank among the candidates, where near-identical passages count as one; None if the passage is not
            a candidate.
        folded_into: Id of the near-identical passage that this one was merged with; its own id if it was not merged.
    """

    dense_rank: int | None
    lexical_rank: int | None
    rank: int | None
    folded_into: int


class PassageRanks:
    """Ranks passages in one library.

    Args:
        catalog: The catalog.
        candidates: Collects and scores candidates.
    """

    def __init__(self, catalog: Catalog, candidates: Candidates) -> None:
        self._catalog = catalog
        self._candidates = candidates

    def of(
        self, passage_ids: Sequence[int], question: str, k: int, filters: Filter | None = None
    ) -> dict[int, PassageRank]:
        """Returns the ranks of each passage, keyed by passage id.

        Args:
            passage_ids: Passages in current documents that match the filter.
            question: The question; a follow-up question must already be rewritten to stand alone.
            k: Number of hits requested.
            filters: Which documents to search; defaults to all.

        Raises:
            QuestionError: The question is empty or too long.
            EmbedderChangedError: The index was built with another embedder.
        """
        question = checked_question(question)
        embedded = self._candidates.embed(question)
        with self._catalog.snapshot():
            query = self._candidates.query(question, embedded, filters)
            passages, _ = self._catalog.passages.totals()
            by_terms = self._catalog.passages.by_terms(query.selective_terms, max(1, passages), query.document_ids)
            lexical_ranks = {id_: rank for rank, id_ in enumerate(by_terms, start=1)}
            dense_ranks = self._dense_ranks(passage_ids, query)
            first = self._candidates.by_terms(query, k)
            candidates = self._candidates.scored(query, first, self._candidates.nearest(query, k))
        ranks: dict[int, tuple[int, int]] = {}  # by passage id: (rank, id) of the passage that it was merged with
        for rank, (kept, duplicates) in enumerate(folded(candidates, len(candidates)), start=1):
            ranks.update((candidate.id, (rank, kept.id)) for candidate in (kept, *duplicates))
        found = {}
        for id_ in passage_ids:
            rank_and_kept: tuple[int | None, int] = ranks.get(id_, (None, id_))
            found[id_] = PassageRank(dense_ranks.get(id_), lexical_ranks.get(id_), *rank_and_kept)
        return found

    def _dense_ranks(self, passage_ids: Sequence[int], query: Query) -> dict[int, int]:
        """Returns the rank by meaning of each passage that has a vector, keyed by passage id.

        Reads the vectors of all documents that the query searches.
        """
        if query.vector is None:
            return {}
        vectors_of = self._catalog.vectors.of_passages(passage_ids)
        scores = {id_: float(vector @ query.vector) for id_, vector in vectors_of.items()}
        better: dict[int, list[int]] = {id_: [] for id_ in scores}
        for ids, vectors in self._all_vectors(query.document_ids):
            for id_, score in scores.items():
                better[id_] += [ids[row] for row in (vectors @ query.vector > score).nonzero()[0]]
        # subtle: adding numbers in a different order changes the rounding, so a passage may seem to rank above itself.
        return {id_: len(set(self._catalog.passages.visible(others)) - {id_}) + 1 for id_, others in better.items()}

    def _all_vectors(self, document_ids: list[int] | None) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
        """Yields (passage ids, vectors) in batches, for the given documents or, if None is given, for all documents."""
        if document_ids is not None:
            for document_id in document_ids:
                ids, vectors = self._catalog.vectors.of_documents([document_id])
                if ids:
                    yield ids, vectors
            return
        import numpy as np

        last = 0
        while rows := self._catalog.vectors.after(last, _READ_TOGETHER):
            last = rows[-1][0]
            yield [id_ for id_, _, _ in rows], np.stack([vector for _, _, vector in rows])
