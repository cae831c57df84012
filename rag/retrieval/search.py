"""Finds the passages that are relevant to a question, by wording and by meaning.

This module neither answers the question nor decides whether the documents answer it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.errors import QuestionError
from rag.ports import Embedder
from rag.records import Filter, Hit, Ranks
from rag.retrieval import fusion
from rag.retrieval.candidates import Candidate, Candidates, folded
from rag.text.language import language_notice

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.index.catalog import Catalog

LONGEST_QUESTION = 8_000  # code points; a longer text should be added as a document


@dataclass(frozen=True, slots=True)
class Retrieval:
    """The result of a search.

    Attributes:
        hits: The passages found, best first.
        vector: The question's vector, (d,) float32; None if the embedder failed.
        idf: Inverse document frequency of each stem in the question, in (0, 1].
        timings_ms: Time spent in each stage, milliseconds.
        notice: A warning to show to the user; empty if there were no problems.
    """

    hits: tuple[Hit, ...]
    vector: NDArray[np.float32] | None
    idf: Mapping[str, float]
    timings_ms: Mapping[str, float]
    notice: str = ""


class Search:
    """Searches one library. Safe to share between threads.

    Args:
        catalog: The catalog.
        candidates: Collects and scores candidates.
        embedder: Function that returns the embedder.
        common: The most frequent English stems.
    """

    def __init__(
        self,
        catalog: Catalog,
        candidates: Candidates,
        embedder: Callable[[], Embedder],
        common: frozenset[str],
    ) -> None:
        self._catalog = catalog
        self._candidates = candidates
        self._embedder = embedder
        self._common = common

    def find(self, question: str, k: int, filters: Filter | None = None) -> Retrieval:
        """Finds the k best passages.

        Args:
            question: The question.
            k: Number of hits requested.
            filters: Which documents to search; defaults to all.

        Raises:
            QuestionError: The question is empty or too long.
            EmbedderChangedError: The index was built with another embedder.
        """
        question = checked_question(question)
        started = time.perf_counter()
        embedding = self._candidates.embed(question)
        embedded = time.perf_counter()
        with self._catalog.snapshot():  # if a document changes, all steps see the same version of it
            query = self._candidates.query(question, embedding, filters)
            by_terms = self._candidates.by_terms(query, k)
            lexical = time.perf_counter()
            nearest = self._candidates.nearest(query, k)
            dense = time.perf_counter()
            hits = self._hits(self._candidates.scored(query, by_terms, nearest), k)
            notice = query.notice or self._unfinished() or self._language_notice(question, hits)
        ended = time.perf_counter()
        spans = {
            "embed": embedded - started,
            "words": lexical - embedded,
            "meaning": dense - lexical,
            "fuse": ended - dense,
        }
        timings = {name: round(seconds * 1000, 2) for name, seconds in spans.items()}
        return Retrieval(tuple(hits), query.vector, query.idf, timings, notice)

    def _unfinished(self) -> str:
        """Returns a notice if some documents cannot be found by meaning yet; otherwise, ""."""
        documents, passages = self._catalog.documents.waiting()
        if not documents:
            return ""
        those = "1 document is" if documents == 1 else f"{documents:,} documents are"
        return f"{those} still being indexed (passages left: {passages:,}). For now, search by meaning is incomplete."

    def _language_notice(self, question: str, hits: Sequence[Hit]) -> str:
        served = self._embedder().languages
        if not served:
            return ""
        languages = self._catalog.documents.languages([hit.document_id for hit in hits])
        return language_notice(question, [languages.get(hit.document_id, "") for hit in hits], served, self._common)

    def _hits(self, candidates: Sequence[Candidate], k: int) -> list[Hit]:
        dense_ranks = fusion.ranks([c.dense for c in candidates])
        lexical_ranks = fusion.ranks([c.lexical or None for c in candidates])
        ranks = {
            c.id: Ranks(c.dense, c.lexical, dense_rank, lexical_rank)
            for c, dense_rank, lexical_rank in zip(candidates, dense_ranks, lexical_ranks, strict=True)
        }
        kept = folded(candidates, k)
        passages = {p.id: p for p in self._catalog.passages.get([c.id for c, _ in kept])}
        return [
            Hit(
                source=p.source,
                title=p.title,
                page=p.page,
                start=p.passage.start,
                end=p.passage.end,
                score=round(c.score, 6),
                text=p.text,
                heading=p.passage.heading,
                author=p.author,
                date=p.date,
                ranks=ranks[c.id],
                document_id=p.document_id,
                also_in=tuple(dict.fromkeys(other.source for other in duplicates if other.source != c.source)),
                locator=p.locator,
            )
            for c, duplicates in kept
            if (p := passages.get(c.id))
        ]


def checked_question(question: str) -> str:
    """Returns the question with invalid characters replaced and surrounding white space removed, ready for a search.

    Raises:
        QuestionError: The question is empty or too long.
    """
    # Input that a terminal could not decode arrives as lone surrogates, which no database or model accepts.
    question = question.encode("utf-8", "replace").decode().strip()
    if not question or not question.strip("\0 \t\n"):
        raise QuestionError("the question is empty", 'ask something, for example: rag ask "What is in these documents?"')
    if len(question) > LONGEST_QUESTION:
        raise QuestionError(
            f"the question has {len(question):,} characters; the limit is {LONGEST_QUESTION:,}",
            "to ask about a long text, add it as a document: rag add FILE",
        )
    return question
