"""The catalog as a whole: transactions over several tables, snapshots, commits, an impossible folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.errors import StorageError
from rag.index.catalog import Catalog

from ..samples import add


def test_a_transaction_is_all_or_nothing(catalog: Catalog) -> None:
    """An error inside undoes the changes of every table."""

    def interrupted() -> None:
        with catalog.transaction():
            catalog.meta.set("colour", "blue")
            catalog.files.root_id("sync", "/a")
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()

    assert ("", []) == (catalog.meta.get("colour"), catalog.files.roots("sync"))


def test_a_snapshot_does_not_see_later_changes(catalog: Catalog, tmp_path: Path) -> None:
    """Another process's commit is seen after the snapshot."""
    other = Catalog.open(tmp_path / "index")
    with catalog.snapshot():
        assert 0 == catalog.documents.count()
        add(other, "a", "One.", axes=[0])
        assert (0, 0) == (catalog.documents.count(), catalog.versions.current().passages)
    other.close()

    assert (1, 1) == (catalog.documents.count(), catalog.versions.current().passages)


def test_every_commit_is_counted(catalog: Catalog) -> None:
    """By whichever process; a transaction counts once."""
    before = catalog.commits()
    with catalog.transaction():
        catalog.meta.set("a", "1")
        catalog.meta.set("b", "2")

    assert before + 1 == catalog.commits()


def test_a_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    """A file is in its place."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot create the index folder") as raised:
        Catalog.open(tmp_path / "file" / "index")

    assert "--index" in raised.value.hint
