"""Searching a library: what a result holds, questions that are refused, and documents that change meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag import Document, Library
from rag.errors import EmbedderError, QuestionError
from rag.retrieval.search import LONGEST_QUESTION, checked_question

from ..torture.world import leave_chroma_alone


def test_a_result(library: Library, folder: Path) -> None:
    """Hits best first, each with its ranks in both halves; the time of each stage."""
    library.sync(folder)
    found = library._search.find("Which sea does the Danube reach?", 2)

    assert ["embed", "words", "meaning", "fuse"] == list(found.timings_ms)
    assert "rivers.txt" == found.hits[0].source
    assert (1, 1) == (found.hits[0].ranks.dense_rank, found.hits[0].ranks.lexical_rank)
    assert (None, 0.0) == (found.hits[1].ranks.lexical_rank, found.hits[1].ranks.lexical)
    assert found.hits[0].score > found.hits[1].score
    assert {"sea", "danub", "reach"} == set(found.idf)
    assert "" == found.notice


@pytest.mark.parametrize("question", ["", "  \n", "\0 \t"])
def test_an_empty_question(question: str) -> None:
    """Is refused."""
    with pytest.raises(QuestionError, match="is empty"):
        checked_question(question)


def test_a_long_question() -> None:
    """8,000 characters are a question, 8,001 are a document."""
    assert "a" * LONGEST_QUESTION == checked_question(" " + "a" * LONGEST_QUESTION + "\n")
    with pytest.raises(QuestionError, match="8,001 characters; the limit is 8,000"):
        checked_question("a" * (LONGEST_QUESTION + 1))


def test_an_undecodable_question() -> None:
    """Lone surrogates become question marks."""
    assert "what? ?" == checked_question("what? \udcff")


def test_a_notice_while_vectors_are_missing(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """While vectors are missing, the notice says so; afterwards there is no notice."""
    embed = library._embedder.embed

    def only_questions(texts):
        if len(texts) > 1:
            raise EmbedderError("away")
        return embed(texts)

    text = "\n\n".join(f"Paragraph {i} tells of the lighthouse of Kemi and nothing else. " * 6 for i in range(5))
    monkeypatch.setattr(library._embedder, "embed", only_questions)
    with pytest.raises(EmbedderError):
        library.add_documents([Document(text, "Kemi", source="kemi")])
    assert "1 document is still being indexed" in library.ask("Which lighthouse is it?").notice
    monkeypatch.setattr(library._embedder, "embed", embed)
    library.add_documents([])
    assert "still being indexed" not in library.ask("Which lighthouse is it?").notice


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_document_changed_during_a_search_does_not_vanish(library: Library, folder: Path, when: str) -> None:
    """It is seen before its change or after it, never neither."""
    library.sync(folder)
    candidates = library._search._candidates
    near = candidates.nearest

    def change():
        (folder / "rivers.txt").write_text("The Danube is long. It ends in the Black Sea, as ever.", "utf-8")
        with Library.open(library.folder, short_lived=True) as other:  # as another process has it open
            leave_chroma_alone(other)
            other.sync(folder)

    def interrupted(*given):
        if when == "before":
            change()
        found = near(*given)
        if when == "after":
            change()
        return found

    candidates.nearest = interrupted

    assert "rivers.txt" in {hit.source for hit in library.search("Danube Black Sea")}
