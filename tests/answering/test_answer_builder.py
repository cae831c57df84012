"""Text and citations that grow together."""

from __future__ import annotations

from rag.answering.answer_builder import AnswerBuilder, ComposedAnswer
from rag.records import Hit, Ranks

HIT = Hit(
    source="kemi.txt", title="Kemi", page=None, start=10, end=28, score=0.5, text="It rained in Kemi.", heading="Weather",
    author="", date="", ranks=Ranks(None, 0.0, None, None), document_id=3,
)  # fmt: skip


def test_nothing() -> None:
    """An empty builder composes an empty answer."""
    assert ComposedAnswer("") == AnswerBuilder().composed()


def test_words_without_a_citation() -> None:
    """Parts are separated by a space, or by what is given; the first by nothing."""
    builder = AnswerBuilder()
    builder.add("One.", before="\n")
    builder.add("Two.")
    builder.add("Three.", before="\n")

    assert ComposedAnswer("One. Two.\nThree.", notice="So it is.") == builder.composed("So it is.")


def test_citations() -> None:
    """Each has the claim's place in the text without its marker, and the cited span of the document."""
    builder = AnswerBuilder()
    builder.add("It rained in Kemi.", HIT)
    builder.add("There was rain.", HIT, (10, 19))
    composed = builder.composed()
    first, second = composed.citations

    assert "It rained in Kemi. [1] There was rain. [2]" == composed.text
    assert (1, "exact", 10, 28, "It rained in Kemi.") == (first.n, first.verdict, first.start, first.end, first.quote)
    assert (2, "supported", 10, 19, "It rained") == (second.n, second.verdict, second.start, second.end, second.quote)
    assert ["It rained in Kemi.", "There was rain."] == [
        composed.text[c.answer_start : c.answer_end] for c in composed.citations
    ]


def test_hits_are_the_cited_parts() -> None:
    """Each hit is cut to its citation; the locator is the heading unless another is given."""
    builder = AnswerBuilder()
    builder.add("Rain:", HIT, (13, 19), locator="beginning")
    builder.add("Kemi:", HIT, (23, 27))
    composed = builder.composed()

    assert [(13, 19, "rained"), (23, 27, "Kemi")] == [(hit.start, hit.end, hit.text) for hit in composed.hits]
    assert ["beginning", "Weather"] == [c.locator for c in composed.citations]
