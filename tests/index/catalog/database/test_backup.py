"""Backups: whole, never over an existing file, restored over a damaged or missing catalog."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.errors import IndexDamagedError, SourceError
from rag.index.catalog import FILE, Catalog, restore

from ...samples import add


def test_a_backup_brings_everything_back(catalog: Catalog, tmp_path: Path) -> None:
    """As of its moment; the replaced files are kept beside the catalog."""
    add(catalog, "a", "One.", axes=[0])
    assert catalog.back_up(tmp_path / "backup") == (tmp_path / "backup").stat().st_size
    add(catalog, "b", "Two.", axes=[1])
    catalog.close()

    kept = restore(tmp_path / "backup", tmp_path / "index" / FILE)
    restored = Catalog.open(tmp_path / "index")

    assert ["a"] == [source for _, source in restored.documents.live()]
    assert [] == restored.problems()
    assert "" == restored.meta.get("chroma_generation")  # Chroma knows the later document
    assert tmp_path / "index" / "replaced-1" == kept
    assert (kept / FILE).stat().st_size > 0
    restored.close()


def test_a_backup_replaces_a_damaged_catalog(catalog: Catalog, tmp_path: Path) -> None:
    """And creates one in an empty folder."""
    add(catalog, "a", "One.", axes=[0])
    catalog.back_up(tmp_path / "backup")
    catalog.close()
    (tmp_path / "index" / FILE).write_bytes(b"damaged" * 3_000)

    assert restore(tmp_path / "backup", tmp_path / "index" / FILE) is not None
    assert restore(tmp_path / "backup", tmp_path / "new" / FILE) is None
    for folder in ("index", "new"):
        restored = Catalog.open(tmp_path / folder)
        assert 1 == restored.documents.count()
        restored.close()


def test_a_backup_never_overwrites(catalog: Catalog, tmp_path: Path) -> None:
    """A file, or a link to nowhere."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link"):
        with pytest.raises(SourceError, match="already exists"):
            catalog.back_up(tmp_path / name)

    assert b"" == (tmp_path / "file").read_bytes()


def test_a_damaged_backup_changes_nothing(catalog: Catalog, tmp_path: Path) -> None:
    """It is checked before the catalog is touched."""
    add(catalog, "a", "One.", axes=[0])
    catalog.back_up(tmp_path / "backup")
    catalog.close()
    data = (tmp_path / "backup").read_bytes()
    (tmp_path / "backup").write_bytes(data[: len(data) // 2])
    with pytest.raises(IndexDamagedError, match=r"the backup .* is damaged"):
        restore(tmp_path / "backup", tmp_path / "index" / FILE)
    with pytest.raises(SourceError, match="no file"):
        restore(tmp_path / "missing", tmp_path / "index" / FILE)

    reopened = Catalog.open(tmp_path / "index")
    assert 1 == reopened.documents.count()
    reopened.close()


def test_cleaning_erases_removed_text(catalog: Catalog, tmp_path: Path) -> None:
    """From the file and its write-ahead log."""
    document_id, _ = add(catalog, "a", "Canaries sing.", axes=[0])
    catalog.documents.hide([document_id])
    catalog.sweep(unfinished_too=False)
    catalog.clean()

    for path in (tmp_path / "index").iterdir():
        assert b"canaries" not in path.read_bytes().lower(), path
