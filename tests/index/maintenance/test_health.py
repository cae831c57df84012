"""What an index contains, whether its parts agree, and what a repair rebuilds."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.errors import StorageError
from rag.index.catalog import Catalog
from rag.index.maintenance.health import check, limitations, size_of, status

from ..samples import add, stage


class FakeSearch:
    """A vector search whose Chroma differs from the catalog until it is rebuilt."""

    def __init__(self, difference: str = "", *, is_taken: bool = False) -> None:
        self._difference = difference
        self._is_taken = is_taken

    def __len__(self) -> int:
        return 2

    def try_open(self) -> bool:
        return not self._is_taken

    def sync(self) -> int:
        return 0

    def difference(self) -> str:
        return self._difference

    def erase(self) -> bool:
        self._difference = ""
        return True

    def holder(self) -> str:
        return "pid 7"


@pytest.fixture
def filled(catalog: Catalog) -> Catalog:
    """Two documents, of which one waits for the vector of its only passage."""
    catalog.versions.name("mini", "sentences-200")
    add(catalog, "a", "One.", "Two.", axes=[0, 1])
    add(catalog, "b", "Three.")
    return catalog


def test_the_size_is_that_of_all_files(tmp_path: Path) -> None:
    """In subfolders too."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "sub" / "b").write_bytes(b"123")

    assert 8 == size_of(tmp_path)


def test_the_status_counts(filled: Catalog, tmp_path: Path) -> None:
    """Documents, passages, and passages that wait for vectors."""
    found = status(tmp_path, filled, 0.25)

    assert (str(tmp_path), 2, 3, 1, "mini", 0.25) == (
        found.index, found.documents, found.passages, found.waiting, found.embedder, found.evidence,
    )  # fmt: skip
    assert size_of(tmp_path) == found.size
    assert "chromadb" in found.versions


def test_a_healthy_index_has_no_problem(filled: Catalog, tmp_path: Path) -> None:
    """Chroma's vectors are counted."""
    health = check(tmp_path, filled, FakeSearch(), repair=False)

    assert ((), (), 2, "") == (health.problems, health.repaired, health.vectors_in_chroma, health.chroma_holder)


def test_another_process_that_has_chroma_open_is_named(filled: Catalog, tmp_path: Path) -> None:
    """Its vectors cannot be counted from here."""
    health = check(tmp_path, filled, FakeSearch(is_taken=True), repair=False)

    assert (None, "pid 7") == (health.vectors_in_chroma, health.chroma_holder)


@pytest.mark.parametrize("repair", [False, True])
def test_a_chroma_that_differs_is_rebuilt(filled: Catalog, tmp_path: Path, repair: bool) -> None:
    """It is derived from the catalog, so that is a notice and no problem."""
    found = check(tmp_path, filled, FakeSearch("Chroma lacks 1 vectors"), repair=repair)

    assert ((), ("Chroma lacks 1 vectors; it was rebuilt from the catalog",)) == (found.problems, found.notices)


def test_a_chroma_that_cannot_be_opened_is_no_problem(
    filled: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Searches do without it."""

    def fails(self: FakeSearch) -> bool:
        raise StorageError("Chroma cannot be started")

    monkeypatch.setattr(FakeSearch, "try_open", fails)
    found = check(tmp_path, filled, FakeSearch(), repair=False)

    assert ((), None) == (found.problems, found.vectors_in_chroma)
    assert "Chroma cannot be started; until it works again, searches scan the vectors" in found.notices[0]


def test_a_repair_deletes_unfinished_work(filled: Catalog, tmp_path: Path) -> None:
    """What an import left when it was killed."""
    stage(filled, "c", "Half.")
    check(tmp_path, filled, FakeSearch(), repair=True)

    assert [(2,)] == filled._db.query("SELECT count(*) FROM documents")


def test_lost_changes_are_reported(filled: Catalog, tmp_path: Path) -> None:
    """After the catalog was opened in spite of them."""
    filled.lost = "catalog.sqlite3 has lost its latest changes"
    (repaired,) = check(tmp_path, filled, FakeSearch(), repair=False).repaired

    assert repaired.startswith("catalog.sqlite3 has lost its latest changes")
    assert "sync your documents again" in repaired


def test_what_works_less_well_is_said(filled: Catalog, tmp_path: Path) -> None:
    """As a note, on the systems and processors that it concerns."""
    assert () == limitations("linux", has_fast_kernel=True)
    assert "on Windows" in limitations("win32", has_fast_kernel=True)[0]
    assert "on macOS" in limitations("darwin", has_fast_kernel=True)[0]
    assert "imports take longer" in limitations("linux", has_fast_kernel=False)[0]

    health = check(tmp_path, filled, FakeSearch(), ["something is limited"], repair=False)
    assert (("something is limited",), ()) == (health.notices, health.problems)
