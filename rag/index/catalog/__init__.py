"""The catalog is the SQLite file that contains an index's documents, text, passages, vectors, terms and change log.

The catalog is the source of truth for an index. Each main table has its own module; the `database` package opens and
maintains the file itself. Several processes may use a catalog at the same time, and every acknowledged change is on disk.
The catalog does not compute embeddings, and does not depend on Chroma.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from rag.errors import StorageError
from rag.index.catalog.blocks import Blocks
from rag.index.catalog.change_log import ChangeLog
from rag.index.catalog.database.backup import back_up, clean, restore
from rag.index.catalog.database.connections import Connections
from rag.index.catalog.documents import Documents
from rag.index.catalog.files import Files
from rag.index.catalog.index_versions import IndexVersions
from rag.index.catalog.integrity import problems
from rag.index.catalog.meta import Meta
from rag.index.catalog.passages import Passages
from rag.index.catalog.runs import Runs
from rag.index.catalog.sweeping import sweep
from rag.index.catalog.vectors import Vectors

__all__ = ["FILE", "Catalog", "restore"]

FILE = "catalog.sqlite3"


class Catalog:
    """An open catalog, with one attribute for each main table. Safe to share between threads.

    Attributes:
        lost: A description of the acknowledged changes that are missing; always empty unless the catalog was opened with
            `accept_data_loss`.
    """

    def __init__(self, connections: Connections) -> None:
        self._db = connections
        self.meta = Meta(connections)
        self.changes = ChangeLog(connections, self.meta)
        self.versions = IndexVersions(connections, self.changes)
        self.files = Files(connections)
        self.blocks = Blocks(connections)
        self.documents = Documents(connections, self.files, self.blocks)
        self.passages = Passages(connections, self.versions, self.documents)
        self.vectors = Vectors(connections, self.versions, self.documents)
        self.runs = Runs(connections)
        self.lost = ""

    @classmethod
    def open(cls, folder: Path, holder: Callable[[], str] = str, *, accept_data_loss: bool = False) -> Catalog:
        """Opens the catalog in an index folder; creates the folder and the catalog if they do not exist.

        Args:
            folder: The index folder.
            holder: Function that describes the process that is importing, for the error message after a timeout.
            accept_data_loss: Also open a catalog that has lost acknowledged changes; `lost` then describes them.

        Raises:
            StorageError: The folder cannot be created or written to.
            IndexDamagedError: The catalog is damaged, lacks acknowledged changes, or was written by a newer version of rag.
            IndexBusyError: Another process kept the catalog locked for too long.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"cannot create the index folder {folder} ({error.strerror})", "choose another folder with --index"
            ) from error
        catalog = cls(Connections(folder / FILE, holder))
        try:
            catalog.lost = catalog._db.open(accept_data_loss=accept_data_loss)
            if catalog.lost:
                catalog.changes.new_generation()
        except BaseException:
            catalog.close()
            raise
        return catalog

    def close(self) -> None:
        """Closes the catalog's connections in all threads."""
        self._db.close()

    def transaction(self) -> AbstractContextManager[None]:
        """Commits everything written inside the `with` block together, or nothing if the block raises an exception."""
        return self._db.transaction()

    def snapshot(self) -> AbstractContextManager[None]:
        """Makes all reads inside the `with` block see the same state of the catalog."""
        return self._db.snapshot()

    def commits(self) -> int:
        """Returns the total number of commits that all processes have made to the catalog."""
        return int(self.meta.get("commits"))

    def sweep(self, *, unfinished_too: bool) -> int:
        """Deletes revisions that are no longer needed, along with all their data; see `rag.index.catalog.sweeping`."""
        return sweep(self._db, self.passages, unfinished_too=unfinished_too)

    def problems(self) -> list[str]:
        """Checks the catalog and returns a description of each problem found. Slow for a large catalog."""
        return problems(self._db)

    def back_up(self, path: Path) -> int:
        """Writes a copy of the catalog's current state; returns the copy's size in bytes.

        See `rag.index.catalog.database.backup`.
        """
        return back_up(self._db, path)

    def clean(self) -> None:
        """Erases every trace of removed documents from the catalog's files. See `rag.index.catalog.database.backup`."""
        clean(self._db)
