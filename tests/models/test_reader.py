"""The shipped reader: it finds the words that answer, and tells passages that answer from others."""

from __future__ import annotations

import pytest

from rag.models import inference
from rag.models.reader import Reader

CONTEXT = "Rules of the Marlow boat club | Anna Reed | 2024-03-01"
PASSAGE = (
    "The club was founded by Anna Reed in 1962. Members pay a yearly fee of 85 pounds, students 40 pounds. The boathouse"
    " opens at seven in summer. Dogs are not allowed in the boathouse, except guide dogs."
)
OTHER = "The museum shows coins and weapons from the Roman camp. Entry is free on the first Sunday of each month."
QUESTIONS = {
    "How much is the yearly fee?": "85 pounds",
    "Who founded the club?": "Anna Reed",
    "When was it founded?": "1962",
    "what must students pay": "40 pounds",
}


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_words_that_answer(reader: Reader, question: str) -> None:
    """Exact characters of the passage, and the passage that answers is better than the one that does not."""
    halves, wholes = reader.read(question, [(CONTEXT, PASSAGE), ("", OTHER)], [0, 0], 2)
    best = {one.passage: one for one in wholes}
    span = best[0].spans[0]

    assert [0, 1] == [one.passage for one in halves]
    assert QUESTIONS[question] in PASSAGE[span.start : span.end]
    assert span.end - span.start < 40
    assert best[0].answers > best[1].answers
    assert span.margin > best[1].spans[0].margin
    assert best[0].relevance > best[1].relevance


def test_the_context_is_no_answer(reader: Reader) -> None:
    """The title says it, too, but only the passage can be quoted."""
    _, ((one),) = reader.read("What is the fee?", [("The fee is 85 pounds", PASSAGE)], [0], 1)

    assert all(0 <= span.start < span.end <= len(PASSAGE) for span in one.spans)
    assert "85 pounds" in PASSAGE[one.spans[0].start : one.spans[0].end]


def test_only_the_likely_ones_are_read_completely(reader: Reader) -> None:
    halves, wholes = reader.read(
        "How much is the yearly fee?", [("", OTHER), ("", PASSAGE), ("", OTHER + OTHER)], [0, 0, 0], 1
    )

    assert 3 == len(halves)
    assert [1] == [one.passage for one in wholes]
    assert all(not one.spans for one in halves)


def test_the_search_helps_to_choose(reader: Reader) -> None:
    """A passage that the search is much surer of is read completely instead."""
    _, wholes = reader.read("How much is the yearly fee?", [("", OTHER), ("", PASSAGE)], [0, -99], 1)

    assert [0] == [one.passage for one in wholes]


def test_company_changes_little(reader: Reader) -> None:
    """int8 activations are scaled by batch."""
    question = "Who founded the club?"
    (alone,) = reader.read(question, [("", PASSAGE)], [0], 1)[1]
    _, wholes = reader.read(question, [("", OTHER), ("", PASSAGE), ("", OTHER * 3)], [0, 0, 0], 3)
    together = next(one for one in wholes if one.passage == 1)

    assert alone.answers == pytest.approx(together.answers, abs=0.7)
    assert (alone.spans[0].start, alone.spans[0].end) == (together.spans[0].start, together.spans[0].end)


def test_long_passages_are_read_in_windows(reader: Reader) -> None:
    """The answer is found wherever it is."""
    filler = " ".join(f"In month {n} the river stood at {n * 7} centimetres near the old mill." for n in range(90))
    text = f"{filler} The treasurer of the club is Magda Olsen. {filler}"
    _, wholes = reader.read("Who is the treasurer of the club?", [("", text)], [0], 99)
    best = max(wholes, key=lambda one: one.answers + one.spans[0].margin / 2)

    assert len(wholes) > 3
    assert {0} == {one.passage for one in wholes}
    assert "Magda Olsen" == text[best.spans[0].start : best.spans[0].end]


@pytest.mark.parametrize("text", ["", " ", "…", "x" * 5_000, "字" * 900, "\0\0"])
def test_any_text_can_be_read(reader: Reader, text: str) -> None:
    halves, wholes = reader.read("Who?", [("", text)], [0], 9)

    assert halves
    assert all(0 <= span.start <= span.end <= len(text) for one in wholes for span in one.spans)


def test_the_exact_kernel_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processors without the fast exact instruction find the same words."""
    fast = Reader().read("Who founded the club?", [("", PASSAGE)], [0], 1)[1]
    monkeypatch.setattr(inference, "has_fast_kernel", lambda: False)
    exact = Reader().read("Who founded the club?", [("", PASSAGE)], [0], 1)[1]
    if abs(fast[0].answers - exact[0].answers) > 1e-3:
        pytest.skip("this processor's fast kernel is not exact; the exact one is in use")

    assert fast[0].spans[0].start == exact[0].spans[0].start
