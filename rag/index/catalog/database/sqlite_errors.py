"""Translates SQLite's errors into rag's own errors."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import apsw

from rag.errors import IndexBusyError, IndexDamagedError, RagError, StorageError

WAIT_S = 30  # how long a transaction waits for other processes' transactions, all of which are short
RESTORE_HINT = "restore a backup with `rag restore FILE`, or move the index folder away and sync your documents again"
_DAMAGED_READS = {apsw.SQLITE_IOERR_DATA, apsw.SQLITE_IOERR_CORRUPTFS, apsw.SQLITE_IOERR_SHORT_READ}


def translated(error: apsw.Error, path: Path, holder: Callable[[], str]) -> RagError | apsw.Error:
    """Returns the rag error that corresponds to an SQLite error, or the SQLite error itself if a bug in rag caused it.

    Args:
        error: SQLite's error.
        path: The catalog's file, for the message.
        holder: Function that describes the process that is importing ("" if there is none), for the message.
    """
    code = extended_code(error)
    match error:
        case apsw.BusyError() | apsw.LockedError() | apsw.ProtocolError() | apsw.SchemaChangeError():
            who = holder()
            return IndexBusyError(
                f"another process has been writing to {path} for over {WAIT_S} s" + (f" ({who})" if who else ""),
                "try again, or stop that process",
            )
        case apsw.FullError():
            return StorageError(
                f"the disk that contains {path} is full", "free some space and try again; no saved data was lost"
            )
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError() | apsw.AuthError():
            return StorageError(
                f"{path} {_why_unwritable(path)}",
                "check the folder's permissions, or choose another folder with --index",
            )
        case apsw.IOError() if code not in _DAMAGED_READS:
            return StorageError(
                f"reading or writing {path} failed (SQLite error {code})",
                "check the disk and its free space; no saved data was lost",
            )
        case apsw.NoMemError() | apsw.TooBigError():
            return StorageError(
                f"an operation on {path} needs too much memory ({error})", "free some memory, or split the document"
            )
        case (
            apsw.CorruptError() | apsw.NotADBError() | apsw.IOError() | apsw.SQLError() | apsw.ConstraintError()
            | apsw.FormatError() | apsw.MismatchError() | apsw.EmptyError()
        ):  # fmt: skip
            why = "a page does not match its checksum" if code == apsw.SQLITE_IOERR_DATA else error
            return IndexDamagedError(f"{path} is damaged ({why})", RESTORE_HINT)
        case _:
            return error


def extended_code(error: apsw.Error) -> int:
    """Returns SQLite's extended error code; 0 if there is none."""
    return int(getattr(error, "extendedresult", 0))


def _why_unwritable(path: Path) -> str:
    """Returns the operating system's explanation of why a file cannot be opened for writing."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o644))
    except OSError as error:
        return f"cannot be written ({error.strerror})"
    return "or its folder is read-only"
