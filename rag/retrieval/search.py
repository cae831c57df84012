"""Finds the passages that bear on a question: by words and by meaning, each candidate scored exactly by both.

It does not answer, and it does not decide whether the documents answer at all.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.errors import EmbedderError, QuestionError
from rag.ports import Embedder
from rag.records import Filter, Hit, Ranks
from rag.retrieval import fusion
from rag.text.terms import terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.index.catalog import Catalog
    from rag.index.vector_search import VectorSearch

    _Vector = NDArray[np.float32]  # (d,)

_log = logging.getLogger(__name__)

LONGEST_QUESTION = 8_000  # code points; beyond it, it is a document
_CANDIDATES = 50  # from each half, and no fewer than are wanted; their union is scored exactly
_LOOKED_UP = 4_000  # passages that have the words looked up, counted word by word: its cost; or a hundredth of all
_READ_TOGETHER = 5_000  # vectors: 8 MB
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
        idf: Word of the question → how much it tells, in (0, 1].
        notice: What the reader must know; empty when all went well.
    """

    hits: tuple[Hit, ...]
    vector: NDArray[np.float32] | None
    idf: Mapping[str, float]
    timings_ms: Mapping[str, float]
    notice: str = ""


@dataclass(frozen=True, slots=True)
class PassageRank:
    """Where one passage stands for a question, however far behind.

    Attributes:
        dense_rank: 1-based, among all passages that were looked in; None while it has no vector.
        lexical_rank: The same by words; None when it has none of the words that were looked up.
        rank: Among the candidates, near-identical ones counted once; None when neither half made it one.
        stands_in: Id of the passage that it was folded into; its own mostly.
    """

    dense_rank: int | None
    lexical_rank: int | None
    rank: int | None
    stands_in: int


@dataclass(frozen=True, slots=True)
class _Query:
    """A question made ready: the documents to look in (None: all), its words' idf, those looked up."""

    document_ids: list[int] | None
    idf: Mapping[str, float]
    selective_terms: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A passage scored by both halves."""

    id: int
    document_id: int
    source: str
    stems: str  # joined by spaces
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
        language_notice: (question, languages of the passages found, languages the embedder was made for) → a warning for
            the user, or "".
    """

    def __init__(
        self,
        catalog: Catalog,
        dense: VectorSearch,
        embedder: Callable[[], Embedder],
        common: Sequence[str],
        language_notice: Callable[[str, Sequence[str], frozenset[str]], str],
    ) -> None:
        self._catalog = catalog
        self._dense = dense
        self._embedder = embedder
        self._unserved = language_notice
        self._prior = {stem: fusion.prior_share(rank) for rank, stem in enumerate(common, start=1)}
        # (passages when it was begun, stem → passages that have it); replaced whole, so that threads never see half.
        self._counts: tuple[int, dict[str, int]] = (0, {})

    def find(self, question: str, k: int, filters: Filter | None = None) -> Retrieval:
        """Finds the k best passages.

        Args:
            question: What is asked.
            k: Most hits wanted.
            filters: Which documents to look in; all if left out.

        Raises:
            QuestionError: It is empty or too long.
            EmbedderChangedError: The index was built with another embedder.
        """
        question = checked_question(question)
        begun = time.perf_counter()
        embedding = self._embedded(question)
        embedded = time.perf_counter()
        with self._catalog.snapshot():  # a document is seen before its change or after it, by every step
            vector, notice = self._usable(embedding)
            asked = self._asked(question, filters)
            each = max(_CANDIDATES, k)
            by_words = self._catalog.by_words(asked.selective_terms, each, asked.document_ids)
            lexical = time.perf_counter()
            by_meaning = self._near(vector, asked, each)
            dense = time.perf_counter()
            candidates = self._scored(by_words, by_meaning, vector, asked)
            hits = self._hits(candidates, k)
            notice = notice or self._unfinished() or self._badly_served(question, hits)
        ended = time.perf_counter()
        spans = {"embed": embedded - begun, "words": lexical - embedded, "meaning": dense - lexical, "fuse": ended - dense}
        timings = {name: round(seconds * 1000, 2) for name, seconds in spans.items()}
        return Retrieval(tuple(hits), vector, asked.idf, timings, notice)

    def _unfinished(self) -> str:
        """That some documents cannot be found by their meaning yet; "" when all can."""
        documents, passages = self._catalog.being_embedded()
        if not documents:
            return ""
        those = "1 document is" if documents == 1 else f"{documents:,} documents are"
        return f"{those} still being taken in: {passages:,} passages are found by their words only so far."

    def standings(
        self, question: str, k: int, passage_ids: Sequence[int], filters: Filter | None = None
    ) -> dict[int, PassageRank]:
        """Where passages stand for a question; reads every vector and every passage that has one of its words.

        Args:
            question: As it is searched for.
            k: As many hits are wanted.
            passage_ids: Of live documents that the filter lets pass.
            filters: Which documents to look in; all if left out.

        Raises:
            QuestionError: It is empty or too long.
            EmbedderChangedError: The index was built with another embedder.
        """
        question = checked_question(question)
        embedded = self._embedded(question)
        with self._catalog.snapshot():
            vector, _ = self._usable(embedded)
            asked = self._asked(question, filters)
            passages, _ = self._catalog.totals()
            by_words = self._catalog.by_words(asked.selective_terms, max(1, passages), asked.document_ids)
            lexical_ranks = {id_: rank for rank, id_ in enumerate(by_words, start=1)}
            dense_ranks = self._dense_ranks(passage_ids, vector, asked)
            each = max(_CANDIDATES, k)
            candidates = self._scored(by_words[:each], self._near(vector, asked, each), vector, asked)
        stands_in: dict[int, tuple[int, int]] = {}  # passage → (rank, id) of what it was folded into
        for rank, (kept, folded) in enumerate(_folded(candidates, len(candidates)), start=1):
            stands_in.update((candidate.id, (rank, kept.id)) for candidate in (kept, *folded))
        found = {}
        for id_ in passage_ids:
            kept_at: tuple[int | None, int] = stands_in.get(id_, (None, id_))
            found[id_] = PassageRank(dense_ranks.get(id_), lexical_ranks.get(id_), *kept_at)
        return found

    def _dense_ranks(self, passage_ids: Sequence[int], question: _Vector | None, asked: _Query) -> dict[int, int]:
        """The rank by meaning of those passages that have a vector, by an exact look at all."""
        if question is None:
            return {}
        scores = {id_: float(vector @ question) for id_, vector in self._catalog.vectors(passage_ids).items()}
        better: dict[int, list[int]] = {id_: [] for id_ in scores}
        for ids, vectors in self._all_vectors(asked.document_ids):
            for id_, score in scores.items():
                better[id_] += [ids[row] for row in (vectors @ question > score).nonzero()[0]]
        # Sums in another order round otherwise: a passage may seem nearer than itself.
        return {id_: len(set(self._catalog.live(others)) - {id_}) + 1 for id_, others in better.items()}

    def _all_vectors(self, document_ids: list[int] | None) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
        """(passage ids, vectors), some at a time, of these documents, or of all."""
        if document_ids is not None:
            for document_id in document_ids:
                ids, vectors = self._catalog.vectors_of([document_id])
                if ids:
                    yield ids, vectors
            return
        import numpy as np

        last = 0
        while rows := self._catalog.vectors_after(last, _READ_TOGETHER):
            last = rows[-1][0]
            yield [id_ for id_, _, _ in rows], np.stack([vector for _, _, vector in rows])

    def _asked(self, question: str, filters: Filter | None) -> _Query:
        document_frequency = self._document_frequency(question)
        document_ids = self._catalog.matching(filters or Filter())
        return _Query(document_ids, self._idf_of(document_frequency), self._selective_terms(document_frequency))

    def _embedded(self, question: str) -> _Vector | EmbedderError:
        try:
            vector: _Vector = self._embedder().embed([question])[0]
        except EmbedderError as error:
            return error
        return vector

    def _usable(self, embedded: _Vector | EmbedderError) -> tuple[_Vector | None, str]:
        """The question's vector if it can be compared with those that are stored, and else what to tell about it."""
        try:
            if isinstance(embedded, EmbedderError):
                raise embedded
            self._catalog.current().check(self._embedder().name)
            self._catalog.check_dimension(embedded[None])
        except EmbedderError as error:
            _log.warning("searching by words only: %s", error)
            return None, f"Searched by words only: {error}."
        return embedded, ""

    def _badly_served(self, question: str, hits: Sequence[Hit]) -> str:
        served = self._embedder().languages
        if not served:
            return ""
        languages = self._catalog.languages([hit.document_id for hit in hits])
        return self._unserved(question, [languages.get(hit.document_id, "") for hit in hits], served)

    def _document_frequency(self, question: str) -> dict[str, int]:
        """How many passages have each word of the question; nearly so for common words, which are counted now and then."""
        passages, _ = self._catalog.totals()
        counted, cache = self._counts
        if not 0.95 * counted <= passages <= 1.05 * counted:
            cache = {}
            self._counts = (passages, cache)
        asked = dict.fromkeys(terms(question))
        # Quick to count, and a new word must be found at once; common ones are as common as they were.
        cache.update(self._catalog.document_frequency([term for term in asked if cache.get(term, 0) < _ALWAYS_RARE]))
        return {term: cache[term] for term in asked}

    def _idf_of(self, document_frequency: Mapping[str, int]) -> dict[str, float]:
        passages, _ = self._catalog.totals()
        return {term: fusion.idf(max(passages, n), n, self._prior.get(term, 0.0)) for term, n in document_frequency.items()}

    def _selective_terms(self, document_frequency: Mapping[str, int]) -> list[str]:
        """The words worth looking up: the rarest, as many as can be looked up quickly, and at least one."""
        passages, _ = self._catalog.totals()
        limit = max(_ALWAYS_RARE, _COMMON * passages)
        rarest_first = sorted((n, term) for term, n in document_frequency.items() if n)
        affordable = max(_LOOKED_UP, passages // 100)
        selective_terms: list[str] = []
        total = 0
        for n, term in rarest_first:
            total += n
            if selective_terms and (n > limit or total > affordable):
                break
            selective_terms.append(term)
        return selective_terms

    def _near(self, vector: _Vector | None, asked: _Query, most: int) -> list[int]:
        """The passages nearest in meaning, nearest first."""
        if vector is None:
            return []
        if asked.document_ids is not None:
            ids, vectors = self._catalog.vectors_of(asked.document_ids)
            if not ids:
                return []
            return [ids[row] for row in (-(vectors @ vector)).argsort(kind="stable")[:most]]
        wanted = most
        while True:
            found = self._dense.nearest(vector, wanted)
            shown = self._catalog.shown([key for key, _ in found])
            # Keys of removed or not yet shown passages are among them for a while: look further.
            live = [shown[key] for key, _ in found if key in shown]
            if len(live) >= most or len(found) < wanted:
                return live[:most]
            wanted *= 4

    def _scored(
        self, by_words: Sequence[int], by_meaning: Sequence[int], vector: _Vector | None, asked: _Query
    ) -> list[_Candidate]:
        """Every candidate scored exactly by both halves, whichever found it; best first."""
        passages, words = self._catalog.totals()
        mean_length = words / passages if passages else 0.0
        ids = list(dict.fromkeys([*by_words, *by_meaning]))
        vectors = {} if vector is None else self._catalog.vectors(ids)
        scored = []
        for id_, document_id, source, stems in self._catalog.words_of(ids):
            lexical = fusion.bm25(_counts(stems, asked.idf), stems.count(" ") + 1, mean_length, asked.idf)
            dense = float(vectors[id_] @ vector) if vector is not None and id_ in vectors else None
            scored.append(_Candidate(id_, document_id, source, stems, dense, lexical, fusion.fused(dense, lexical)))
        return sorted(scored, key=lambda c: (-c.score, c.source, c.id))

    def _hits(self, candidates: Sequence[_Candidate], k: int) -> list[Hit]:
        dense_ranks = fusion.ranks([c.dense for c in candidates])
        lexical_ranks = fusion.ranks([c.lexical or None for c in candidates])
        ranks = {
            c.id: Ranks(c.dense, c.lexical, dense_rank, lexical_rank)
            for c, dense_rank, lexical_rank in zip(candidates, dense_ranks, lexical_ranks, strict=True)
        }
        folded = _folded(candidates, k)
        passages = {p.id: p for p in self._catalog.passages([c.id for c, _ in folded])}
        return [
            Hit(
                p.source, p.title, p.page, p.passage.start, p.passage.end, round(c.score, 6), p.text, p.passage.heading,
                p.author, p.date, ranks[c.id], p.document_id, _other_sources(c, others), p.locator,
            )
            for c, others in folded
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


def _counts(stems: str, asked: Iterable[str]) -> dict[str, int]:
    """How often a passage has each of some words that it has.

    Example:
        >>> _counts("buffalo buffalo bill", ["bill", "buffalo", "buff"])
        {'bill': 1, 'buffalo': 2}
    """
    apart = f" {stems.replace(' ', '  ')} "  # a space on either side of each word
    return {word: count for word in asked if (count := apart.count(f" {word} "))}


def _folded(candidates: Sequence[_Candidate], k: int) -> list[tuple[_Candidate, list[_Candidate]]]:
    """The first k, near-identical ones folded into the best of them."""
    kept: list[tuple[_Candidate, list[_Candidate]]] = []
    vocabularies: list[frozenset[str]] = []  # of those kept
    for candidate in candidates:
        words = frozenset(candidate.stems.split())
        for other, (_, folded) in zip(vocabularies, kept, strict=True):
            if _alike(words, other):
                folded.append(candidate)
                break
        else:
            if len(kept) == k:
                break
            kept.append((candidate, []))
            vocabularies.append(words)
    return kept


def _other_sources(candidate: _Candidate, folded: Sequence[_Candidate]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(other.source for other in folded if other.source != candidate.source))


def _alike(a: frozenset[str], b: frozenset[str]) -> bool:
    if min(len(a), len(b)) < _FEW_WORDS or min(len(a), len(b)) < _SAME_WORDS * max(len(a), len(b)):
        return False
    shared = len(a & b)
    if shared < _SAME_WORDS * (len(a) + len(b) - shared):
        return False
    # Different figures make different facts, however alike the words around them.
    return not any(any(c.isdigit() for c in word) for word in a ^ b)
