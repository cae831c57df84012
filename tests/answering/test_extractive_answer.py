"""Answers by quoting: whole answers, lists, comparisons, abstentions, and documents that change meanwhile."""

from __future__ import annotations

import pytest

from rag import Library
from rag.answering.extractive_answer import ExtractiveAnswers
from rag.answering.prompts import NOTHING_ABOUT, QUOTED_INSTEAD, QUOTED_LIST, QUOTED_SIDES, REFUSAL
from rag.answering.request import Evidence, Request
from rag.records import Filter

from ..corpus import resolved


def test_a_list_is_gathered(library: Library) -> None:
    """Sentences of several documents are quoted, and the notice says that the list may be incomplete."""
    answer = resolved(library, library.ask("List every price in euros"))

    assert QUOTED_LIST == answer.notice
    assert len({c.source for c in answer.citations}) >= 3


def test_a_comparison_shows_both_sides(library: Library) -> None:
    """Sentences about each are quoted under its name."""
    answer = resolved(library, library.ask("Compare the night ferry to Skarholm and the footbridge over the Morava"))

    assert QUOTED_SIDES == answer.notice
    assert {"ferry.txt", "bridge.txt"} == {c.source for c in answer.citations}
    assert "The night ferry to Skarholm:" in answer.text


def request(question: str, intent: str = "question") -> Request:
    return Request(
        question=question, standalone=question, intent=intent, k=5, filters=Filter(), history=(), started=0.0
    )  # fmt: skip


def found(library: Library, *searches: str) -> Evidence:
    parts = [(searched, library._search.find(searched, 5)) for searched in searches]
    intent = "comparison" if len(searches) > 1 else "question"
    return Evidence.of(parts, [library._answerer._read(request(one, intent), one, found) for one, found in parts])


def answers(library: Library, threshold: float) -> ExtractiveAnswers:
    return ExtractiveAnswers(library._catalog.documents, sentences=4, threshold=lambda: threshold)


QUESTION = "Who won the Tartu Open?"


def test_above_and_below_the_threshold(library: Library) -> None:
    """The same sentences are quoted or declined; the evidence is reported either way."""
    evidence = found(library, QUESTION)
    quoted = answers(library, 0.0).compose_once(request(QUESTION), evidence)
    declined = answers(library, 1.0).compose_once(request(QUESTION), evidence)

    assert ("answered", "extraction", "") == (quoted.status, quoted.model, quoted.notice)
    assert "Jaan Olari won the Tartu Open" in quoted.citations[0].quote
    assert ("abstained", REFUSAL, ()) == (declined.status, declined.text, declined.citations)
    assert 0 < quoted.evidence == declined.evidence < 1


def test_instead_of_a_model(library: Library) -> None:
    """The notice gives the failure; words of the documents are announced only if there are some."""
    evidence = found(library, QUESTION)
    quoted = answers(library, 0.0).compose_once(request(QUESTION), evidence, "It failed.")
    declined = answers(library, 1.0).compose_once(request(QUESTION), evidence, "It failed.")

    assert ("degraded", f"It failed. {QUOTED_INSTEAD}") == (quoted.status, quoted.notice)
    assert ("degraded", "It failed.") == (declined.status, declined.notice)


def test_a_list_needs_a_fifth_of_the_evidence(library: Library) -> None:
    """No single sentence answers "List …"."""
    evidence = found(library, "price in euros")
    confidence = answers(library, 0.0).compose_once(request("List every price", "list"), evidence).evidence
    for threshold, status in ((confidence * 4.9, "answered"), (confidence * 5.1, "abstained")):
        answer = answers(library, threshold).compose_once(request("List every price", "list"), evidence)
        assert status == answer.status


def test_one_side_without_evidence(library: Library) -> None:
    """It is named, and the other side is quoted."""
    sides = ("the night ferry to Skarholm", "the price of tea in Lisbon")
    evidence = found(library, *sides)
    lower, higher = sorted(
        answers(library, 0.0).compose_once(request(side, "question"), found(library, side)).evidence for side in sides
    )
    answer = answers(library, (lower + higher) / 2).compose_once(request("Compare them", "comparison"), evidence)

    assert answer.text.startswith("The night ferry to Skarholm: ")
    assert f"The price of tea in Lisbon: {NOTHING_ABOUT}" in answer.text
    assert {"ferry.txt"} == {c.source for c in answer.citations}


class Changing:
    """Documents that were changed when the first hits are checked, as often as `times` says."""

    def __init__(self, documents: object, times: int) -> None:
        self._documents = documents
        self.times = times

    def text(self, document_id: int, start: int, end: int) -> str:
        return "changed" if self.times > 0 else self._documents.text(document_id, start, end)


@pytest.mark.parametrize(("changes", "status"), [(0, "answered"), (2, "answered"), (9, "abstained")])
def test_documents_that_change(library: Library, changes: int, status: str) -> None:
    """It is searched again, three times at most; changed words are never quoted."""
    documents = Changing(library._catalog.documents, changes)
    extractive = ExtractiveAnswers(documents, sentences=4, threshold=lambda: 0.0)
    searches = []

    def search() -> Evidence:
        searches.append(QUESTION)
        documents.times -= 1
        return found(library, QUESTION)

    answer = extractive.compose(request(QUESTION), found(library, QUESTION), search)

    assert (status, min(changes, 3)) == (answer.status, len(searches))
