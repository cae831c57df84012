"""Provides the lock that allows only one process at a time to import into an index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.index.locks import NamedLock

TIMEOUT_S = 600.0  # how long an import waits for another import to finish


def import_lock(folder: Path) -> NamedLock:
    """Returns the import lock of an index folder, without acquiring it."""
    return NamedLock(folder / "import.lock", "importing documents into this index")


@contextmanager
def import_turn(folder: Path, timeout_s: float = TIMEOUT_S) -> Iterator[None]:
    """Waits for an index's import lock, and holds the lock inside the `with` block.

    Raises:
        IndexBusyError: Another process is still importing; the message names it.
        StorageError: The folder cannot be written to.
    """
    lock = import_lock(folder)
    lock.acquire(timeout_s)
    try:
        yield
    finally:
        lock.release()
