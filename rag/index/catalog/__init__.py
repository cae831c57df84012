"""The catalog: the one file that is the truth about an index. Documents, text, passages, vectors, words, and the log.

The only home of apsw (SQLite). Several processes may use it at once; what it acknowledges is on disk. It does not embed,
rank or know Chroma.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rag.errors import StorageError
from rag.index.catalog.backup import Upkeep, restore
from rag.index.catalog.connection import Connections
from rag.index.catalog.index_versions import Editions
from rag.index.catalog.runs import Runs

__all__ = ["Catalog", "restore"]

FILE = "catalog.sqlite3"


class Catalog(Editions, Runs, Upkeep):
    """An open catalog. Safe to share between threads.

    Attributes:
        lost: That acknowledged changes are missing, in words; empty unless it was opened as it is.
    """

    def __init__(self, connections: Connections) -> None:
        self._db = connections
        self._dimensions = {}
        self.lost = ""

    @classmethod
    def open(cls, folder: Path, holder: Callable[[], str] = str, *, accept_data_loss: bool = False) -> Catalog:
        """Opens the catalog in an index folder, or makes both.

        Args:
            folder: The index folder.
            holder: Says who is importing, for the message to somebody who waited in vain.
            accept_data_loss: Take a catalog that lost acknowledged changes; `lost` says so then.

        Raises:
            StorageError: The folder cannot be made or written.
            IndexDamagedError: It is not whole, older than what was acknowledged, or from a newer rag.
            IndexBusyError: Another process was using it all the time.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"the index folder {folder} cannot be made ({error.strerror})", "name another with --index"
            ) from error
        catalog = cls(Connections(folder / FILE, holder))
        try:
            catalog.lost = catalog._db.open(accept_data_loss=accept_data_loss)
            if catalog.lost:
                catalog.begin_generation()
        except BaseException:
            catalog.close()
            raise
        return catalog

    def close(self) -> None:
        """Closes it in every thread."""
        self._db.close()
