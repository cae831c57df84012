"""The front door: documents are added, synced and removed, found by words and by meaning, and quoted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag import Document, Filter, Library
from rag.errors import (
    EmbedderChangedError,
)
from rag.settings import Settings

from . import model_server as fake
from .torture.world import OwnDirections, leave_chroma_alone


@pytest.fixture
def other(library: Library) -> Iterator[Library]:
    """The same index, as another process has it open."""
    with Library.open(library.folder, short_lived=True) as opened:
        leave_chroma_alone(opened)
        yield opened


def sources(library: Library) -> list[str]:
    return [info.source for info in library.documents() if info.state != "failed"]


def test_sync_follows_the_folder(library: Library, folder: Path) -> None:
    """Added, changed, unchanged and deleted files."""
    first = library.sync(folder)
    assert (3, 0, 0, 0) == (first.added, first.updated, first.unchanged, first.removed)
    assert ["rivers.txt", "sub/bread.txt", "towers.md"] == sources(library)

    (folder / "rivers.txt").write_text("The Rhine ends in the North Sea.\n", "utf-8")
    (folder / "sub" / "bread.txt").unlink()
    second = library.sync(folder)
    assert (0, 1, 1, 1) == (second.added, second.updated, second.unchanged, second.removed)
    assert "The Rhine ends in the North Sea.\n" == library.document("rivers.txt").text
    assert "Danube" not in "".join(hit.text for hit in library.search("Danube river countries"))


def test_filters(library: Library, folder: Path) -> None:
    """By source pattern, date and field, before ranking."""
    (folder / "dated.md").write_text("---\ndate: 2024-05-01\ntopic: water\n---\nThe Danube rose in May.", "utf-8")
    library.sync(folder)

    def found(wanted: Filter) -> set[str]:
        return {hit.source for hit in library.search("Danube", filters=wanted)}

    assert {"rivers.txt"} == found(Filter(sources=("riv*",)))
    assert {"sub/bread.txt"} == found(Filter(sources=("sub/*",)))
    assert {"dated.md"} == found(Filter(since="2024"))
    assert {"dated.md"} == found(Filter(until="2024-05"))
    assert set() == found(Filter(since="2024-06"))
    bread = Filter(sources=("sub/*",))
    for answer in (library.ask("Danube", filters=bread), library.ask("Danube", wanted=bread)):
        assert {"sub/bread.txt"} >= {hit.source for hit in answer.hits}
    assert {"dated.md"} == found(Filter(metadata={"topic": "water"}))
    assert set() == found(Filter(sources=("' OR 1=1 --",)))


def test_a_heading_names_what_is_below_it(library: Library) -> None:
    """The sentence itself need not name its subject."""
    sections = ("# Handbook", "## Licence", "Apache-2.0, with one exception.", "## Opening hours", "Eight to five, daily.")
    text = "\n\n".join(sections)
    library.add_documents([Document(text, "Handbook", media_type="text/markdown", source="handbook.md")])

    for question, said in (("What is the licence?", "Apache-2.0"), ("What are the opening hours?", "Eight to five")):
        answer = library.ask(question)
        assert "answered" == answer.status
        assert said in answer.citations[0].quote


def test_one_passage_library(library: Library) -> None:
    """A single passage gets a valid score."""
    library.add_documents([Document("The kettle is blue.", "Kettle", source="k")])
    answer = library.ask("What colour is the kettle?")

    assert "The kettle is blue. [1]" == answer.text


@pytest.mark.parametrize(
    "question", ["the of and", 'NEAR("x" AND *', "a" * 8000, "\udcff?", "'; DROP TABLE x", "🙂", "\x1b[2J"]
)
def test_odd_questions(seeds: Library, question: str) -> None:
    """Any text is accepted as a question."""
    assert seeds.ask(question).status in ("answered", "abstained")


def test_an_empty_library_abstains(library: Library) -> None:
    """Without documents, no question is answered."""
    assert "abstained" == library.ask("Anything?").status


def test_citations_resolve(seeds: Library, article: str) -> None:
    """Each citation is at its offsets in the document, and in the answer."""
    answer = seeds.ask("What did India raise with Sun Weidong?")

    assert "answered" == answer.status
    assert "rare earth restrictions" in answer.text
    for citation in answer.citations:
        assert article[citation.start : citation.end] == citation.quote
        assert answer.text[citation.answer_start : citation.answer_end] == citation.quote


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.sampled_from("ab é\u0301🙂\r\n\0.שx中"), min_size=1, max_size=200), min_size=1, max_size=4))
def test_offsets_hold_for_any_text(library: Library, tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    """For any text, a hit shows exactly the characters of the document at its offsets."""
    folder = tmp_path_factory.mktemp("texts")
    for n, text in enumerate(texts):
        (folder / f"{n}.txt").write_bytes(text.encode())
    library.sync(folder)
    for hit in library.search("ab x 中", 50):
        assert library.document_by_id(hit.document_id).text[hit.start : hit.end] == hit.text


def test_another_embedder_is_refused(tmp_path: Path, folder: Path) -> None:
    """Vectors of two embedders are never mixed."""
    with Library.open(tmp_path / "index", short_lived=True) as library:
        leave_chroma_alone(library)
        library.sync(folder)
    with fake.model_server(fake.embeds()) as server:
        remote = Settings(embedder="openai:e", embedder_url=server.url)
        with Library.open(tmp_path / "index", remote, short_lived=True) as library, pytest.raises(EmbedderChangedError):
            library.search("Danube")


def test_an_embedder_of_ones_own(tmp_path: Path, folder: Path) -> None:
    """Any object with the methods of an embedder makes the vectors; the index remembers its name."""
    with Library.open(tmp_path / "index", short_lived=True, embedder=OwnDirections("mine")) as opened:
        leave_chroma_alone(opened)
        opened.sync(folder)
        assert opened.search("The Eiffel Tower is 330 metres tall.")[0].ranks.dense is not None
        assert "mine" == opened.status().embedder
    with Library.open(tmp_path / "index", short_lived=True) as other, pytest.raises(EmbedderChangedError, match="mine"):
        other.search("tower")


def test_a_remote_embedder(tmp_path: Path, folder: Path) -> None:
    """Any compatible endpoint embeds; while it is down, search is by words, and the notice says so."""
    with fake.model_server(fake.embeds()) as server:
        settings = Settings(embedder="openai:e", embedder_url=server.url, api_key="k")
        with Library.open(tmp_path / "index", settings, short_lived=True) as library:
            leave_chroma_alone(library)
            assert 3 == library.sync(folder).passages
            assert library.search("Danube")[0].ranks.dense is not None
            library._embedder._client.max_retries = 0
            server.replies.clear()
            server.replies.append(fake.fails(500))
            found = library.search_with_timings("Danube")
            hits, notice = found.hits, found.notice

    assert "rivers.txt" == hits[0].source
    assert "by wording only" in notice


def test_a_document_changed_while_it_is_quoted(library: Library, other: Library, folder: Path) -> None:
    """The answer quotes the new revision instead of failing because the old one is gone."""
    library.sync(folder)
    search = library._answerer._search
    find, changed = search.find, []

    def interrupted(*given):
        found = find(*given)
        if not changed:
            changed.append(True)
            (folder / "rivers.txt").write_text("The Danube ends in the Black Sea, at Sulina.", "utf-8")
            other.sync(folder)
        return found

    search.find = interrupted
    answer = library.ask("Where does the Danube end?")

    assert ("answered", "The Danube ends in the Black Sea, at Sulina. [1]") == (answer.status, answer.text)


def test_fields_that_can_be_asked_for(tmp_path: Path) -> None:
    """Each with the number of its documents; a filter on it finds them."""
    with Library.open(tmp_path / "index", short_lived=True) as library:
        library.add_documents(
            Document(
                f"The {n}. report of the otter station.",
                f"Report {n}",
                source=f"{n}.txt",
                author=author,
                metadata={"kind": kind},
            )
            for n, author, kind in ((1, "Ann", "yearly"), (2, "Ann", "monthly"), (3, "", "monthly"))
        )
        found = library.fields()
        ann = library.search("otter station", filters=Filter(metadata={"author": "Ann", "kind": "monthly"}))

    assert {("author", "Ann", 2), ("kind", "monthly", 2), ("kind", "yearly", 1)} <= set(found)
    assert found[0][2] >= found[-1][2]
    assert ["2.txt"] == [hit.source for hit in ann]
