"""Every error of SQLite's is one of rag's, with a hint, unless the fault is in rag."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from rag.errors import IndexBusyError, IndexDamagedError, StorageError
from rag.index.catalog.database.sqlite_errors import translated

EXPECTED = {
    IndexBusyError: (apsw.BusyError, apsw.LockedError, apsw.ProtocolError, apsw.SchemaChangeError),
    StorageError: (
        apsw.FullError, apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError, apsw.AuthError, apsw.IOError,
        apsw.NoMemError, apsw.TooBigError,
    ),
    IndexDamagedError: (
        apsw.CorruptError, apsw.NotADBError, apsw.SQLError, apsw.ConstraintError, apsw.FormatError, apsw.MismatchError,
        apsw.EmptyError,
    ),
}  # fmt: skip
FAULTS_IN_RAG = {
    apsw.AbortError, apsw.BindingsError, apsw.ConnectionClosedError, apsw.ConnectionNotClosedError,
    apsw.CursorClosedError, apsw.ExecTraceAbort, apsw.ExecutionCompleteError, apsw.ExtensionLoadingError,
    apsw.ForkingViolationError, apsw.IncompleteExecutionError, apsw.InternalError, apsw.InterruptError,
    apsw.InvalidContextError, apsw.MisuseError, apsw.NoFTS5Error, apsw.NoLFSError, apsw.NotFoundError, apsw.RangeError,
    apsw.ThreadingViolationError, apsw.VFSFileClosedError, apsw.VFSNotImplementedError,
}  # fmt: skip


@pytest.mark.parametrize(("theirs", "ours"), [(theirs, ours) for ours, group in EXPECTED.items() for theirs in group])
def test_an_error_is_translated(theirs: type[apsw.Error], ours: type[Exception], tmp_path: Path) -> None:
    """The message names the file, and the hint says what to do."""
    error = translated(theirs("SQLite's words"), tmp_path / "catalog.sqlite3", str)

    assert ours is type(error)
    assert str(tmp_path) in str(error)
    assert error.hint


def test_no_error_is_forgotten() -> None:
    """A new apsw may bring another one."""
    all_errors = {
        value
        for value in vars(apsw).values()
        if isinstance(value, type) and issubclass(value, apsw.Error) and value is not apsw.Error
    }

    assert all_errors == {one for group in EXPECTED.values() for one in group} | FAULTS_IN_RAG


def test_a_fault_in_rag_stays_what_it_is(tmp_path: Path) -> None:
    """It is a bug, not something the user can act on."""
    error = apsw.MisuseError("a bug")

    assert error is translated(error, tmp_path, str)


def test_a_wrong_checksum_is_damage(tmp_path: Path) -> None:
    """SQLite reports it as an error of reading."""
    error = apsw.IOError("disk I/O error")
    error.extendedresult = apsw.SQLITE_IOERR_DATA

    assert isinstance(translated(error, tmp_path, str), IndexDamagedError)
    assert "checksum" in str(translated(error, tmp_path, str))


def test_a_timeout_names_who_is_importing(tmp_path: Path) -> None:
    """If any process is."""
    assert "(pid 7, `rag sync`)" in str(translated(apsw.BusyError(), tmp_path, lambda: "pid 7, `rag sync`"))
    assert "(" not in str(translated(apsw.BusyError(), tmp_path / "x", str)).replace(str(tmp_path), "")
