"""Candidates: both halves, exact scores, and near-identical passages folded into one."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag import Document, Library
from rag.errors import EmbedderError
from rag.index.records import NewPassage
from rag.records import Filter, Passage
from rag.retrieval import fusion
from rag.retrieval.candidates import Candidate, folded

from ..torture.world import leave_chroma_alone


def candidate(id_: int, terms: str, score: float = 0.0) -> Candidate:
    return Candidate(id=id_, document_id=id_, source=str(id_), terms=terms, dense=None, lexical=0.0, score=score)


def ids(kept: list[tuple[Candidate, list[Candidate]]]) -> list[tuple[int, list[int]]]:
    return [(candidate.id, [other.id for other in duplicates]) for candidate, duplicates in kept]


TEN = "a b c d e f g h i j"


@pytest.mark.parametrize(
    ("first", "second", "is_folded"),
    [
        (TEN, TEN, True),
        (TEN, "j i h g f e d c b a a a", True),  # neither order nor repeats count
        (TEN, "a b c d e f g h i", True),  # 9 of 10 words in common
        (TEN, "a b c d e f g h i x", False),  # 9 of 11
        (TEN, "a b c d e f g h", False),  # 8 of 10
        ("a b c d", "a b c d", False),  # too few words to prove anything
        (f"{TEN} 2020", f"{TEN} 2021", False),  # 10 of 12
        (f"{TEN} k l m n o p q r s t 2020", f"{TEN} k l m n o p q r s t 2021", False),  # 20 of 22, but other figures
        (f"{TEN} k l m n o p q r s t year", f"{TEN} k l m n o p q r s t month", True),
    ],
)
def test_near_identical(first: str, second: str, is_folded: bool) -> None:
    """Nine tenths of all words in common, five words at least, and no other figure."""
    expected = [(1, [2])] if is_folded else [(1, []), (2, [])]

    assert expected == ids(folded([candidate(1, first), candidate(2, second)], 5))


def test_folded_keeps_the_first_k() -> None:
    """Duplicates of those kept take no place, and are found until the first candidate that has none."""
    candidates = [
        candidate(1, TEN), candidate(2, TEN), candidate(3, "k l m n o"), candidate(4, TEN),
        candidate(5, "p q r s t"), candidate(6, TEN),
    ]  # fmt: skip

    assert [(1, [2, 4]), (3, [])] == ids(folded(candidates, 2))
    assert [(1, [2, 4, 6]), (3, []), (5, [])] == ids(folded(candidates, 3))
    assert [] == folded(candidates, 0)


@pytest.fixture
def rivers(tmp_path: Path):
    """Three passages of 3, 6 and 3 words that are counted; the words of titles count too, and "The" is none."""
    with Library.open(tmp_path / "index", short_lived=True) as opened:
        leave_chroma_alone(opened)
        opened.add_documents(
            Document(text, "The", source=name, content_hash=name)
            for name, text in (
                ("danube", "Danube ends there: Romania."),
                ("rhine", "Rhine ends: Rotterdam, Netherlands, not Danube, Danube."),
                ("bread", "Sourdough rises slowly."),
            )
        )
        yield opened


def test_scores(rivers: Library) -> None:
    """BM25 over the mean length of 4 words, plus the cosine of the stored vectors; best first."""
    candidates = rivers._search._candidates
    query = candidates.query("Danube", candidates.embed("Danube"), None)
    by_terms, nearest = candidates.by_terms(query, 5), candidates.nearest(query, 5)
    scored = candidates.scored(query, by_terms, nearest)
    idf = query.idf["danub"]
    by_source = {c.source: c for c in scored}

    assert idf == pytest.approx(fusion.idf(3, 2, rivers._search._candidates._statistics._prior.get("danub", 0.0)))
    assert (2, 3) == (len(by_terms), len(nearest))
    assert by_source["danube"].lexical == pytest.approx(idf * 1 * 1.8 / (1 + 0.8 * (0.25 + 0.75 * 3 / 4)))
    assert by_source["rhine"].lexical == pytest.approx(idf * 2 * 1.8 / (2 + 0.8 * (0.25 + 0.75 * 6 / 4)))
    assert 0.0 == by_source["bread"].lexical
    for c in scored:
        own = rivers._embedder.embed([rivers.document(c.source).text])[0]
        assert c.score == pytest.approx(c.dense + 0.2 * c.lexical)
        assert c.dense is not None
        assert -1 <= c.dense <= 1
        assert own.shape == query.vector.shape
    assert [c.score for c in scored] == sorted((c.score for c in scored), reverse=True)


def test_a_filter_restricts_both_halves(rivers: Library) -> None:
    """Only passages of the documents that pass are candidates."""
    candidates = rivers._search._candidates
    query = candidates.query("Danube", candidates.embed("Danube"), Filter(sources=("rhine",)))
    found = candidates.scored(query, candidates.by_terms(query, 5), candidates.nearest(query, 5))

    assert ["rhine"] == [c.source for c in found]


def test_without_a_vector(rivers: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the embedder fails, words alone find passages, and the query says why."""

    def fail(texts: list[str]) -> object:
        raise EmbedderError("the embedder is away")

    monkeypatch.setattr(rivers._embedder, "embed", fail)
    candidates = rivers._search._candidates
    query = candidates.query("Danube", candidates.embed("Danube"), None)
    scored = candidates.scored(query, candidates.by_terms(query, 5), candidates.nearest(query, 5))

    assert "Searched by wording only: the embedder is away." == query.notice
    assert {("danube", None), ("rhine", None)} == {(c.source, c.dense) for c in scored}
    assert all(c.score == pytest.approx(0.2 * c.lexical) for c in scored)


def test_near_identical_passages_are_one_hit(library: Library) -> None:
    """The copy is named in the hit; a passage with other figures is a hit of its own."""
    text = "The annual report says that revenue from cloud services grew strongly in the northern region in {}."
    library.add_documents(
        [Document(text.format(2020), "A", source="a"), Document(text.format(2020), "B", source="b"),
         Document(text.format(2021), "C", source="c")]
    )  # fmt: skip
    hits = library.search("revenue from cloud services")

    assert 2 == len(hits)
    assert {("b",), ()} == {hit.also_in for hit in hits} or {("a",), ()} == {hit.also_in for hit in hits}


def test_what_is_not_shown_yet_hides_nothing(library: Library) -> None:
    """However many passages of a revision that is still being stored fit better."""
    library.add_documents(
        [Document("Much is said of many things here, and once of the zeppelin too.", "Old", source="old")]
    )
    catalog = library._catalog
    staged = catalog.documents.stage(
        catalog.files.root_id("memory", ""), Document("x", "New", source="new", content_hash="new")
    )
    passages = [NewPassage(Passage(0, 1), f"key{n}", "zeppelin zeppelin") for n in range(300)]
    catalog.passages.add(staged, passages, catalog.versions.current().id)

    assert ["old"] == [hit.source for hit in library.search("zeppelin")]
