"""The JSON output of answers, where it differs from the records."""

from __future__ import annotations

from rag.answering.verification.citation_trace import CitationTrace, SavedCitation
from rag.records import Answer, Citation, Hit, Ranks, SearchResult
from rag.schemas.answers import CitationJSON, ask_json, hit_json, search_json, verify_json
from rag.schemas.contract import to_json

HIT = Hit(
    source="a.txt",
    title="A",
    page=None,
    start=0,
    end=4,
    score=0.5,
    text="Text",
    heading="",
    author="",
    date="",
    ranks=Ranks(dense=0.25, lexical=0, dense_rank=1, lexical_rank=None),
    document_id=7,
    also_in=("b.txt",),
    locator="line 1",
)
CITATION = Citation(
    n=1,
    source="a.txt",
    title="A",
    locator="line 1",
    page=None,
    start=0,
    end=4,
    quote="Text",
    verdict="exact",
    answer_start=0,
    answer_end=8,
    document_id=7,
    content_hash="c0",
    short_start=0,
    short_end=2,
)
HIT_JSON = {
    "source": "a.txt", "title": "A", "page": None, "start": 0, "end": 4, "score": 0.5, "text": "Text", "heading": "",
    "author": "", "date": "", "also_in": ["b.txt"], "locator": "line 1", "dense": 0.25, "lexical": 0, "dense_rank": 1,
    "lexical_rank": None,
    "answers": None,
    "short_start": None,
    "short_end": None,
}  # fmt: skip
CITATION_JSON = {
    "n": 1, "source": "a.txt", "title": "A", "locator": "line 1", "page": None, "start": 0, "end": 4, "quote": "Text",
    "verdict": "exact", "answer_start": 0, "answer_end": 8, "content_hash": "c0",
    "short_start": 0, "short_end": 2,
}  # fmt: skip


def test_hit() -> None:
    """A hit's ranks become fields of the hit itself, and the document id is left out."""
    assert list(HIT_JSON.items()) == list(hit_json(HIT).items())


def test_citation() -> None:
    """A citation's document id is left out."""
    assert list(CITATION_JSON.items()) == list(to_json(CitationJSON, CITATION).items())


def test_answer() -> None:
    """The answer's text is called `answer`, and the order of the fields is that of the first release."""
    answer = Answer(
        question="Q?",
        text="Text [1]",
        status="answered",
        citations=(CITATION,),
        flags=(),
        hits=(HIT,),
        evidence=0.5,
        model="extraction",
        timings_ms={"total": 1.5},
        read=1,
        short="Te",
    )

    assert list(ask_json(answer).items()) == [
        ("schema_version", 1), ("question", "Q?"), ("searched", ""), ("answer", "Text [1]"), ("status", "answered"),
        ("model", "extraction"), ("evidence", 0.5), ("notice", ""), ("citations", [CITATION_JSON]), ("flags", []),
        ("hits", [HIT_JSON]), ("read", 1), ("timings_ms", {"total": 1.5}), ("usage", {}), ("short", "Te"),
    ]  # fmt: skip


def test_search() -> None:
    """The search result includes the question."""
    found = search_json("Q?", SearchResult(hits=(HIT,), timings_ms={}, notice="n"))

    assert {"schema_version": 1, "question": "Q?", "notice": "n", "hits": [HIT_JSON], "timings_ms": {}} == found


def test_verify() -> None:
    """The result shows the cited text and the text that is there now."""
    saved = SavedCitation(n=1, source="a.txt", start=0, end=4, quote="Text", content_hash="")
    trace = CitationTrace("changed", 2, 6, "Test")

    assert verify_json("Q?", [(saved, trace)])["citations"] == [
        {"n": 1, "source": "a.txt", "state": "changed", "start": 2, "end": 6, "was": "Text", "now": "Test"}
    ]
