"""Finds the passages that bear on a question: by words and by meaning, each candidate scored exactly by both.

It does not answer, and it does not decide whether the documents answer at all.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag import fuse
from rag.errors import EmbedderError, QuestionError
from rag.ports import Embedder
from rag.records import Filter, Hit, Ranks
from rag.terms import terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.catalog import Catalog
    from rag.dense import Dense

_log = logging.getLogger(__name__)

LONGEST_QUESTION = 8_000  # code points; beyond it, it is a document
_CANDIDATES = 100  # from each half; their union is scored exactly
_COMMON = 0.1  # a word that more than this share of the passages has finds nothing by itself, and costs most
_ALWAYS_RARE = 2_000  # … unless it is in fewer passages than this
_SAME_WORDS = 0.9  # share of words two passages have in common (Jaccard) from which they are one for the reader
_FEW_WORDS = 5  # below it, sharing words says nothing


@dataclass(frozen=True, slots=True)
class Retrieval:
    """What was found for a question.

    Attributes:
        hits: Best first.
        vector: The question's, (d,) float32; None when the embedder failed.
        rarities: Word of the question → how much it tells, in (0, 1].
        notice: What the reader must know; empty when all went well.
    """

    hits: tuple[Hit, ...]
    vector: NDArray[np.float32] | None
    rarities: Mapping[str, float]
    timings_ms: Mapping[str, float]
    notice: str = ""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A passage scored by both halves."""

    id: int
    document_id: int
    source: str
    words: Counter[str]
    dense: float | None
    lexical: float
    score: float


class Search:
    """Searches one catalog. Safe to share between threads.

    Args:
        catalog: Where documents are.
        dense: Finds passages near a vector.
        embedder: Returns the embedder; called when a question needs it.
        common: The commonest stems of English, commonest first.
    """

    def __init__(self, catalog: Catalog, dense: Dense, embedder: Callable[[], Embedder], common: Sequence[str]) -> None:
        self._catalog = catalog
        self._dense = dense
        self._embedder = embedder
        self._usual = {stem: fuse.usual_share(rank) for rank, stem in enumerate(common, start=1)}
        # (passages when it was begun, stem → passages that have it); replaced whole, so that threads never see half.
        self._counts: tuple[int, dict[str, int]] = (0, {})

    def __call__(self, question: str, k: int, wanted: Filter | None = None) -> Retrieval:
        """Finds the k best passages.

        Args:
            question: What is asked.
            k: Most hits wanted.
            wanted: Which documents to look in; all if left out.

        Raises:
            QuestionError: It is empty or too long.
            EmbedderChangedError: The index was built with another embedder.
        """
        question = checked_question(question)
        begun = time.perf_counter()
        vector, notice = self._embedded(question)
        embedded = time.perf_counter()
        with self._catalog.snapshot():  # a document is seen before its change or after it, by every step
            if vector is not None:  # the edition may have been switched since this process looked last
                self._catalog.current().check(self._embedder().name)
            document_ids = self._catalog.matching(wanted or Filter())
            having = self._having(question)
            rarities = self._rarities(having)
            by_words = self._catalog.by_words(self._telling(having), _CANDIDATES, document_ids)
            lexical = time.perf_counter()
            by_meaning = [] if vector is None else self._near(vector, document_ids)
            dense = time.perf_counter()
            candidates = self._scored(list(dict.fromkeys([*by_words, *by_meaning])), vector, rarities)
            hits = self._hits(candidates, k)
        ended = time.perf_counter()
        spans = {"embed": embedded - begun, "words": lexical - embedded, "meaning": dense - lexical, "fuse": ended - dense}
        timings = {name: round(seconds * 1000, 2) for name, seconds in spans.items()}
        return Retrieval(tuple(hits), vector, rarities, timings, notice)

    def _embedded(self, question: str) -> tuple[NDArray[np.float32] | None, str]:
        try:
            return self._embedder().embed([question])[0], ""
        except EmbedderError as error:
            _log.warning("searching by words only: %s", error)
            return None, f"Searched by words only: {error}."

    def _having(self, question: str) -> dict[str, int]:
        """How many passages have each word of the question; nearly so for common words, which are counted now and then."""
        passages, _ = self._catalog.totals()
        counted, cache = self._counts
        if not 0.95 * counted <= passages <= 1.05 * counted:
            cache = {}
            self._counts = (passages, cache)
        found = {}
        for term in dict.fromkeys(terms(question)):
            count = cache.get(term, 0)
            if count < _ALWAYS_RARE:  # quick to count, and a new word must be found at once
                count = self._catalog.having(term)
                cache[term] = count
            found[term] = count
        return found

    def _rarities(self, having: Mapping[str, int]) -> dict[str, float]:
        passages, _ = self._catalog.totals()
        return {term: fuse.rarity(max(passages, n), n, self._usual.get(term, 0.0)) for term, n in having.items()}

    def _telling(self, having: Mapping[str, int]) -> list[str]:
        """The words worth looking up: those that are not common; the rarest one if all are."""
        passages, _ = self._catalog.totals()
        limit = max(_ALWAYS_RARE, _COMMON * passages)
        there = {term: n for term, n in having.items() if n}
        return [term for term, n in there.items() if n <= limit] or sorted(there, key=lambda term: there[term])[:1]

    def _near(self, vector: NDArray[np.float32], document_ids: list[int] | None) -> list[int]:
        if document_ids is not None:
            ids, vectors = self._catalog.vectors_of(document_ids)
            if not ids or vectors.shape[1] != len(vector):
                return []
            return [ids[row] for row in (-(vectors @ vector)).argsort(kind="stable")[:_CANDIDATES]]
        wanted = _CANDIDATES
        while True:
            found = self._dense.nearest(vector, wanted)
            known = self._catalog.ids_of_keys([key for key, _ in found])
            # Keys of removed or not yet shown passages are among them for a while: look further.
            live = self._catalog.live([known[key] for key, _ in found if key in known])
            if len(live) >= _CANDIDATES or len(found) < wanted:
                return live[:_CANDIDATES]
            wanted *= 4

    def _scored(
        self, ids: Sequence[int], vector: NDArray[np.float32] | None, rarities: Mapping[str, float]
    ) -> list[_Candidate]:
        """Every candidate scored exactly by both halves, whichever found it; best first."""
        passages, words = self._catalog.totals()
        mean_length = words / passages if passages else 0.0
        vectors = {} if vector is None else self._catalog.vectors(ids)
        scored = []
        for id_, document_id, source, stems in self._catalog.words_of(ids):
            counts = Counter(stems.split())
            dense = float(vectors[id_] @ vector) if vector is not None and id_ in vectors else None
            lexical = fuse.bm25(counts, counts.total(), mean_length, rarities)
            scored.append(_Candidate(id_, document_id, source, counts, dense, lexical, fuse.fused(dense, lexical)))
        return sorted(scored, key=lambda c: (-c.score, c.source, c.id))

    def _hits(self, candidates: Sequence[_Candidate], k: int) -> list[Hit]:
        dense_ranks = fuse.ranks([c.dense for c in candidates])
        lexical_ranks = fuse.ranks([c.lexical or None for c in candidates])
        ranks = {
            c.id: Ranks(c.dense, c.lexical, dense_rank, lexical_rank)
            for c, dense_rank, lexical_rank in zip(candidates, dense_ranks, lexical_ranks, strict=True)
        }
        folded = _folded(candidates, k)
        passages = {p.id: p for p in self._catalog.passages([c.id for c, _ in folded])}
        return [
            Hit(
                p.source, p.title, p.page, p.passage.start, p.passage.end, round(c.score, 6), p.text, p.passage.heading,
                p.author, p.date, ranks[c.id], p.document_id, also_in,
            )
            for c, also_in in folded
            if (p := passages.get(c.id))
        ]  # fmt: skip


def checked_question(question: str) -> str:
    """The question as it is searched for.

    Raises:
        QuestionError: It is empty or too long.
    """
    # What a terminal could not decode arrives as lone surrogates, which no store or model takes.
    question = question.encode("utf-8", "replace").decode().strip()
    if not question or not question.strip("\0 \t\n"):
        raise QuestionError("the question is empty", 'ask one: rag ask "What is in these documents?"')
    if len(question) > LONGEST_QUESTION:
        raise QuestionError(
            f"the question has {len(question):,} characters, more than the {LONGEST_QUESTION:,} allowed",
            "ask about a long text by adding it as a document: rag add FILE",
        )
    return question


def _folded(candidates: Sequence[_Candidate], k: int) -> list[tuple[_Candidate, tuple[str, ...]]]:
    """The first k, near-identical ones folded into the best of them, with the other sources they stand in."""
    kept: list[tuple[_Candidate, list[str]]] = []
    for candidate in candidates:
        for other, also_in in kept:
            if _alike(candidate.words, other.words):
                if candidate.source != other.source and candidate.source not in also_in:
                    also_in.append(candidate.source)
                break
        else:
            if len(kept) == k:
                break
            kept.append((candidate, []))
    return [(candidate, tuple(also_in)) for candidate, also_in in kept]


def _alike(a: Counter[str], b: Counter[str]) -> bool:
    if min(len(a), len(b)) < _FEW_WORDS or min(len(a), len(b)) < _SAME_WORDS * max(len(a), len(b)):
        return False
    shared = len(a.keys() & b.keys())
    # Different figures make different facts, however alike the words around them.
    figures_differ = any(any(c.isdigit() for c in word) for word in a.keys() ^ b.keys())
    return not figures_differ and shared >= _SAME_WORDS * (len(a) + len(b) - shared)
