"""Extraction: which sentences are chosen, and what its two models see of them."""

from __future__ import annotations

import math

import pytest

from rag import Library
from rag.answering import extraction
from rag.answering.extraction import _Sentence, expected_type, extract, named_terms
from rag.records import Hit, Ranks
from rag.retrieval.search import Retrieval


def hit(text: str, document_id: int = 1, score: float = 1.0, heading: str = "") -> Hit:
    return Hit(
        source=str(document_id), title="", page=None, start=100, end=100 + len(text), score=score, text=text,
        heading=heading, author="", date="", ranks=Ranks(None, 0.0, None, None), document_id=document_id,
    )  # fmt: skip


def retrieval(idf: dict[str, float], *hits: Hit) -> Retrieval:
    return Retrieval(hits, None, idf, {})


def scored(*scores: float) -> list[_Sentence]:
    return [_Sentence(hit("x"), 0, 1, {}, score, None) for score in scores]


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [((0.8, 0.1, 0.1), 1), ((0.6, 0.2, 0.2), 2), ((0.4, 0.29, 0.2, 0.11), 3), ((0.25, 0.25, 0.25, 0.25), 3), ((1.0,), 1)],
)
def test_as_many_sentences_as_hold_the_answer(probabilities: tuple[float, ...], expected: int) -> None:
    """The best sentences whose probabilities add up to 0.7."""
    assert expected == extraction._credible_set_size(scored(*(math.log(p) for p in probabilities)))


def test_sentences_of_a_list() -> None:
    """All within 3 log-odds of the best."""
    assert 3 == extraction._count_within_margin(scored(5.0, 4.0, 2.0, 1.9))


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("When was it closed?", "when"), ("In what year did it close?", "when"), ("How many hives are there?", "number"),
        ("What percentage is sold?", "number"), ("Who met Sun Weidong?", "name"), ("Which city is meant?", "name"),
        ("Where is it?", "name"), ("Why was it closed?", "reason"), ("Is it safe?", ""),
    ],
)  # fmt: skip
def test_types_of_answers(question: str, expected: str) -> None:
    """Read off the question word."""
    assert expected == expected_type(question)


@pytest.mark.parametrize(
    ("answer_type", "sentence", "expected"),
    [
        ("when", "It closed in 1951.", 1.0), ("when", "It closed in May.", 1.0), ("when", "It has 3 doors.", 0.3),
        ("when", "It closed.", 0.0), ("number", "It has three doors.", 1.0), ("number", "It closed.", 0.0),
        ("name", "The mayor met Korhonen.", 1.0), ("name", "The mayor met Misri.", 0.0), ("name", "Korhonen came.", 0.0),
        ("reason", "It closed because it rained.", 1.0), ("reason", "It closed.", 0.0), ("", "Anything.", 0.5),
    ],
)  # fmt: skip
def test_matches_of_types(answer_type: str, sentence: str, expected: float) -> None:
    """A name counts after the first word, and if the question does not have it."""
    assert expected == extraction._answer_type_match(answer_type, sentence, {"misri"})


def test_named_terms() -> None:
    """Capitals after the first word, and figures."""
    assert {"misri", "2020", "beij"} == named_terms("Did Misri visit Beijing in 2020?")


def test_word_features() -> None:
    """Shares of idf: of the sentence, and with heading and the sentence before; scores relative to the best hit."""
    idf = {"bridg": 0.6, "kemi": 0.3, "open": 0.1}
    best = hit("The bridge is red. It opened in May.", heading="Kemi")
    other = hit("It opened.", 2, score=0.75)
    places = [(best, 0, 18), (best, 19, 36), (other, 0, 10)]
    first, second, third = extraction._word_features("When did the Kemi bridge open?", idf, places)

    assert [0.6, 0.1, 0.1] == pytest.approx([f["word_share"] for f in (first, second, third)])
    assert [0.9, 1.0, 0.1] == pytest.approx([f["context_word_share"] for f in (first, second, third)])
    assert [0.0, 0.0, -0.25] == [f["passage_score"] for f in (first, second, third)]
    assert [0.0, 1.0, 0.0] == [f["answer_type"] for f in (first, second, third)]


def test_models_and_features_have_the_same_names(library: Library) -> None:
    """Each weight has its feature."""
    question = "Who won the Tartu Open?"
    found = library._search.find(question, 5)
    read = extraction._score_sentences(question, found.idf, found.hits, library._shipped_embedder, None)

    assert read is not None
    assert extraction._SENTENCE.keys() <= read.sentences[0].features.keys()
    assert extraction._EVIDENCE.keys() <= extraction._evidence_features(question, read).keys()
    assert all(sentence.number is not None for sentence in read.sentences)


def test_extract(library: Library) -> None:
    """Exact characters of the documents, best document first, at most as many as asked for; evidence is a probability."""
    question = "Who won the Tartu Open?"
    found = library._search.find(question, 8)
    extracted = extract(question, found, library._shipped_embedder, 2)

    assert 5 == extracted.hits_read
    assert 0.5 < extracted.evidence < 1
    assert 1 <= len(extracted.chosen) <= 2
    assert "Jaan Olari won the Tartu Open" in extracted.chosen[0].quote
    for sentence in extracted.chosen:
        assert library.document(sentence.hit.source).text[sentence.start : sentence.end] == sentence.quote
    assert extracted.evidence > extract("Who is the president of Brazil?", found, library._shipped_embedder, 2).evidence


def test_a_list_reads_all_hits(library: Library) -> None:
    """And chooses more of them."""
    found = library._search.find("euros", 8)
    extracted = extract("euros", found, library._shipped_embedder, 10, is_list=True)

    assert 8 == extracted.hits_read
    assert len({sentence.hit.source for sentence in extracted.chosen}) >= 3


def test_a_reference_brings_its_sentence(library: Library) -> None:
    """A sentence that begins with "It" is quoted after the one before it, if there is room."""
    text = "The old bridge stands in Kemi. It was opened by mayor Anna Korhonen in June 1951. Trains are loud in summer."
    found = retrieval({"open": 0.5, "mayor": 0.5}, hit(text))
    question = "Which mayor opened it?"
    one, two = (extract(question, found, library._shipped_embedder, limit).chosen for limit in (1, 2))

    assert ["It was opened by mayor Anna Korhonen in June 1951."] == [s.quote for s in one]
    assert ["The old bridge stands in Kemi.", "It was opened by mayor Anna Korhonen in June 1951."] == [
        s.quote for s in two
    ]
    assert (100, 130) == (two[0].start, two[0].end)


def test_headings_are_not_answers(library: Library) -> None:
    """A heading is context of what follows; it is quoted only if there is nothing else."""
    text = "# Opening hours\n\nEight to five, daily."
    under = hit(text, heading="Opening hours")
    idf = {"open": 0.5, "hour": 0.5}
    chosen = extract("What are the opening hours?", retrieval(idf, under), library._shipped_embedder, 4).chosen
    alone = retrieval(idf, hit("# Opening hours", heading="Opening hours"))

    assert ["Eight to five, daily."] == [sentence.quote for sentence in chosen]
    assert ["# Opening hours"] == [
        sentence.quote for sentence in extract("What are the opening hours?", alone, library._shipped_embedder, 4).chosen
    ]


def test_nothing_to_extract(library: Library) -> None:
    """Without hits, or without words in them, the evidence is 0."""
    for found in (retrieval({}), retrieval({}, hit("— … —"))):
        extracted = extract("Who?", found, library._shipped_embedder, 4)
        assert ((), 0.0) == (extracted.chosen, extracted.evidence)
