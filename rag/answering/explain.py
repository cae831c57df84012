"""Explains why an expected passage is missing from an answer: finds the stage at which it was lost.

The question is answered as usual; then the expected passage is ranked at each stage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.answering.extractive_answer import EXTRACTION
from rag.errors import QuestionError
from rag.records import STAGES, Answer, Citation, ExpectedPlace, Explanation, Filter, Stage
from rag.retrieval.passage_ranks import PassageRank
from rag.text.quotes import find_quote
from rag.text.terms import terms

if TYPE_CHECKING:
    from rag.index.catalog import Catalog
    from rag.retrieval.passage_ranks import PassageRanks

_CANDIDATES = 100  # passages that share words with the expected text; their documents are searched first
_LAST = 10**9  # stands in for a missing rank, so that it sorts last
_MOST_PLACES = 5  # maximum number of occurrences of the expected text that are examined


@dataclass(frozen=True, slots=True)
class _Occurrence:
    document_id: int
    source: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class _Trial:
    """The answer to explain, and its searches.

    Attributes:
        allowed: Ids of the documents that match the filter; None if there is no filter.
    """

    answer: Answer
    searches: Sequence[tuple[str, int]]
    filters: Filter | None
    allowed: frozenset[int] | None

    def lets_pass(self, document_id: int) -> bool:
        return self.allowed is None or document_id in self.allowed


class Explainer:
    """Traces an expected text through all stages of answering a question from one library.

    Args:
        catalog: The catalog.
        ranks: Component that ranks passages for a question.
        threshold: Function that returns the probability below which rag declines to answer.
    """

    def __init__(
        self,
        catalog: Catalog,
        ranks: PassageRanks,
        threshold: Callable[[], float],
    ) -> None:
        self._catalog = catalog
        self._ranks = ranks
        self._threshold = threshold

    def explain(
        self, expected: str, answer: Answer, searches: Sequence[tuple[str, int]], filters: Filter | None = None
    ) -> Explanation:
        """Finds where an expected text was lost.

        Args:
            expected: Words from a document; differences in white space and quotation marks are ignored.
            answer: The answer to the question.
            searches: The searches for that answer, as (query, number of passages requested).
            filters: Filter that the searches used; None if all documents were searched.

        Raises:
            QuestionError: The expected text is empty.
        """
        if not expected.strip():
            raise QuestionError("no expected text was given", 'add: --expect "words from a document"')
        allowed = self._catalog.documents.matching(filters or Filter())
        trial = _Trial(answer, searches, filters, None if allowed is None else frozenset(allowed))
        places = [self._place(occurrence, trial) for occurrence in self._occurrences(expected)]
        places.sort(key=lambda place: (-STAGES.index(place.stage), place.rank or _LAST))
        why, hint = _reason(places[0], trial, self._threshold()) if places else self._why_not_read()
        return Explanation(
            question=answer.question,
            expected=expected,
            stage=places[0].stage if places else "not read",
            why=why,
            hint=hint,
            places=tuple(places),
            searched=tuple(searched for searched, _ in searches),
            answer=answer,
        )

    def _occurrences(self, expected: str) -> list[_Occurrence]:
        """Finds the expected text in the most likely documents or, if it is in none of them, in all other documents."""
        likely = self._catalog.passages.by_terms(list(dict.fromkeys(terms(expected))), _CANDIDATES, None)
        first = {found.document_id: found.source for found in self._catalog.passages.terms(likely)}
        others = [(id_, source) for id_, source in self._catalog.documents.live() if id_ not in first]
        for documents in (list(first.items()), others):
            found = []
            for document_id, source in documents:
                text = "".join(self._catalog.documents.text_blocks(document_id))
                if match := find_quote(expected, text):
                    start, end, _ = match
                    found.append(_Occurrence(document_id, source, start, end, text[start:end]))
                if len(found) == _MOST_PLACES:
                    break
            if found:
                return found
        return []

    def _place(self, occurrence: _Occurrence, trial: _Trial) -> ExpectedPlace:
        passages = self._catalog.passages.overlapping(occurrence.document_id, occurrence.start, occurrence.end)
        complete = [id_ for id_, start, end in passages if start <= occurrence.start and occurrence.end <= end]
        ids = complete or [id_ for id_, _, _ in passages]
        passes = trial.lets_pass(occurrence.document_id)
        best, best_id, k = self._best(ids, trial) if passes else (_UNRANKED, ids[0], 0)
        kept_id = best.folded_into or best_id
        kept = {passage.id: passage for passage in self._catalog.passages.get([best_id, kept_id])}[kept_id]
        key = (kept.document_id, kept.passage.start)
        position = next((n for n, hit in enumerate(trial.answer.hits, 1) if (hit.document_id, hit.start) == key), None)
        spread = 1 if complete else len(passages)
        page, locator = self._catalog.documents.locate(occurrence.document_id, occurrence.start)
        return ExpectedPlace(
            source=occurrence.source,
            page=page,
            locator=locator,
            start=occurrence.start,
            end=occurrence.end,
            passages=spread,
            rank=best.rank,
            dense_rank=best.dense_rank,
            lexical_rank=best.lexical_rank,
            stands_in=kept.source if kept_id != best_id else "",
            stage=_stage(occurrence, trial, best, spread, position if k else None),
            answers=trial.answer.hits[position - 1].answers if k and position else None,
        )

    def _best(self, passage_ids: Sequence[int], trial: _Trial) -> tuple[PassageRank, int, int]:
        """Returns the best-ranked passage, as (rank, passage id, number of passages that its search requested)."""
        ranked = [
            (rank, id_, k)
            for searched, k in trial.searches
            for id_, rank in self._ranks.of(passage_ids, searched, k, trial.filters).items()
        ]
        return min(ranked, key=lambda one: _order(one[0]), default=(_UNRANKED, passage_ids[0], 0))

    def _why_not_read(self) -> tuple[str, str]:
        infos = self._catalog.documents.infos()
        failed = [info.source for info in infos if info.state == "failed"]
        why = f"none of the {len(infos) - len(failed)} documents contains it"
        if failed:
            return f"{why}; {len(failed)} could not be read", "rag ls --failed lists them with the reasons"
        return why, "rag ls lists the documents; rag search finds similar text" if infos else "add documents: rag add FILE"


_UNRANKED = PassageRank(None, None, None, 0)


def _order(rank: PassageRank) -> tuple[int, int]:
    """Returns a sort key that puts the highest-ranked passage first."""
    return rank.rank or _LAST, min(rank.dense_rank or _LAST, rank.lexical_rank or _LAST)


def _stage(occurrence: _Occurrence, trial: _Trial, best: PassageRank, spread: int, position: int | None) -> Stage:
    """Returns the stage at which the text was lost; `position` is the 1-based position of its passage among the hits."""
    answer = trial.answer
    stages: tuple[tuple[Stage, bool], ...] = (
        ("cited", any(_shows(citation, occurrence) for citation in answer.citations)),
        ("filtered", not trial.lets_pass(occurrence.document_id)),
        ("not searched", not trial.searches),
        ("split", spread > 1),
        ("not found", best.rank is None),
        ("cut by k", position is None),
        ("no room", position is not None and position > answer.read),
        ("below the threshold", answer.model == EXTRACTION and not answer.citations),
    )
    return next((stage for stage, lost_here in stages if lost_here), "not cited")


def _shows(citation: Citation, occurrence: _Occurrence) -> bool:
    """Returns whether a citation shows the expected text, either this occurrence of it or the same words elsewhere."""
    if citation.source == occurrence.source and citation.start < occurrence.end and occurrence.start < citation.end:
        return True
    return find_quote(occurrence.text, citation.quote) is not None


def _reason(place: ExpectedPlace, trial: _Trial, threshold: float) -> tuple[str, str]:
    """Returns (reason, hint), as messages to show to the user."""
    was_read = "" if place.answers is None else f"it was read, and answers the question with p = {place.answers:.2f}"
    answer = trial.answer
    extracted = answer.model == EXTRACTION
    most = max((k for _, k in trial.searches), default=0)
    reasons: dict[str, tuple[str, str]] = {
        "cited": ("the answer cites it", ""),
        "filtered": ("the filter excludes its document", "ask without --source, --since, --until and --meta"),
        "not searched": (
            "the question was understood to be about the documents themselves, which needs no search",
            "ask about the subject itself, in a complete sentence",
        ),
        "split": (
            f"no passage contains all of it: it is spread over {place.passages} passages",
            "use larger passages (passage_tokens), then run: rag reindex",
        ),
        "not found": (
            "neither its wording nor its meaning is close enough to the question",
            "use words from the expected text in the question",
        ),
        "cut by k": (f"its rank is {place.rank}, but an answer uses only the best {most} passages", f"try -k {place.rank}"),
        "no room": (
            f"only the first {answer.read} passages were read, and it ranked lower",
            "a model reads all of them if they fit: use --model"
            if extracted
            else "if the model accepts more text than rag assumes, increase RAG_CONTEXT_TOKENS",
        ),
        "below the threshold": (
            f"{was_read}; the best passage has {answer.evidence:.2f}, below {threshold:.2f}".removeprefix("; "),
            "a lower RAG_EVIDENCE lets rag answer more questions, but more of the answers will be wrong",
        ),
        "not cited": (
            ", but ".join(filter(None, (was_read, "other sentences answer it better")))
            if extracted
            else f"{answer.model} was shown it but did not cite it",
            "to allow more sentences in an answer, increase RAG_SENTENCES" if extracted else "",
        ),
    }
    return reasons[place.stage]
