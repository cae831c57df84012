"""Restores a backup, and prevents other processes from importing in the meantime."""

from __future__ import annotations

from pathlib import Path

from rag.errors import StorageError
from rag.index.catalog import FILE, restore
from rag.index.import_lock import import_turn


def restore_backup(backup: Path, folder: Path) -> Path | None:
    """Replaces the catalog in an index folder with a backup.

    Returns:
        The folder that the old catalog was copied to; None if there was no old catalog.

    Raises:
        SourceError: The backup does not exist.
        IndexBusyError: Another process has the index open.
        IndexDamagedError: The backup is damaged; nothing was changed.
        StorageError: The folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot create the index folder {folder} ({error.strerror})") from error
    with import_turn(folder, timeout_s=0):
        return restore(backup, folder / FILE)
