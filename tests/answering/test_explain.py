"""Why an expected passage is not in an answer: each stage at which one can be lost, with real libraries."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag import Document, Library
from rag.errors import QuestionError
from rag.records import Filter
from rag.settings import Settings

from .. import corpus
from .. import model_server as fake
from ..torture.world import leave_chroma_alone

QUESTION = "How many hives does Leila Haddad keep on the roof?"
HIVES = "Leila Haddad keeps 14 hives on the roof of the Marlow library."


def opened(folder: Path, texts: dict[str, str], settings: Settings | None = None) -> Library:
    """A library of short texts."""
    library = Library.open(folder / "index", settings, short_lived=True)
    leave_chroma_alone(library)
    library.add_documents(Document(text, name, source=name, content_hash=name) for name, text in texts.items())
    return library


def test_cited(library: Library) -> None:
    """What the answer cites was not lost; white space and quotation marks may differ."""
    reason = library.explain(QUESTION, "Leila  Haddad keeps\n14 hives")

    assert "cited" == reason.stage
    assert HIVES == reason.answer.citations[0].quote
    (place,) = reason.places
    assert "Leila Haddad keeps 14 hives" == library.document("bees.md").text[place.start : place.end]
    assert (1, 1, 1) == (place.rank, place.dense_rank, place.lexical_rank)


def test_not_read(library: Library, tmp_path: Path) -> None:
    """What no document says was never there; files that could not be read are counted."""
    assert "not read" == library.explain(QUESTION, "forty hives").stage

    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.4\n")
    with opened(tmp_path, {"a.txt": "There is one sentence here."}) as small:
        small.add(broken)
        reason = small.explain("What is here?", "another sentence")
    assert "not read" == reason.stage
    assert "1 could not be read" in reason.why
    assert "--failed" in reason.hint


def test_filtered(library: Library) -> None:
    """A document that was not asked."""
    reason = library.explain(QUESTION, "14 hives", filters=Filter(sources=("opera*",)))

    assert "filtered" == reason.stage
    assert [None] == [place.rank for place in reason.places]


def test_not_searched(library: Library) -> None:
    """A question about the documents takes no search."""
    assert "not searched" == library.explain("What is in here?", "books for the children’s room").stage


def test_split(tmp_path: Path) -> None:
    """Where no passage holds it whole, so many do together."""
    text = " ".join(
        f"In {year} the harbour of Varnes took in {year * 3} boats and {year * 7} nets." for year in range(1900, 1930)
    )
    expected = text[100:420]
    with opened(tmp_path, {"harbour.txt": text}, Settings(passage_tokens=24)) as library:
        reason = library.explain("Who is the mayor of Varnes?", expected)

    assert "split" == reason.stage
    assert reason.places[0].passages > 1
    assert "reindex" in reason.hint


def test_not_found(tmp_path: Path) -> None:
    """Beyond the candidates of both halves, its true ranks are reported."""
    texts = {
        f"{n:03}.txt": f"Sun Weidong met delegation {n} in New Delhi on the rare earth question {n}." for n in range(240)
    }
    texts["far.txt"] = "Bread rises slowly because wild yeast works at its own pace."
    with opened(tmp_path, texts) as library:
        reason = library.explain("Which delegation did Sun Weidong meet in New Delhi?", "wild yeast")

    assert "not found" == reason.stage
    assert (None, 241, None) == (reason.places[0].rank, reason.places[0].dense_rank, reason.places[0].lexical_rank)


def test_cut_by_k(library: Library) -> None:
    """The rank that it has says which k would take it in."""
    reason = library.explain(QUESTION, "The repair is estimated at 1,250,000 crowns", k=1)
    rank = reason.places[0].rank

    assert "cut by k" == reason.stage
    assert rank
    assert f"-k {rank}" in reason.hint
    assert "bridge.txt" == library.search(QUESTION, rank)[-1].source
    assert "bridge.txt" not in {hit.source for hit in library.search(QUESTION, rank - 1)}


def test_no_room_for_extraction(library: Library) -> None:
    """Extraction reads the best few only."""
    with Library.open(library.folder, Settings(read_passages=3), short_lived=True) as reads_few:
        last = reads_few.search(QUESTION, 8)[-1]
        reason = reads_few.explain(QUESTION, last.text[:60], k=8)

    assert "no room" == reason.stage
    assert "first 3 passages" in reason.why
    assert [None] == [place.answers for place in reason.places]


def test_below_the_threshold(library: Library) -> None:
    """Found and read, and yet not sure enough."""
    reason = library.explain(
        "Who is the architect of the Marlow library's new wing?", "14 hives on the roof of the Marlow library"
    )

    assert "abstained" == reason.answer.status
    assert "below the threshold" == reason.stage
    assert f"{reason.answer.evidence:.2f}" in reason.why


def test_a_list_has_a_lower_threshold(library: Library) -> None:
    """What a list was gathered from was sure enough for it, though not for a single answer."""
    reason = library.explain("List every sum of money", "Entry stays free for children under twelve")

    assert ("answered", "not cited") == (reason.answer.status, reason.stage)
    assert reason.answer.evidence < Settings().evidence


def test_folded(tmp_path: Path) -> None:
    """A passage that says the same as a better one is counted with it, and cited by it."""
    with opened(tmp_path, {"a.txt": HIVES, "b.txt": HIVES, "c.txt": "The Danube ends in the Black Sea."}) as library:
        reason = library.explain(QUESTION, "keeps 14 hives")

    assert "cited" == reason.stage
    assert {("a.txt", ""), ("b.txt", "a.txt")} == {(place.source, place.stands_in) for place in reason.places}


def test_not_cited_and_no_room_of_a_model(tmp_path: Path) -> None:
    """A model that had it before it and did not use it; and one that had no room for it."""
    with fake.model_server(fake.says("The honey is sold in the library for 9 pounds a jar [1].")) as server:
        settings = Settings(base_url=server.url, model="scripted", api_key="sk-test")
        with Library.open(tmp_path / "index", settings, short_lived=True) as library:
            leave_chroma_alone(library)
            library.add_documents(corpus.documents())
            reason = library.explain(QUESTION, HIVES)
            assert "not cited" == reason.stage
            assert "scripted was shown it" in reason.why
        with Library.open(tmp_path / "index", Settings(**{**_values(settings), "context_tokens": 1200})) as narrow:
            leave_chroma_alone(narrow)
            last = narrow.search(QUESTION, 8)[-1]
            reason = narrow.explain(QUESTION, last.text[:60])
            assert "no room" == reason.stage
            assert "RAG_CONTEXT_TOKENS" in reason.hint
            assert reason.answer.read < 8


def _values(settings: Settings) -> dict[str, object]:
    return {name: getattr(settings, name) for name in ("base_url", "model", "api_key")}


def test_ranks_are_those_of_a_search(library: Library) -> None:
    """What `standings` counts for any passage is what a search says of those it finds."""
    for question in (QUESTION, "What does it cost?", "station"):
        for place, hit in enumerate(library.search(question, 100), start=1):
            (found,) = library.explain(question, hit.text).places
            assert (place, hit.ranks.dense_rank) == (found.rank, found.dense_rank)
            assert bool(hit.ranks.lexical_rank) == bool(found.lexical_rank)


@pytest.mark.parametrize("expected", ["", " \n"])
def test_nothing_expected(library: Library, expected: str) -> None:
    """Is a mistake, and said so."""
    with pytest.raises(QuestionError, match="expected text"):
        library.explain(QUESTION, expected)
