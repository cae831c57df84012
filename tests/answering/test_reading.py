"""Reading hits: in which order, how many, and what is known of them afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from rag.answering.reading import context_of, read_hits
from rag.ports import Read, Span
from rag.records import Hit, Ranks


def hits(*scores: float) -> list[Hit]:
    """Hits whose text is their number."""
    made = Hit(
        source="a", title="T", page=None, start=100, end=101, score=0, text="0", heading="", author="", date="",
        ranks=Ranks(None, 0.0, None, None), document_id=1,
    )  # fmt: skip
    return [replace(made, score=score, text=str(n), start=100 + 10 * n, document_id=n) for n, score in enumerate(scores)]


class Scripted:
    """A reader with a given opinion of each passage: a logit, which is also its span's margin, and its relevance."""

    def __init__(self, opinions: dict[str, tuple[float, float]], speed: float = 1.0) -> None:
        self.opinions = opinions
        self.speed = speed
        self.calls: list[tuple[list[str], int]] = []

    def read(
        self, question: str, passages: Sequence[tuple[str, str]], found: Sequence[float], most: int
    ) -> tuple[list[Read], list[Read]]:
        self.calls.append(([text for _, text in passages], most))
        halves = [Read(n, *self.opinions.get(text, (-20.0, -5.0))) for n, (_, text) in enumerate(passages)]
        likely = sorted(halves, key=lambda half: -half.answers - found[half.passage])[:most]
        return halves, [replace(one, spans=(Span(0, 1, one.answers), Span(0, 1, one.answers - 1))) for one in likely]


def metadata(ids: Sequence[int]) -> dict[int, dict[str, str]]:
    return {id_: {"names": f"N{id_}"} for id_ in ids}


def test_a_sure_answer_ends_the_reading() -> None:
    """The first few are read; the others only if none of those is sure to answer, or if all have to be read."""
    found = hits(*(1 - n / 100 for n in range(10)))
    sure, unsure, thorough = Scripted({"1": (20, 5)}), Scripted({"1": (-3, 5)}), Scripted({"1": (20, 5)})
    first = read_hits("q", found, sure, metadata, 8)
    all_of_them = read_hits("q", found, unsure, metadata, 8)
    read_hits("q", found, thorough, metadata, 8, thoroughly=True)

    assert [["0", "1", "2"]] == [texts for texts, _ in sure.calls]
    assert [["0", "1", "2"], ["3", "4", "5", "6", "7"]] == [texts for texts, _ in unsure.calls]
    assert [[str(n) for n in range(8)]] == [texts for texts, _ in thorough.calls]
    assert (3, 8) == (first.count, all_of_them.count)
    assert first.evidence > 0.9 > all_of_them.evidence > 0


def test_what_is_known_of_hits() -> None:
    """Those that were read completely have a probability and words; a likely answer rises, whatever its rank was."""
    found = hits(1.0, 0.9, 0.8, 0.7, 0.6)
    reading = read_hits("q", found, Scripted({"3": (20, 9), "0": (-20, 1)}), metadata, 4)
    best = reading.hits[0]

    assert "3" == best.text == reading.read[0].hit.text
    assert (130, 131) == (best.short_start, best.short_end)
    assert best.answers is not None
    assert best.answers > 0.9
    assert "4" == reading.hits[-1].text
    assert [None] == [hit.answers for hit in reading.hits if hit.text == "4"]
    assert [hit.score for hit in reading.hits] == sorted((hit.score for hit in reading.hits), reverse=True)
    assert ["3"] == [one.hit.text for one in reading.limited(1).read]
    assert (1, 1) == (len(reading.limited(1).hits), reading.limited(1).count)


def test_the_best_window_of_a_long_passage_counts() -> None:
    """A long passage is read in windows, in any of which the answer may be."""

    class Windows(Scripted):
        def read(self, question, passages, found, most):
            windows = [Read(0, answers, 0.0, (Span(0, 1, answers),)) for answers in (-9.0, 20.0, -8.0)]
            return windows, windows

    reading = read_hits("q", hits(1.0), Windows({}), metadata, 4)

    assert [20.0] == [one.answers for one in reading.read]
    assert (1, 1) == (reading.count, len(reading.hits))


@pytest.mark.parametrize(("speed", "count"), [(1.0, 10), (0.75, 8), (0.01, 1)])
def test_slow_processors_read_fewer(speed: float, count: int) -> None:
    assert count == read_hits("q", hits(*[1.0] * 20), Scripted({}, speed), metadata, 10).count


def test_nothing_to_read() -> None:
    reading = read_hits("q", [], Scripted({}), metadata, 4)

    assert ((), (), 0.0, 0) == (reading.hits, reading.read, reading.evidence, reading.count)


def test_what_the_reader_is_told() -> None:
    """The title, the names, the version, the date and the headings, each shortened."""
    told = context_of("T" * 999, "H" * 999, {"names": "N" * 999, "version": "2"}, "2024")

    assert [120, 120, 9, 4, 120] == [len(part) for part in told.split(" | ")]
