"""The lock by which imports into one index take turns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rag.index.locks import NamedLock

TIMEOUT_S = 600.0  # how long an import waits for another one


def import_lock(folder: Path) -> NamedLock:
    """Returns the import lock of an index folder, not yet acquired."""
    return NamedLock(folder / "import.lock", "importing documents into this index")


@contextmanager
def import_turn(folder: Path, timeout_s: float = TIMEOUT_S) -> Iterator[None]:
    """Waits for its turn to import into an index, and holds the lock inside.

    Raises:
        IndexBusyError: Another process still imports; the message names it.
        StorageError: The folder cannot be written.
    """
    lock = import_lock(folder)
    lock.acquire(timeout_s)
    try:
        yield
    finally:
        lock.release()
