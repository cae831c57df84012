"""True ranks of passages, by hand and against a look at all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import Document, Filter, Library
from rag.errors import QuestionError
from rag.retrieval.passage_ranks import PassageRanks

from ..torture.world import leave_chroma_alone

TEXTS = {
    "one": "The Danube flows through ten countries before it ends in the Black Sea near Sulina.",
    "copy": "The Danube flows through ten countries before it ends in the Black Sea near Sulina.",
    "two": "Danube. The Rhine and the Elbe end in the North Sea.",
    "three": "Sourdough rises slowly because its yeast is wild.",
}
QUESTION = "Through how many countries does the Danube flow?"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with Library.open(tmp_path_factory.mktemp("ranks") / "index", short_lived=True) as opened:
        leave_chroma_alone(opened)
        opened.add_documents(Document(text, "The", source=name, content_hash=name) for name, text in TEXTS.items())
        yield opened


def passages(library: Library) -> dict[str, int]:
    """Source → id of its only passage."""
    return {
        name: library._catalog.passages.overlapping(library.id_of(name), 0, len(text))[0][0] for name, text in TEXTS.items()
    }


def ranks_of(library: Library) -> PassageRanks:
    return library._explainer._ranks


def test_ranks(library: Library) -> None:
    """A copy shares the rank of the passage it was folded into; what has no word of the question has no rank by words."""
    ids = passages(library)
    found = ranks_of(library).of(list(ids.values()), QUESTION, 5)
    first, second = sorted((ids["one"], ids["copy"]), key=lambda id_: found[id_].folded_into != id_)

    assert (1, 1) == (found[first].rank, found[second].rank)
    assert first == found[first].folded_into == found[second].folded_into
    assert (2, ids["two"]) == (found[ids["two"]].rank, found[ids["two"]].folded_into)
    assert (3, None) == (found[ids["three"]].rank, found[ids["three"]].lexical_rank)
    assert {1, 2, 3} == {found[ids[name]].lexical_rank for name in ("one", "copy", "two")}


def test_ranks_by_meaning_are_exact(library: Library) -> None:
    """One more than the number of passages with a higher cosine."""
    ids = passages(library)
    found = ranks_of(library).of(list(ids.values()), QUESTION, 5)
    question, *vectors = library._embedder.embed([QUESTION, *TEXTS.values()])
    cosines = dict(zip(TEXTS, (float(vector @ question) for vector in vectors), strict=True))

    for name in ("two", "three"):
        expected = 1 + sum(cosine > cosines[name] for other, cosine in cosines.items() if other != name)
        assert expected == found[ids[name]].dense_rank


def test_a_filter(library: Library) -> None:
    """Ranks count the passages that pass only."""
    ids = passages(library)
    only = Filter(sources=("three", "two"))
    found = ranks_of(library).of([ids["three"], ids["two"]], QUESTION, 5, only)

    assert (2, 2) == (found[ids["three"]].rank, found[ids["three"]].dense_rank)
    assert (1, 1, 1) == (found[ids["two"]].rank, found[ids["two"]].dense_rank, found[ids["two"]].lexical_rank)


def test_beyond_the_candidates(tmp_path: Path) -> None:
    """A passage that neither half made a candidate has its true rank by meaning, and no rank among the candidates."""
    texts = {f"{n}": f"Sun Weidong met delegation {n} in New Delhi." for n in range(120)}
    with Library.open(tmp_path / "index", short_lived=True) as library:
        leave_chroma_alone(library)
        library.add_documents(
            Document(text, "The", source=name, content_hash=name)
            for name, text in {**texts, "far": "Wild yeast works at its own pace."}.items()
        )
        ((far, _, _),) = library._catalog.passages.overlapping(library.id_of("far"), 0, 10)
        found = ranks_of(library).of([far], "Which delegation did Sun Weidong meet in New Delhi?", 5)[far]

    assert (None, 121, None, far) == (found.rank, found.dense_rank, found.lexical_rank, found.folded_into)


def test_an_empty_question(library: Library) -> None:
    """Is refused."""
    with pytest.raises(QuestionError):
        ranks_of(library).of([1], " ", 5)
