"""Extraction: which of the sentences that the reader found are chosen, and what is quoted with them."""

from __future__ import annotations

import math

import pytest

from rag.answering.extraction import extract
from rag.answering.reading import ReadHit, Reading
from rag.ports import Span
from rag.records import Hit, Ranks


def hit(text: str, document_id: int = 1, start: int = 100) -> Hit:
    return Hit(
        source=str(document_id), title="", page=None, start=start, end=start + len(text), score=1.0, text=text,
        heading="", author="", date="", ranks=Ranks(None, 0.0, None, None), document_id=document_id,
    )  # fmt: skip


def read(found: Hit, *words: tuple[str, float]) -> ReadHit:
    """A hit in which words answer, each with its margin."""
    spans = [Span(at := found.start + found.text.index(one), at + len(one), margin) for one, margin in words]
    return ReadHit(found, 0.0, tuple(spans))


SENTENCES = ("One is red.", "Two is blue.", "Three is green.", "Four is grey.")


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [((0.9, 0.05, 0.05), 1), ((0.6, 0.25, 0.15), 2), ((0.4, 0.3, 0.2, 0.1), 3), ((0.25, 0.25, 0.25, 0.25), 4), ((1.0,), 1)],
)
def test_as_many_sentences_as_hold_the_answer(probabilities: tuple[float, ...], expected: int) -> None:
    """The best sentences whose probabilities add up to 0.8."""
    words = [(one.split()[2], 2 * math.log(p) / 0.7) for one, p in zip(SENTENCES, probabilities, strict=False)]
    found = extract(Reading((), (read(hit(" ".join(SENTENCES)), *words),), 0.9), 4)

    assert list(SENTENCES[:expected]) == [one.quote for one in found.chosen]
    assert ("red.", 0.9) == (found.short, found.evidence)


def test_a_list_has_all_that_are_nearly_as_good() -> None:
    """And leaves out what is much less likely."""
    words = [("One", 0.0), ("Two", -4.0), ("Three", -5.9), ("Four", -6.1)]
    reading = Reading((), (read(hit(" ".join(SENTENCES)), *words),), 0.9)

    assert list(SENTENCES[:3]) == [one.quote for one in extract(reading, 10, is_list=True).chosen]
    assert list(SENTENCES[:2]) == [one.quote for one in extract(reading, 2, is_list=True).chosen]


def test_quotes_are_exact_and_the_short_answer_is_in_them() -> None:
    """The best document comes first, and each sentence once, even if it contains several spans."""
    near, far = hit("It rained. The fee is 40 euros a day.", 1), hit("A fee of 30 euros was paid. It is gone.", 2, start=7)
    reading = Reading((), (read(far, ("30 euros", 4.0), ("30", 3.0)), read(near, ("40 euros", 3.9))), 0.9)
    found = extract(reading, 4)

    assert ["A fee of 30 euros was paid.", "The fee is 40 euros a day."] == [one.quote for one in found.chosen]
    for one in found.chosen:
        assert one.quote == one.hit.text[one.start - one.hit.start : one.end - one.hit.start]
        assert one.short is not None
        assert one.start <= one.short[0] < one.short[1] <= one.end
    assert "30 euros" == found.short


def test_an_answer_across_sentences_is_quoted_whole() -> None:
    found = extract(Reading((), (read(hit("It rained. He left. She stayed."), ("rained. He left", 1.0)),), 0.9), 4)

    assert ["It rained. He left."] == [one.quote for one in found.chosen]


def test_a_reference_brings_its_sentence() -> None:
    """A sentence that begins with "It" is quoted after the one before it, if there is room."""
    found = hit("The old bridge stands in Kemi. It was opened by mayor Anna Korhonen in June 1951. Trains are loud.")
    reading = Reading((), (read(found, ("Anna Korhonen", 1.0)),), 0.9)
    one, two = (extract(reading, limit).chosen for limit in (1, 2))

    assert ["It was opened by mayor Anna Korhonen in June 1951."] == [s.quote for s in one]
    assert ["The old bridge stands in Kemi.", "It was opened by mayor Anna Korhonen in June 1951."] == [
        s.quote for s in two
    ]
    assert (100, 130, None) == (two[0].start, two[0].end, two[0].short)


def test_nothing_to_extract() -> None:
    assert ((), 0.0, "") == ((found := extract(Reading(), 4)).chosen, found.evidence, found.short)


def test_one_sentence_if_no_words_stand_out() -> None:
    """More of the kind would be no better; a list is gathered nevertheless."""
    words = [("One", -9.0), ("Two", -9.1), ("Three", -9.2)]
    reading = Reading((), (read(hit(" ".join(SENTENCES)), *words),), 0.3)

    assert ["One is red."] == [one.quote for one in extract(reading, 4).chosen]
    assert 3 == len(extract(reading, 10, is_list=True).chosen)


def test_a_short_item_is_quoted_whole() -> None:
    """With all its sentences, and without the next one's."""
    found = hit("- Press the key. It blinks twice.\n- Wait for a minute.\n- Pets. No pets are allowed here.")
    chosen = extract(Reading((), (read(found, ("twice", 1.0)),), 0.9), 4).chosen

    assert ["- Press the key. It blinks twice."] == [one.quote for one in chosen]
