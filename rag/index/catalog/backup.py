"""Backs up, restores and cleans the catalog's file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import BinaryIO

import apsw

from rag.errors import IndexBusyError, IndexDamagedError, SourceError, StorageError
from rag.index.catalog.connection import Connections, open_file

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def back_up(connections: Connections, path: Path) -> int:
    """Writes a copy of the catalog as it is at one moment, while others go on; returns its size in bytes.

    The copy appears under its name only when it is complete.

    Raises:
        SourceError: The file exists already.
        StorageError: It cannot be written.
    """
    if os.path.lexists(path):
        raise SourceError(f"{str(path)!r} exists already", "name another file, or remove it first")
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        # Not SQLite's backup, which starts over whenever another process writes, and keeps free pages.
        connections.query(f"VACUUM INTO '{_quoted(beside)}'")
        _sync(beside)
        os.replace(beside, path)
        _sync(path.parent)
    except OSError as error:
        raise StorageError(f"{path} cannot be written ({error.strerror})", "check the disk and the permissions") from error
    finally:
        beside.unlink(missing_ok=True)
    return path.stat().st_size


def clean(connections: Connections) -> None:
    """Erases every trace of removed documents from the catalog's files.

    Raises:
        IndexBusyError: Another process kept reading an older state all the time.
    """
    for (version,) in connections.query("SELECT id FROM editions"):
        # FTS5 of SQLite 3.40 and later keeps a deleted word in the file until this has run, even with secure_delete.
        connections.run(f"INSERT INTO words_{version} (words_{version}) VALUES ('optimize')")
    connections.query("VACUUM")
    if connections.query("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]:
        raise IndexBusyError("another process is reading an older state of the index", "stop it, then repeat")


def restore(backup: Path, catalog: Path) -> Path | None:
    """Puts a backup in the place of a catalog that nobody has open; returns where the old files were copied, if any.

    Raises:
        SourceError: There is no such file.
        IndexDamagedError: It is no sound backup; nothing was changed.
        IndexBusyError: A process has the catalog open.
        StorageError: The folder cannot be written.
    """
    if not backup.is_file():
        raise SourceError(f"no file {str(backup)!r}", "name a backup made by `rag backup`")
    beside = catalog.with_name("restoring.sqlite3")
    try:
        catalog.parent.mkdir(parents=True, exist_ok=True)
        _remove(beside)
        shutil.copyfile(backup, beside)
        _make_ready(beside, backup)
        with catalog.open("ab+") as place:
            _lock_out(place, catalog)
            old = _set_aside(catalog)
            # Into the same file, not renamed over it: a process that opens it just now waits for our lock, and finds a
            # catalog with its own log. Cut off, this leaves damage that is seen; then it is repeated.
            for companion in _files_of(catalog)[1:]:
                companion.unlink(missing_ok=True)
            with beside.open("rb") as whole:
                place.truncate(0)
                shutil.copyfileobj(whole, place)
            place.flush()
            os.fsync(place.fileno())
    except OSError as error:
        raise StorageError(
            f"{catalog} cannot be written ({error.strerror})", "check the disk and the permissions"
        ) from error
    finally:
        _remove(beside)
    return old


def _make_ready(copy: Path, backup: Path) -> None:
    """Reads every page of a copy, brings it up to this version, and parts it from the vector index of its time."""
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
        raise IndexDamagedError(f"{backup} is no sound backup ({found[0]})", "nothing was changed; try an older one")


def _lock_out(place: BinaryIO, catalog: Path) -> None:
    """Takes the lock that every open connection of SQLite's shares, until the file is closed.

    Source: sqlite3.c, unix VFS, SHARED_FIRST and SHARED_SIZE; on Windows an open file cannot be written over anyway.
    """
    if fcntl is None:
        return
    try:
        fcntl.lockf(place, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)
    except OSError:
        raise IndexBusyError(f"another process has {catalog} open", "end it (a page, a command), and repeat") from None


def _set_aside(catalog: Path) -> Path | None:
    """Copies a catalog with its companions into a folder of their own."""
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
    return [*_of_sqlite(catalog), catalog.with_name("catalog.receipt")]


def _of_sqlite(catalog: Path) -> list[Path]:
    return [catalog.with_name(catalog.name + suffix) for suffix in ("", "-wal", "-shm", "-journal")]


def _remove(catalog: Path) -> None:
    for path in _of_sqlite(catalog):
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Makes sure that a file, or a folder's list of names, is on disk."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # folders cannot be opened on Windows, nor need to be
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("'", "''")
