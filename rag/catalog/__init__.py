"""The catalog: the one file that is the truth about an index. Documents, text, passages, vectors, words, and the log.

The only home of sqlite3. Several processes may use it at once; what it acknowledges is on disk. It does not embed, rank
or know Chroma.
"""

from __future__ import annotations

from pathlib import Path

from rag.catalog.connection import Connections
from rag.catalog.reading import Reading
from rag.catalog.writing import Writing
from rag.errors import StorageError

__all__ = ["Catalog"]


class Catalog(Reading, Writing):
    """An open catalog. Safe to share between threads."""

    def __init__(self, connections: Connections) -> None:
        self._db = connections

    @classmethod
    def open(cls, folder: Path) -> Catalog:
        """Opens the catalog in an index folder, or makes both.

        Raises:
            StorageError: The folder cannot be made or written.
            IndexDamagedError: It is not whole, or from a newer rag.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"the index folder {folder} cannot be made ({error.strerror})", "name another with --index"
            ) from error
        catalog = cls(Connections(folder / "catalog.sqlite3"))
        catalog.meta("schema")  # the first touch opens and checks it
        return catalog

    def close(self) -> None:
        """Closes it in every thread."""
        self._db.close()
