"""Printed text contains nothing that manipulates a terminal, and no citation marker before it has been checked."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rag.answering.verification.citation_trace import CitationTrace, SavedCitation
from rag.cli import rendering
from rag.cli.rendering import json_text
from rag.records import Answer, Citation, Failure, Flag, Hit, Progress, Ranks, SyncReport
from rag.text.unicode_text import TERMINAL_CONTROLS


@pytest.mark.parametrize(
    "text", ["\x1b[31mred", "a\x07b", "\x9b2J", "x\u202egpj.exe", "\r overwritten", "\u2066hidden\u2069"]
)
def test_plain(text: str) -> None:
    """Escapes, bells and marks that reorder text are each replaced by a visible character."""
    shown = rendering.plain(text)

    assert "\ufffd" in shown
    assert not set(shown) & set("\x1b\x07\x9b\u202e\r\u2066")


def test_tabs_and_lines_stay() -> None:
    """Tabs and line breaks are harmless and stay unchanged."""
    assert rendering.plain("a\tb\nc") == "a\tb\nc"


def test_markers_are_neutral_while_they_come() -> None:
    """Markers are masked even if they arrive in pieces; other brackets are kept."""
    live = rendering.LiveText()
    pieces = ["It is so [", "1", "]. And [2, 3", "] that [sic] was all", " [1"]

    assert "".join(map(live.feed, pieces)) == "It is so [·]. And [·] that [sic] was all "


def answer(**changed: object) -> Answer:
    """Returns an extracted answer with one citation."""
    citation = Citation(
        n=1,
        source="a.txt",
        title="A",
        locator="p. 3",
        page=3,
        start=10,
        end=21,
        quote="The sea is\ngreen.",
        verdict="exact",
        answer_start=0,
        answer_end=21,
        document_id=1,
    )
    made = Answer(
        question="Q?",
        text="The sea is green. [1]",
        status="answered",
        citations=(citation,),
        flags=(),
        hits=(HIT,),
        evidence=0.5,
        model="extraction",
    )
    return replace(made, **changed)


HIT = Hit(
    source="a\x1b.txt",
    title="A",
    page=3,
    start=5,
    end=40,
    score=0.75,
    text="It says: the sea is green.",
    heading="",
    author="",
    date="",
    ranks=Ranks(dense=0.5, lexical=2.25, dense_rank=1, lexical_rank=2),
    document_id=1,
    also_in=("b.txt",),
    locator="p. 3",
)


def test_footnotes() -> None:
    """A citation shows its place and quote, and its claim only if the answer was printed without numbers; flags follow."""
    flag = Flag(said="It is red.", verdict="not found", answer_start=0, answer_end=3, note="no source says so")

    assert ["", "[1] a.txt, p. 3, characters 10–21", "    “The sea is green.”"] == list(
        rendering.footnotes(answer(), is_terminal=False)
    )
    assert "[1] for “The sea is green.…” a.txt, p. 3, characters 10–21" in rendering.footnotes(answer(), is_terminal=True)
    assert ["⚑ not found (no source says so): It is red."] == list(
        rendering.footnotes(answer(citations=(), flags=(flag,)), is_terminal=False)
    )


def test_the_words_that_answer_are_bold_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not in a pipe, or if the user wants no colours."""
    cited = replace(answer().citations[0], short_start=14, short_end=16)
    marked = answer(citations=(cited,))

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1m" in "".join(rendering.footnotes(marked, is_terminal=True))
    assert "\x1b" not in "".join(rendering.footnotes(marked, is_terminal=False))
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in "".join(rendering.footnotes(marked, is_terminal=True))


def test_closest_passages_of_an_abstention() -> None:
    """An abstention lists the closest passages, without control characters."""
    lines = list(rendering.footnotes(answer(status="abstained", citations=()), is_terminal=False))

    assert ["\nClosest passages:", "  a\ufffd.txt, p. 3: It says: the sea is green."] == lines


def test_closest_sentence_of_an_abstention() -> None:
    """Of a passage that was read, only the sentence is shown that comes closest to an answer."""
    text = "It rained. The sea is green. It is warm."
    hit = replace(HIT, start=100, end=100 + len(text), text=text, answers=0.1, short_start=122, short_end=127)
    lines = list(rendering.footnotes(answer(status="abstained", citations=(), hits=(hit,)), is_terminal=False))

    assert "  a\ufffd.txt, p. 3: The sea is green." == lines[1]


def test_hit() -> None:
    """A hit shows its place, score, both ranks, near-duplicates and text."""
    expected = """1. a\ufffd.txt, p. 3 [5:40]  0.750: meaning 0.50 (rank 1), wording 2.25 (rank 2)
   also in b.txt
   It says: the sea is green."""

    assert expected == rendering.hit(1, HIT)
    assert "0.750: answers 0.93, meaning 0.50" in rendering.hit(1, replace(HIT, answers=0.93))
    assert "no vector yet, wording 0.00\n" in rendering.hit(1, replace(HIT, ranks=Ranks(None, 0.0, None, None), also_in=()))


def test_trace() -> None:
    """Changed words are marked; a text that is no longer there is quoted."""
    saved = SavedCitation(n=2, source="a.txt", start=0, end=15, quote="The roof is red", content_hash="")

    assert ["[2] a.txt, characters 3–19: changed", "    The roof is [-red-]{+blue+}"] == list(
        rendering.trace(saved, CitationTrace("changed", 3, 19, "The roof is blue"))
    )
    assert ["[2] a.txt: changed", "    “The roof is red” is no longer in the document"] == list(
        rendering.trace(saved, CitationTrace("changed"))
    )
    assert ["[2] a.txt: deleted"] == list(rendering.trace(saved, CitationTrace("deleted")))


@pytest.mark.parametrize(
    ("seconds", "line"),
    [
        (10, "5/20 files, 100 passages embedded, 10/s, 30 s left  e.txt"),
        (100, "5/20 files, 100 passages embedded, 1/s, 5 min left  e.txt"),
        (0, "5/20 files, 100 passages embedded, 0/s  e.txt"),
    ],
)
def test_progress(seconds: float, line: str) -> None:
    """If a quarter of the files took 10 s, 30 s are left."""
    assert line == rendering.progress(Progress(source="e.txt", done=5, total=20, passages=100), seconds)


def test_progress_of_unknown_length() -> None:
    """Without a known number of files, no remaining time is shown."""
    now = Progress(source="e.txt", done=5, total=0, passages=100, found=300)

    assert "5 files, 100 of 300 passages embedded, 10/s  e.txt" == rendering.progress(now, 10)


def test_report() -> None:
    """The report shows what changed, what could not be read and why, and what was kept."""
    done = SyncReport(
        added=2, unchanged=1, failed=(Failure("x.txt", "it is empty", "fill it"),), held=("y.txt",), ignored=3, passages=9
    )

    assert [
        "2 added, 1 unchanged; 9 passages embedded in 0.0 s",
        "skipped 3 files without text (images, archives, programs)",
    ] == list(rendering.report(done, ""))
    assert [
        "✗ x.txt: it is empty (fill it)",
        "kept 1 document missing from the folder; to remove missing documents, run: rag sync --prune",
    ] == list(rendering.failures(done))
    assert ["it is empty"] == list(rendering.report(SyncReport(), "it is empty"))


def test_destinations() -> None:
    """The line names where text is sent, or states that nothing is sent."""
    assert "nothing leaves this machine" == rendering.destinations({})
    assert "sends a to http://x; sends b to http://y" == rendering.destinations({"a": "http://x", "b": "http://y"})


def test_json_cannot_control_a_terminal() -> None:
    """What JSON leaves as it is, but a terminal obeys, is escaped; the value stays the same."""
    value = {"title": "\x1b[31m \x9b2J \x7f \u202e \u2066", "text": "é 北 \n\t"}
    for indent in (None, 2):
        printed = json_text(value, indent)
        assert value == json.loads(printed)
        assert not set(printed) & TERMINAL_CONTROLS
        assert "é 北" in printed
