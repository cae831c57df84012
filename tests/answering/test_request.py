"""Questions and what was found for them."""

from __future__ import annotations

import time

import pytest

from rag.answering.request import Evidence, Request, elapsed_ms
from rag.records import Filter, Hit, Ranks
from rag.retrieval.search import Retrieval


def hit(document_id: int, start: int = 0) -> Hit:
    return Hit(
        source=str(document_id), title="", page=None, start=start, end=start + 1, score=0.0, text="x", heading="",
        author="", date="", ranks=Ranks(None, 0.0, None, None), document_id=document_id,
    )  # fmt: skip


def found(*hits: Hit, notice: str = "", ms: float = 1.0) -> Retrieval:
    return Retrieval(hits, None, {}, {"embed": ms}, notice)


def test_hits_of_several_searches_take_turns() -> None:
    """The best of each, then the second of each; a passage that both found counts once, where it came first."""
    a, b, c, d, other_start = hit(1), hit(2), hit(3), hit(4), hit(1, 50)
    evidence = Evidence.of([("one", found(a, b, c)), ("two", found(d, a, other_start, b))])

    assert (a, d, b, c, other_start) == evidence.hits
    assert ["one", "two"] == [searched for searched, _ in evidence.parts]


def test_notice_and_timings_are_the_first_searches() -> None:
    """The second search of a comparison repeats them."""
    evidence = Evidence.of([("one", found(notice="By words only.", ms=2.0)), ("two", found(notice="By words only."))])

    assert ("By words only.", {"embed": 2.0}) == (evidence.notice, evidence.timings_ms)


@pytest.mark.parametrize(("standalone", "searched"), [("When?", ""), ("When was it closed?", "When was it closed?")])
def test_searched(standalone: str, searched: str) -> None:
    """Only a rewritten question is reported."""
    request = Request(
        question="When?", standalone=standalone, intent="question", k=5, filters=Filter(), history=(), started=0.0
    )

    assert searched == request.searched


def test_elapsed() -> None:
    """Milliseconds with two decimals."""
    ms = elapsed_ms(time.perf_counter() - 2)

    assert 2_000 <= ms < 3_000
    assert ms == round(ms, 2)
