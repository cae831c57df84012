"""Documents are stored together, long ones with their words first; a removal in the meantime wins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import Document, Library

from ...torture.world import leave_chroma_alone


@pytest.fixture
def other(library: Library) -> Iterator[Library]:
    """The same index, as another process has it open."""
    with Library.open(library.folder, short_lived=True) as opened:
        leave_chroma_alone(opened)
        yield opened


def sources(library: Library) -> list[str]:
    return [info.source for info in library.documents() if info.state != "failed"]


def test_long_documents_are_found_by_words_first(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long new document is searchable while its vectors follow; a long changed one is replaced as a whole."""
    monkeypatch.setattr("rag.index.importing.changes.LONG", 20)
    monkeypatch.setattr("rag.index.importing.batch_writer.TOGETHER", 10)
    seen: list[tuple[int, int]] = []
    embed = library._embedder.embed

    def spy(texts):
        if len(texts) > 1:
            seen.append((len(library._catalog.documents.infos()), library._catalog.documents.waiting()[1]))
        return embed(texts)

    monkeypatch.setattr(library._embedder, "embed", spy)
    text = "\n\n".join(f"Paragraph {i} tells of item number {i} and of nothing else at all. " * 6 for i in range(70))
    library.add_documents([Document(text, "Long", source="long")])
    assert seen[0][0] == 1
    assert seen[0][1] >= 30
    assert 0 == library._catalog.documents.waiting()[1]
    assert "item number 57" in library.search("item number 57")[0].text
    assert library.document("long").text == text

    report = library.add_documents([Document(text.replace("item number 57", "item number 9999"), "Long", source="long")])
    assert 1 == report.updated
    assert "item number 9999" in library.search("item number 9999")[0].text
    assert 1 == len(library.documents())


def test_removed_while_it_is_imported(library: Library, other: Library, folder: Path) -> None:
    """A removal by hand during an import wins, whichever of the two is acknowledged first."""
    library.sync(folder)
    (folder / "rivers.txt").write_text("The Danube is long, and ends in the Black Sea.", "utf-8")
    embed = library._embedder.embed

    def removed_meanwhile(texts):
        if "rivers.txt" in sources(other):
            other.remove("rivers.txt")
        return embed(texts)

    library._embedder.embed = removed_meanwhile
    report = library.sync(folder)

    assert (0, 0) == (report.added, report.updated)
    assert ["sub/bread.txt", "towers.md"] == sources(library)
    assert () == library.check().problems


def test_a_long_one_removed_while_it_is_imported(
    library: Library, other: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it remains, although its words were being stored."""
    monkeypatch.setattr("rag.index.importing.changes.LONG", 4)
    monkeypatch.setattr("rag.index.importing.batch_writer._WORDS_AT_ONCE", 4)
    text = "\n\n".join(f"Paragraph {i} tells of item number {i} and of nothing else at all. " * 6 for i in range(40))
    (folder / "long.txt").write_text("Short at first.", "utf-8")
    library.sync(folder)
    (folder / "long.txt").write_text(text, "utf-8")
    add, calls = library._catalog.passages.add, []

    def removed_meanwhile(*given):
        calls.append(given)
        if len(calls) == 3:
            other.remove("long.txt")
        return add(*given)

    monkeypatch.setattr(library._catalog.passages, "add", removed_meanwhile)
    library.sync(folder)

    assert "long.txt" not in sources(library)
    assert () == library.check().problems
    assert 3 == library._catalog.versions.current().passages
