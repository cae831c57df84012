"""Explainer not? Finds the stage at which an expected passage was lost on its way into an answer.

It asks the question as anybody would, and then looks where the passage stands at each step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.answering.answerer import EXTRACTION
from rag.errors import QuestionError
from rag.records import STAGES, Answer, Citation, ExpectedPlace, Explanation, Filter, Stage
from rag.retrieval.search import PassageRank
from rag.text.quotes import find_quote
from rag.text.terms import terms

if TYPE_CHECKING:
    from rag.index.catalog import Catalog
    from rag.retrieval.search import Search

_CANDIDATES = 100  # passages with the words of the expected text whose documents are looked at before all others
_LAST = 10**9  # behind every rank
_SHOWN = 5  # places of the expected text that are followed


@dataclass(frozen=True, slots=True)
class _Occurrence:
    document_id: int
    source: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class _Trial:
    """What was asked and answered. `allowed` are the documents that the filter lets pass; None when it lets all pass."""

    answer: Answer
    searches: Sequence[tuple[str, int]]
    filters: Filter | None
    allowed: frozenset[int] | None

    def lets_pass(self, document_id: int) -> bool:
        return self.allowed is None or document_id in self.allowed


class Explainer:
    """Follows an expected text through one library.

    Args:
        catalog: Where documents are.
        search: Finds passages.
    """

    def __init__(self, catalog: Catalog, search: Search) -> None:
        self._catalog = catalog
        self._search = search

    def explain(
        self, expected: str, answer: Answer, searches: Sequence[tuple[str, int]], filters: Filter | None = None
    ) -> Explanation:
        """Follows it.

        Args:
            expected: Words as they stand in a document; white space and quotation marks may differ.
            answer: What the question was answered.
            searches: (What was searched for, how many passages) to answer it.
            filters: Which documents were asked; all if left out.

        Raises:
            QuestionError: Nothing is expected.
        """
        if not expected.strip():
            raise QuestionError("no expected text was given", '--expect "words as they stand in a document"')
        among = self._catalog.documents.matching(filters or Filter())
        asked = _Trial(answer, searches, filters, None if among is None else frozenset(among))
        places = [self._place(one, asked) for one in self._occurrences(expected)]
        places.sort(key=lambda place: (-STAGES.index(place.stage), place.rank or _LAST))
        why, hint = self._explained(places[0], asked) if places else self._why_not_read()
        said = tuple(what for what, _ in searches)
        return Explanation(
            question=answer.question, expected=expected, stage=places[0].stage if places else "not read", why=why,
            hint=hint, places=tuple(places), searched=said, answer=answer,
        )  # fmt: skip

    def _occurrences(self, expected: str) -> list[_Occurrence]:
        """Where the text stands: looked for where its words are first, and in all documents if it is not there."""
        likely = self._catalog.passages.by_terms(list(dict.fromkeys(terms(expected))), _CANDIDATES, None)
        first = {document_id: source for _, document_id, source, _ in self._catalog.passages.terms(likely)}
        everywhere = [(id_, source) for id_, source in self._catalog.documents.live() if id_ not in first]
        for documents in (list(first.items()), everywhere):
            found = []
            for document_id, source in documents:
                text = "".join(self._catalog.documents.text_blocks(document_id))
                if place := find_quote(expected, text):
                    found.append(_Occurrence(document_id, source, place[0], place[1], text[place[0] : place[1]]))
                if len(found) == _SHOWN:
                    break
            if found:
                return found
        return []

    def _place(self, one: _Occurrence, asked: _Trial) -> ExpectedPlace:
        over = self._catalog.passages.overlapping(one.document_id, one.start, one.end)
        whole = [id_ for id_, start, end in over if start <= one.start and one.end <= end]
        ids = whole or [id_ for id_, _, _ in over]
        best, of, k = self._best(ids, asked) if asked.lets_pass(one.document_id) else (_NOWHERE, ids[0], 0)
        stored = {passage.id: passage for passage in self._catalog.passages.get([of, best.stands_in or of])}
        kept = stored[best.stands_in or of]
        begins = (kept.document_id, kept.passage.start)
        nth = next((n for n, hit in enumerate(asked.answer.hits, 1) if (hit.document_id, hit.start) == begins), None)
        spread = 1 if whole else len(over)
        return ExpectedPlace(
            one.source, *self._catalog.documents.locate(one.document_id, one.start), one.start, one.end, spread, best.rank,
            best.dense_rank, best.lexical_rank, kept.source if kept.id != of else "",
            self._stage(one, asked, best, spread, nth if k else None),
        )  # fmt: skip

    def _best(self, passage_ids: Sequence[int], asked: _Trial) -> tuple[PassageRank, int, int]:
        """(rank, passage id, passages wanted) where one of these passages came furthest."""
        stands = [
            (standing, id_, k)
            for searched, k in asked.searches
            for id_, standing in self._search.standings(searched, k, passage_ids, asked.filters).items()
        ]
        return min(stands, key=lambda one: _order(one[0]), default=(_NOWHERE, passage_ids[0], 0))

    def _stage(self, one: _Occurrence, asked: _Trial, best: PassageRank, spread: int, nth: int | None) -> Stage:
        """Where it was lost; `nth` is its place among the hits."""
        answer = asked.answer
        unsure = answer.model == EXTRACTION and not answer.citations
        lost: tuple[tuple[Stage, bool], ...] = (
            ("cited", any(_is_of(citation, one) for citation in answer.citations)),
            ("filtered", not asked.lets_pass(one.document_id)),
            ("not searched", not asked.searches),
            ("split", spread > 1),
            ("not found", best.rank is None),
            ("cut by k", nth is None),
            ("no room", nth is not None and nth > answer.read),
            ("below the threshold", unsure),
        )
        return next((stage for stage, here in lost if here), "not cited")

    def _explained(self, place: ExpectedPlace, asked: _Trial) -> tuple[str, str]:
        """(Explainer, what may help) for people."""
        answer = asked.answer
        extracted = answer.model == EXTRACTION
        most = max((k for _, k in asked.searches), default=0)
        reasons = {
            "cited": ("the answer cites it", ""),
            "filtered": ("its document is left out by the filter", "ask without --source, --since, --until, --meta"),
            "not searched": (
                "the question is understood as one about the documents themselves, which takes no search",
                "ask for the thing itself, in a whole sentence",
            ),
            "split": (
                f"no passage holds it whole: it is spread over {place.passages}",
                "cut larger passages (passage_tokens), then: rag reindex",
            ),
            "not found": (
                "neither its words nor its meaning are near enough to the question for it to be looked at",
                "ask with words that it has",
            ),
            "cut by k": (f"it comes in place {place.rank}, and an answer rests on {most}", f"try -k {place.rank}"),
            "no room": (
                f"only the first {answer.read} passages were read, and it came later",
                "a model reads them all, if it has the room: --model" if extracted
                else "if the model takes more text than rag assumes, say so: RAG_CONTEXT_TOKENS",
            ),
            "below the threshold": (
                f"the evidence for any answer was {answer.evidence:.2f}, below the threshold",
                "a lower RAG_EVIDENCE answers more, and more of it wrongly",
            ),
            "not cited": (
                "other sentences were judged to carry the answer better" if extracted
                else f"{answer.model} had it before it, and did not cite it",
                "RAG_SENTENCES allows more sentences" if extracted else "",
            ),
        }  # fmt: skip
        return reasons[place.stage]

    def _why_not_read(self) -> tuple[str, str]:
        infos = self._catalog.documents.infos()
        failed = [info.source for info in infos if info.state == "failed"]
        why = f"it stands in none of the documents ({len(infos) - len(failed)})"
        if failed:
            return f"{why}; {len(failed)} could not be read", "rag ls --failed says which, and why"
        return why, "rag ls lists the documents, rag search finds what is like it" if infos else "rag add FILE takes one in"


_NOWHERE = PassageRank(None, None, None, 0)


def _order(standing: PassageRank) -> tuple[int, int]:
    """What comes first is furthest on its way into the answer."""
    return standing.rank or _LAST, min(standing.dense_rank or _LAST, standing.lexical_rank or _LAST)


def _is_of(citation: Citation, one: _Occurrence) -> bool:
    """Whether a citation shows the expected text, here or word for word the same elsewhere."""
    if citation.source == one.source and citation.start < one.end and one.start < citation.end:
        return True
    return find_quote(one.text, citation.quote) is not None
