"""Answers about the documents themselves: small talk, the list of documents, authorship and summaries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from rag import Document, Hit, Library
from rag.answering import about_documents
from rag.answering.about_documents import sample_passages
from rag.answering.prompts import QUOTED_SUMMARY
from rag.records import Ranks

from ..conftest import ARTICLE
from ..corpus import resolved
from ..torture.world import leave_chroma_alone


@pytest.mark.parametrize("question", ["Hello!", "help", "what can you do?"])
def test_a_greeting(library: Library, question: str) -> None:
    """Is returned, with titles to ask about."""
    answer = library.ask(question)

    assert "answered" == answer.status
    assert "8 documents" in answer.text
    assert "City bees" in answer.text
    assert () == answer.citations


def test_thanks(library: Library) -> None:
    """Need no search and no citation."""
    assert "You’re welcome." == library.ask("thank you!").text


def test_what_is_in_here(library: Library) -> None:
    """Each document is listed, and its beginning is cited."""
    answer = resolved(library, library.ask("What is in here?"))

    assert 8 == len(answer.citations)
    assert "• City bees (Leila Haddad, 2022-07-09) [1]" in answer.text
    assert {"beginning"} == {c.locator for c in answer.citations}


def test_nothing_is_in_here(tmp_path: Path) -> None:
    """An empty library says so, whatever is asked about it."""
    with Library.open(tmp_path / "index", short_lived=True) as empty:
        for question in ("hi", "what is in here?", "summarise this document", "who wrote it?"):
            assert "no documents yet" in empty.ask(question).text


def test_who_wrote_it_and_when(library: Library, seeds: Library, article: str) -> None:
    """Author and date are cited where the document states them, else as its metadata."""
    answer = resolved(library, library.ask("Who wrote the article about city bees and when?"))
    assert "“City bees” is by Leila Haddad. [1] “City bees” is dated 2022-07-09. [2]" == answer.text
    assert ["", "metadata"] == [c.locator for c in answer.citations]
    assert "Leila Haddad" in answer.citations[0].quote

    answer = seeds.ask("Who wrote it and when?")
    assert "does not name its author" in answer.text
    assert "is dated 2025-06-13 (“Published on June 13, 2025”). [" in answer.text
    for c in answer.citations:
        assert article[c.start : c.end] == c.quote
    assert any("June 13" in c.quote for c in answer.citations)


def test_who_wrote_it_is_not_said(library: Library) -> None:
    """A document that names no author does not answer who wrote it."""
    answer = library.ask("Who wrote the article about the Tartu Open?")

    assert ("abstained", "“Olari wins in Tartu” does not name its author.") == (answer.status, answer.text)
    assert "answered" == library.ask("When was the article about the Tartu Open published?").status


def test_a_summary_is_quoted(library: Library) -> None:
    """Without a model the most central sentences are quoted, and the notice says so."""
    answer = resolved(library, library.ask("Summarise the report on the Morava footbridge"))

    assert QUOTED_SUMMARY == answer.notice
    assert {"bridge.txt"} == {c.source for c in answer.citations}
    assert 3 <= len(answer.citations) <= 5
    assert all(c.verdict == "exact" for c in answer.citations)


def test_a_summary_of_everything(library: Library) -> None:
    """Has sentences of each document that it covers."""
    answer = resolved(library, library.ask("Give me a summary of all documents"))

    assert len({c.source for c in answer.citations}) >= 5


def test_a_long_document_is_summed_up_in_time(tmp_path: Path, article: str) -> None:
    """A text of a million characters is sampled, so that it is summarised at once."""
    text = "\n\n".join(f"Part {n}. {article}" for n in range(300))
    with Library.open(tmp_path / "index", short_lived=True) as library:
        leave_chroma_alone(library)
        library._embedder.embed(["warm"])
        library._catalog.documents.publish(
            library._catalog.documents.stage(
                library._catalog.files.root_id("memory", ""), Document(text, "Long", source="l", content_hash="l")
            )
        )
        answer = resolved(library, library.ask("Summarise this document"))

    assert 5 == len(answer.citations)
    assert ARTICLE.exists()


def opening(text: str, *, author: str = "", date: str = "", title: str = "Kemi", start: int = 0) -> Hit:
    return Hit(
        source="kemi.txt", title=title, page=None, start=start, end=start + len(text), score=0.0, text=text, heading="",
        author=author, date=date, ranks=Ranks(None, 0.0, None, None), document_id=1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "date", "expected"),
    [
        ("Kemi\nMarch 18, 2024\nIt rained.", "2024-03-18", "“Kemi” is dated 2024-03-18 (“March 18, 2024”). [1]"),
        ("Kemi\nPublished 18 Mar 2024.", "2024-03-18", "“Kemi” is dated 2024-03-18 (“Published 18 Mar 2024.”). [1]"),
        ("Kemi, 2024-03-18", "2024-03-18", "“Kemi” is dated 2024-03-18. [1]"),
        ("It rained in Kemi.", "2024-03-18", "“Kemi” is dated 2024-03-18. [1]"),
        ("It rained in Kemi.", "", "“Kemi” has no date."),
    ],
)
def test_a_date(text: str, date: str, expected: str) -> None:
    """Is stated as ISO 8601, and as the document writes it if that differs."""
    assert expected == about_documents.authorship(opening(text, date=date), who=False, when=True).text


def test_an_author_in_a_long_line() -> None:
    """The name alone is cited, not the line."""
    text = f"{'It rained. ' * 40}By Anna Korhonen. {'It rained. ' * 40}"
    composed = about_documents.authorship(opening(text, author="Anna Korhonen"), who=True, when=False)

    assert "“Kemi” is by Anna Korhonen. [1]" == composed.text
    assert ["Anna Korhonen"] == [c.quote for c in composed.citations]
    assert text.index("Anna") == composed.citations[0].start


def test_more_documents_than_are_listed() -> None:
    """The rest are counted."""
    composed = about_documents.contents(1_234, [opening("It rained."), opening("It snowed.")])

    assert composed.text.startswith("There are 1,234 documents here:\n• Kemi [1]\n• Kemi [2]\n")
    assert composed.text.endswith("\n… and 1,232 more. To list all of them: rag ls")


def test_sampled_passages() -> None:
    """All of a short text; of a long one as many passages as fit, at even intervals; each has its place."""
    text = "".join(f"This is sentence {n:04}. " for n in range(1_000))  # 23 characters each
    part = opening(text, start=7)

    assert [(7, 29)] == [(p.start, p.end) for p in sample_passages(opening("This is sentence 0000. ", start=7), 9)]
    passages = sample_passages(part, 5_000)
    assert 5 == len(passages)
    assert all(900 < p.end - p.start <= 1_000 and text[p.start - 7 : p.end - 7] == p.text for p in passages)
    assert np.diff([p.start for p in passages]) == pytest.approx(len(text) / 5, rel=0.25)
    assert text.split() == " ".join(p.text for p in sample_passages(part, 10**6)).split()


class Directions:
    """Embeds a sentence as the angle of its first word, in radians; the centroid is at about 0.6."""

    name, dimension, languages = "directions", 2, frozenset()

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        angles = {"Bears": 0.0, "Cubs": 0.7, "Brown": 0.05, "Wolves": 2.0}
        return np.array([[np.cos(a), np.sin(a)] for a in (angles[text.split()[0]] for text in texts)], np.float32)


def test_a_summary_has_no_repeats() -> None:
    """The most central sentences in reading order; one that is much like a chosen one is left out."""
    text = (
        "Bears live in the forests of Kemi. Brown bears live in the forests of Kemi. "
        "Cubs of bears are born in the winter. Wolves live in the open country."
    )
    two = about_documents.summary([opening(text)], Directions(), 2)
    three = about_documents.summary([opening(text)], Directions(), 3)

    assert "Bears live in the forests of Kemi. [1] Cubs of bears are born in the winter. [2]" == two.text
    assert f"{two.text} Wolves live in the open country. [3]" == three.text
