"""Reindexing for another embedder or splitter: built beside the old version, switched to at once, and reversible."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag import Document, Library
from rag.errors import EmbedderChangedError, EmbedderError
from rag.records import Progress

from ...torture.world import PASSAGE_TOKENS, Expected, OwnDirections, open_library, text_of, verify

NAMES = [f"doc{n}" for n in range(12)]
WANTED = {name: Expected.of(1) for name in NAMES}


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Twelve documents with the fake embedder's vectors."""
    (tmp_path / "documents").mkdir()
    for name in NAMES:
        (tmp_path / "documents" / name).write_text(text_of(name, 1))
    with open_library(tmp_path / "index") as library:
        library.sync(tmp_path / "documents")
    return tmp_path / "index"


@pytest.mark.process
def test_to_another_embedder(index: Path) -> None:
    """The embedder is refused until the index is rebuilt; then the new vectors find everything, in Chroma too."""
    with open_library(index, embedder="new") as library:
        with pytest.raises(EmbedderChangedError) as raised:
            library.search("river")
        assert "rag reindex" in raised.value.hint
        report = library.reindex()
        assert (12, 48, "new", True) == (report.documents, report.passages, report.embedder, report.switched)
        verify(library, WANTED)
        assert not library.reindex().switched
    with open_library(index, embedder="new", short_lived=False) as library:
        library.sync_vectors()
        assert ((), 48) == ((health := library.check()).problems, health.vectors_in_chroma)
        verify(library, WANTED)


def test_to_another_splitter_and_back(index: Path) -> None:
    """The former version is kept: going back embeds only what was added since, and drops what was removed since."""
    with open_library(index, passage_tokens=60) as library:
        assert library.reindex().passages > 48
        (index.parent / "documents" / "new").write_text(text_of("new", 1))
        (index.parent / "documents" / "doc3").write_text(text_of("doc3", 2))
        library.sync(index.parent / "documents")
        library.remove("doc5")
    with open_library(index) as library:
        report = library.reindex()
        assert (2, 8, 8) == (report.documents, report.passages, library._embedder.embedded)
        expected = WANTED | {"new": Expected.of(1), "doc3": Expected.of(2), "doc5": Expected.of(0)}
        verify(library, expected)


def test_others_are_answered_meanwhile(index: Path) -> None:
    """From the old version until the switch, then from the new one; removals apply to both."""
    with open_library(index) as other, open_library(index, embedder="new") as library:
        embed = library._embedder.embed

        def asked_meanwhile(texts):
            verify(other, WANTED | {"doc2": Expected.of(0, 1)})
            if len(library._catalog._db.query("SELECT 1 FROM documents WHERE source = 'doc2'")):
                other.remove("doc2")
            return embed(texts)

        library._embedder.embed = asked_meanwhile
        library.reindex()
        library._embedder.embed = embed
        verify(library, WANTED | {"doc2": Expected.of(0)})
        with pytest.raises(EmbedderChangedError):
            other.search("river")


def test_one_that_was_cut_off_goes_on(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unfinished version is invisible and blocks no one, and finished work is not repeated."""
    monkeypatch.setattr("rag.index.maintenance.reindex.TOGETHER", 8)

    class Fails(OwnDirections):
        def embed(self, texts):
            if self.embedded >= 24:
                raise EmbedderError("the endpoint is down")
            return super().embed(texts)

    with open_library(index) as library:
        library.__dict__["_embedder"] = Fails("new")
        with pytest.raises(EmbedderError):
            library.reindex()
    with open_library(index) as library:
        verify(library, WANTED)
        assert library._catalog.versions.other().passages == 24
    with open_library(index, embedder="new") as library:
        seen: list[Progress] = []
        report = library.reindex(on_progress=seen.append)
        assert (24, 24) == (report.passages, library._embedder.embedded)
        assert seen[-1].done == seen[-1].total
        verify(library, WANTED)


@pytest.mark.process
def test_a_long_document_goes_on_within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that was interrupted in the middle continues there."""
    monkeypatch.setattr("rag.index.maintenance.reindex.TOGETHER", 8)
    text = text_of("long", 1, paragraphs=40)
    with open_library(tmp_path / "index") as library:
        library.add_documents([Document(text, "long", source="long")])

    class Fails(OwnDirections):
        def embed(self, texts):
            if self.embedded >= 16:
                raise EmbedderError("the endpoint is down")
            return super().embed(texts)

    with open_library(tmp_path / "index") as library:
        library.__dict__["_embedder"] = Fails("new")
        with pytest.raises(EmbedderError):
            library.reindex()
    with open_library(tmp_path / "index", embedder="new") as library:
        assert library.reindex().passages == 24
        assert library._catalog.versions.current().passages == 40
        assert library.check().problems == ()


def test_another_wish_drops_what_was_begun(index: Path) -> None:
    """Only one version is kept beside the current one."""
    with open_library(index, passage_tokens=60) as library:
        library.reindex()
    with open_library(index, embedder="third") as library:
        library.reindex()
        assert library._catalog.versions.other().splitter == "sentences-60-2"
        assert 2 == library._catalog._db.query("SELECT count(*) FROM editions")[0][0]
        verify(library, WANTED)


def test_an_update_that_waited_for_the_old_embedder(index: Path) -> None:
    """Its words were stored while the embedder was down; reindexing with another embedder publishes it."""

    class Down(OwnDirections):
        def embed(self, texts):
            raise EmbedderError("the endpoint is down")

    with open_library(index) as library:
        library.__dict__["_embedder"] = Down()
        (index.parent / "documents" / "doc4").write_text(text_of("doc4", 2))
        (index.parent / "documents" / "new").write_text(text_of("new", 1))
        with pytest.raises(EmbedderError):
            library.sync(index.parent / "documents")
    with open_library(index) as library:
        assert library.document("doc4").text == text_of("doc4", 1)  # the old one is visible until the new one is complete
    with open_library(index, embedder="new") as library:
        library.reindex()
        verify(library, WANTED | {"doc4": Expected.of(2), "new": Expected.of(1)})


def test_a_process_that_scans_follows_the_switch(index: Path) -> None:
    """It has all vectors of the old version in memory, and the log lists no change."""
    with open_library(index) as other:
        verify(other, WANTED)
        with open_library(index, passage_tokens=PASSAGE_TOKENS + 2) as library:
            library.reindex()
        verify(other, WANTED)


@pytest.mark.process
def test_the_page_follows_the_switch(index: Path) -> None:
    """A process that has Chroma open with the old version changes to the new one."""
    with open_library(index, short_lived=False) as page:
        page.sync_vectors()
        with open_library(index, passage_tokens=PASSAGE_TOKENS + 2) as library:
            library.reindex()
        verify(page, WANTED)
        page.sync_vectors()
        health = page.check()
        assert ((), 48) == (health.problems, health.vectors_in_chroma)
        verify(page, WANTED)


def test_an_empty_index(tmp_path: Path) -> None:
    """There is nothing to build; the next documents are embedded with the current settings."""
    with Library.open(tmp_path / "index") as library:
        assert library.reindex().documents == 0
    with open_library(tmp_path / "index") as library:
        library.add_documents([Document("A text.", "T", source="t")])
        assert library._catalog.versions.current().embedder == "own-directions"
