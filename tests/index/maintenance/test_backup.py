"""A backup is restored while no other process imports."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.errors import IndexBusyError, StorageError
from rag.index.catalog import Catalog
from rag.index.import_lock import import_lock
from rag.index.maintenance.backup import restore_backup

from ..samples import add


@pytest.fixture
def backup(catalog: Catalog, tmp_path: Path) -> Path:
    """Of a catalog with one document."""
    add(catalog, "a", "One.", axes=[0])
    catalog.back_up(tmp_path / "backup")
    return tmp_path / "backup"


def test_a_backup_is_restored_into_a_new_folder(backup: Path, tmp_path: Path) -> None:
    """Which is created; there is nothing to keep."""
    assert restore_backup(backup, tmp_path / "new" / "index") is None

    restored = Catalog.open(tmp_path / "new" / "index")
    assert ["a"] == [source for _, source in restored.documents.live()]
    restored.close()


def test_a_restore_does_not_wait_for_an_import(backup: Path, tmp_path: Path) -> None:
    """It names the process that imports."""
    lock = import_lock(tmp_path / "index")
    lock.acquire()
    with pytest.raises(IndexBusyError, match="importing documents"):
        restore_backup(backup, tmp_path / "index")
    lock.release()


def test_a_folder_that_cannot_be_created_is_named(backup: Path, tmp_path: Path) -> None:
    """A file is in its place."""
    with pytest.raises(StorageError, match="cannot create the index folder"):
        restore_backup(backup, backup / "index")
