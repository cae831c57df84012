"""Adding, syncing and removing: under which root a document belongs, and whose turn it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rag import Library
from rag.errors import IndexBusyError, SourceError
from rag.index.locks import NamedLock


def sources(library: Library) -> list[str]:
    return [info.source for info in library.documents() if info.state != "failed"]


def test_two_roots_with_the_same_names(library: Library, folder: Path, tmp_path: Path) -> None:
    """Each keeps its own document; syncing one does not touch the other."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "rivers.txt").write_text("The Nile is in Africa.\n", "utf-8")
    library.sync(folder)
    library.sync(other)
    library.sync(folder)

    assert 2 == sources(library).count("rivers.txt")
    with pytest.raises(SourceError, match="2 documents are called"):
        library.document("rivers.txt")
    assert "The Nile is in Africa.\n" == library.document(str(other / "rivers.txt")).text


def test_add_and_remove(library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is found under the name by which it was added, removed, and added again."""
    monkeypatch.chdir(folder)
    assert 1 == library.add("rivers.txt").added
    assert ["rivers.txt"] == sources(library)
    assert 1 == library.remove("rivers.txt")
    assert [] == sources(library)
    assert [] == library.search("Danube")
    assert 1 == library.add("rivers.txt").added


def test_removed_from_a_synced_folder_stays_out(library: Library, folder: Path) -> None:
    """The next sync does not bring it back; adding it by name does."""
    library.sync(folder)
    library.remove("rivers.txt")
    library.sync(folder)
    assert "rivers.txt" not in sources(library)

    library.add(folder / "rivers.txt")
    assert "rivers.txt" in sources(library)
    assert 3 == len(sources(library))


def test_a_file_added_by_name_survives_the_next_sync(library: Library, folder: Path) -> None:
    """Even a hidden file, which a sync skips."""
    library.sync(folder)
    (folder / ".hidden.txt").write_text("The hidden treasure is gold.", "utf-8")
    assert library.add(folder / ".hidden.txt").added == 1
    assert library.sync(folder).removed == 0
    assert ".hidden.txt" in sources(library)


def test_a_second_import_names_the_first(library: Library, folder: Path) -> None:
    """The error names the process that holds the lock."""
    lock = NamedLock(library.folder / "import.lock", "importing")
    lock.acquire()
    try:
        with pytest.raises(IndexBusyError, match=rf"pid {os.getpid()}"):
            library.sync(folder, timeout_s=0)
    finally:
        lock.release()
    assert 3 == library.sync(folder).added
