"""Backs up and restores the catalog's file, and erases the traces that removed documents left in it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import BinaryIO

import apsw

from rag.errors import IndexBusyError, IndexDamagedError, SourceError, StorageError
from rag.index.catalog.database.connections import Connections
from rag.index.catalog.database.opening import open_file

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def back_up(connections: Connections, path: Path) -> int:
    """Writes a consistent copy of the catalog while other processes keep working; returns the copy's size in bytes.

    The copy appears under its final name only when it is complete.

    Raises:
        SourceError: The file already exists.
        StorageError: The file cannot be written.
    """
    if os.path.lexists(path):
        raise SourceError(f"{str(path)!r} already exists", "choose another file name, or delete that file first")
    unfinished = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)
        # SQLite's backup API is not used, because it restarts whenever another process writes, and also copies free pages.
        connections.query(f"VACUUM INTO '{_quoted(unfinished)}'")
        _sync(unfinished)
        os.replace(unfinished, path)
        _sync(path.parent)
    except OSError as error:
        raise StorageError(f"cannot write {path} ({error.strerror})", "check the disk and the permissions") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return path.stat().st_size


def clean(connections: Connections) -> None:
    """Erases every trace of removed documents from the catalog's files.

    Raises:
        IndexBusyError: Another process is still reading an older state of the catalog.
    """
    for (version,) in connections.query("SELECT id FROM editions"):
        # subtle: FTS5 keeps deleted words in the file until 'optimize' runs, even if secure_delete is on (SQLite 3.40+).
        connections.run(f"INSERT INTO words_{version} (words_{version}) VALUES ('optimize')")
    connections.query("VACUUM")
    if connections.query("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]:
        raise IndexBusyError(
            "another process is still reading an older state of the index", "stop that process, then try again"
        )


def restore(backup: Path, catalog: Path) -> Path | None:
    """Replaces a catalog with a backup, provided that no process has the catalog open.

    Returns:
        The folder that the old files were copied to; None if there were no old files.

    Raises:
        SourceError: The backup does not exist.
        IndexDamagedError: The backup is damaged; nothing was changed.
        IndexBusyError: A process has the catalog open.
        StorageError: The folder cannot be written to.
    """
    if not backup.is_file():
        raise SourceError(f"there is no file {str(backup)!r}", "specify a file created by `rag backup`")
    copy = catalog.with_name("restoring.sqlite3")
    try:
        catalog.parent.mkdir(parents=True, exist_ok=True)
        _remove(copy)
        shutil.copyfile(backup, copy)
        _prepare(copy, backup)
        with catalog.open("ab+") as target:
            _lock_exclusively(target, catalog)
            old = _copy_aside(catalog)
            # The backup is written into the existing file instead of being renamed to it. A process that opens the catalog
            # in the meantime waits for the lock, and then finds a catalog that matches its log. An interruption leaves a
            # damaged file; the damage is detected when the file is opened, and the restore can be repeated.
            for companion in _files_of(catalog)[1:]:
                companion.unlink(missing_ok=True)
            with copy.open("rb") as source:
                target.truncate(0)
                shutil.copyfileobj(source, target)
            target.flush()
            os.fsync(target.fileno())
    except OSError as error:
        raise StorageError(f"cannot write {catalog} ({error.strerror})", "check the disk and the permissions") from error
    finally:
        _remove(copy)
    return old


def _prepare(copy: Path, backup: Path) -> None:
    """Checks every page of a copy, migrates it to the current schema, and removes its references to a vector index."""
    try:
        connection = open_file(copy)
        try:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check(10)")]
            connection.execute("DELETE FROM meta WHERE key IN ('chroma_generation', 'chroma_filled')")
            connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        finally:
            connection.close()
    except (apsw.Error, IndexDamagedError) as error:
        found = [str(error)]
    if found != ["ok"]:
        raise IndexDamagedError(f"the backup {backup} is damaged ({found[0]})", "nothing was changed; try an older backup")


def _lock_exclusively(target: BinaryIO, catalog: Path) -> None:
    """Locks the bytes on which every open SQLite connection holds a shared lock. Closing the file releases the lock.

    Windows needs no lock, because it does not allow an open file to be overwritten.

    The Unix VFS in sqlite3.c defines these bytes as PENDING_BYTE, SHARED_FIRST and SHARED_SIZE.
    """
    if fcntl is None:
        return
    try:
        fcntl.lockf(target, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)
    except OSError:
        raise IndexBusyError(
            f"another process has {catalog} open", "stop the web interface or rag command that uses it, then try again"
        ) from None


def _copy_aside(catalog: Path) -> Path | None:
    """Copies a catalog's files into a new folder next to it; returns the folder, or None if there are no files."""
    companions = [path for path in _files_of(catalog) if path.exists() and path.stat().st_size]
    if not companions:
        return None
    n = 1
    while (folder := catalog.with_name(f"replaced-{n}")).exists():
        n += 1
    folder.mkdir()
    for path in companions:
        shutil.copyfile(path, folder / path.name)
    return folder


def _files_of(catalog: Path) -> list[Path]:
    return [*_sqlite_files(catalog), catalog.with_name("catalog.receipt")]


def _sqlite_files(catalog: Path) -> list[Path]:
    return [catalog.with_name(catalog.name + suffix) for suffix in ("", "-wal", "-shm", "-journal")]


def _remove(catalog: Path) -> None:
    for path in _sqlite_files(catalog):
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Flushes a file, or a folder's directory entries, to disk."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows cannot open folders, and does not need to flush them
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("'", "''")
