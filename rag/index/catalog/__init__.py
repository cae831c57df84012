"""The catalog: the SQLite file that is the truth about an index. Documents, text, passages, vectors, terms and the log.

Each table has a module; the file beneath them is in `database`. Several processes may use a catalog at once; what it
acknowledges is on disk. It does not embed, rank or know Chroma.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from rag.errors import StorageError
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
    """An open catalog, one attribute a table. Safe to share between threads.

    Attributes:
        lost: Which acknowledged changes are missing; empty unless it was opened with `accept_data_loss`.
    """

    def __init__(self, connections: Connections) -> None:
        self._db = connections
        self.meta = Meta(connections)
        self.changes = ChangeLog(connections, self.meta)
        self.versions = IndexVersions(connections, self.changes)
        self.files = Files(connections)
        self.documents = Documents(connections, self.files)
        self.passages = Passages(connections, self.versions, self.documents)
        self.vectors = Vectors(connections, self.versions, self.documents)
        self.runs = Runs(connections)
        self.lost = ""

    @classmethod
    def open(cls, folder: Path, holder: Callable[[], str] = str, *, accept_data_loss: bool = False) -> Catalog:
        """Opens the catalog in an index folder, or creates both.

        Args:
            folder: The index folder.
            holder: Returns who is importing, for the message of a timeout.
            accept_data_loss: Open a catalog that lost acknowledged changes; `lost` then says which.

        Raises:
            StorageError: The folder cannot be created or written.
            IndexDamagedError: It is damaged, older than what was acknowledged, or from a newer rag.
            IndexBusyError: Another process was using it all the time.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"cannot create the index folder {folder} ({error.strerror})", "name another with --index"
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
        """Closes it in every thread."""
        self._db.close()

    def transaction(self) -> AbstractContextManager[None]:
        """Commits everything written inside together, or nothing."""
        return self._db.transaction()

    def snapshot(self) -> AbstractContextManager[None]:
        """Reads everything inside as of one moment."""
        return self._db.snapshot()

    def commits(self) -> int:
        """Returns a number that grows with every change, whichever process makes it."""
        return int(self.meta.get("commits"))

    def sweep(self, *, unfinished_too: bool) -> int:
        """Deletes dead revisions with everything that belongs to them; see `rag.index.catalog.sweeping`."""
        return sweep(self._db, self.passages, unfinished_too=unfinished_too)

    def problems(self) -> list[str]:
        """Returns what is wrong with the catalog, one sentence each; slow on a large one."""
        return problems(self._db)

    def back_up(self, path: Path) -> int:
        """Writes a copy of this moment; returns its size in bytes. See `rag.index.catalog.database.backup`."""
        return back_up(self._db, path)

    def clean(self) -> None:
        """Erases every trace of removed documents from the catalog's files. See `rag.index.catalog.database.backup`."""
        clean(self._db)
