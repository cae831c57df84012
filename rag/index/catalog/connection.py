"""Opens the catalog's file, gives each thread its own connection, and turns SQLite's errors into rag's.

Every page of the file carries a checksum that is verified when it is read (SQLite's cksumvfs): a flipped bit is an error,
never an answer.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import apsw
import apsw.sqlite_extra

from rag.errors import IndexBusyError, IndexDamagedError, RagError, StorageError
from rag.index.catalog.receipt import Receipt
from rag.index.catalog.schema import check_kind, migrate, version_of

_T = TypeVar("_T")

_WAIT_S = 30  # for another process's transaction; they are short
_PAGE = 8192  # bytes: five vectors of 384 floats, where 4,096 would hold two
_CHECKSUM = 8  # bytes at each page's end
_LARGEST_WAL = 64 << 20  # bytes that the write-ahead log's file keeps when it is idle
_RESTORE_HINT = "restore a backup: rag restore FILE; or move the folder away, and sync the documents into a new one"
_DAMAGED_READS = {apsw.SQLITE_IOERR_DATA, apsw.SQLITE_IOERR_CORRUPTFS, apsw.SQLITE_IOERR_SHORT_READ}
_LOOKS = 5  # at a first page whose checksum is wrong, before it counts as damaged
_registering = threading.Lock()


class Connections:
    """The catalog's file, opened once in each thread that uses it.

    Args:
        path: The file.
        holder: Says who is importing, for the message to somebody who waited in vain; empty if nobody is.
    """

    def __init__(self, path: Path, holder: Callable[[], str] = str) -> None:
        self.path = path
        self._holder = holder
        self._receipt = Receipt(path.with_name("catalog.receipt"))
        self.name = ""  # the catalog's id, once it is open
        self._local = threading.local()
        self._all: list[tuple[threading.Thread, apsw.Connection]] = []
        self._guard = threading.Lock()

    def open(self, *, accept_data_loss: bool = False) -> str:
        """Opens the file, or makes it, and makes sure that nothing acknowledged is missing.

        Args:
            accept_data_loss: Take a catalog that lost acknowledged changes; its receipt is begun anew.

        Returns:
            What is missing, in words; always empty unless `accept_data_loss`.

        Raises:
            StorageError: It cannot be made or written.
            IndexDamagedError: It is not whole, not a catalog, older than what was acknowledged, or from a newer rag.
            IndexBusyError: Another process was using it all the time.
        """
        acknowledged = self._receipt.read()  # before the catalog, which only grows
        is_there = self.path.exists() and self.path.stat().st_size > 0
        missing = f"{self.path} is missing or empty, but documents were taken in" if acknowledged and not is_there else ""
        if not missing or accept_data_loss:
            self.name, commits = self._identity()
            if self._is_cut_off():
                raise IndexDamagedError(f"{self.path} is shorter than it was", _RESTORE_HINT)
            if acknowledged and is_there and (acknowledged[0] != self.name or acknowledged[1] > commits):
                missing = f"{self.path} lost its last changes, or another file was put in its place"
        if missing and not accept_data_loss:
            raise IndexDamagedError(missing, f"{_RESTORE_HINT}; `rag doctor --repair` goes on with what is there")
        if missing:
            self._receipt.forget()
        return missing

    def _identity(self) -> tuple[str, int]:
        """The catalog's id and its number of commits."""
        facts = dict(self.query("SELECT key, value FROM meta WHERE key IN ('id', 'commits')"))
        return str(facts["id"]), int(facts["commits"])

    def _is_cut_off(self) -> bool:
        """Whether pages are missing at the file's end: SQLite would read zeros there, which have no checksum."""
        pages, size = (self.query(f"PRAGMA {fact}")[0][0] for fact in ("page_count", "page_size"))
        if self.path.stat().st_size >= pages * size:
            return False
        try:
            busy, in_log, moved = self.query("PRAGMA wal_checkpoint(PASSIVE)")[0]  # they may be in the log only
        except StorageError:  # a full disk: they stay there
            return False
        return not busy and in_log == moved and self.path.stat().st_size < pages * size

    def close(self) -> None:
        """Closes every thread's connection."""
        with self._guard:
            while self._all:
                self._all.pop()[1].close()
        self._local = threading.local()
        self._receipt.close()

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Runs one statement and returns all of its rows."""
        with self._translated():
            return self.connection().execute(sql, values).fetchall()

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Runs one statement and yields its rows as they are read."""
        with self._translated():
            yield from self.connection().execute(sql, values)

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Runs one statement that writes; returns the id of the row it inserted last."""
        with self.transaction():
            connection = self.connection()
            connection.execute(sql, values)
            return int(connection.last_insert_rowid())

    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Runs one statement that writes for each row."""
        with self.transaction():
            self.connection().executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside is committed together, or not at all. Inside another one it joins that."""
        with self._translated():
            connection = self.connection()
            if connection.in_transaction:
                yield
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                counted = "UPDATE meta SET value = value + 1 WHERE key = 'commits' RETURNING CAST(value AS INTEGER)"
                commits: Any = connection.execute(counted).fetchall()[0][0]
                connection.execute("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise
            self._receipt.write(self.name, commits)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read inside is of one moment."""
        with self._translated():
            connection = self.connection()
            if connection.in_transaction:
                yield
                return
            connection.execute("BEGIN")
            self._local.remembered = {}
            try:
                yield
            finally:
                self._local.remembered = None
                _roll_back(connection)

    def remembered(self, name: str, read: Callable[[], _T]) -> _T:
        """What `read` returns, which inside a snapshot is asked once."""
        known: dict[str, Any] | None = getattr(self._local, "remembered", None)
        if known is None:
            return read()
        if name not in known:
            known[name] = read()
        return known[name]  # type: ignore[no-any-return]  # whatever `read` of that name returned

    def connection(self) -> apsw.Connection:
        """This thread's connection."""
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            with self._translated():
                connection = self._local.connection = _opened(self.path)
            with self._guard:
                for ended in [entry for entry in self._all if not entry[0].is_alive()]:
                    self._all.remove(ended)
                    ended[1].close()
                self._all.append((threading.current_thread(), connection))
        return connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            raise _as_ours(error, self.path, self._holder) from error


def _opened(path: Path) -> apsw.Connection:
    """Opens a catalog that others may be using.

    Before it knows of the write-ahead log, SQLite looks at the file's first page, and another process may be writing just
    that. Half a page has no right checksum, so it is looked at again: damage stays, this does not.
    """
    for _ in range(_LOOKS - 1):
        try:
            return open_file(path)
        except apsw.IOError as error:
            if _code(error) != apsw.SQLITE_IOERR_DATA:
                raise
        time.sleep(0.02)
    return open_file(path)


def open_file(path: Path) -> apsw.Connection:
    """A connection to a catalog of this version, made or brought up to it first."""
    connection = _connect(path)
    try:
        check_kind(connection)
        if connection.reserve_bytes() != _CHECKSUM:
            _add_checksums(connection)
            connection.close()  # pages it holds were read without
            connection = _connect(path)
        _use_journal(connection, "wal")
        for pragma in (
            "synchronous = FULL",
            "secure_delete = ON",  # a removed document's text is overwritten
            "cache_size = -32768",  # 32 MiB
            f"journal_size_limit = {_LARGEST_WAL}",
            "trusted_schema = OFF",  # a catalog from elsewhere runs nothing
            "cell_size_check = ON",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: Path) -> apsw.Connection:
    """A bare connection that verifies checksums where pages have them."""
    with _registering:
        if "cksmvfs" not in apsw.vfs_names():
            if not apsw.sqlite_extra.has("cksumvfs"):
                raise StorageError("this build of apsw lacks cksumvfs", "install apsw from its wheel: pip install apsw")
            apsw.sqlite_extra.load(apsw.Connection(":memory:"), "cksumvfs")
    connection = apsw.Connection(str(path), vfs="cksmvfs")
    connection.set_busy_timeout(_WAIT_S * 1000)
    return connection


def _add_checksums(connection: apsw.Connection) -> None:
    """Gives every page room for its checksum. An older catalog is written anew, in one transaction."""
    version = version_of(connection)
    if connection.reserve_bytes() == _CHECKSUM:
        return  # another process made it meanwhile
    if version == 0:
        connection.execute(f"PRAGMA page_size = {_PAGE}")
        connection.reserve_bytes(reserve=_CHECKSUM)
    else:
        _use_journal(connection, "delete")
        connection.reserve_bytes(reserve=_CHECKSUM)
        connection.execute("VACUUM")  # pages keep their size: changed together, cksumvfs makes wrong checksums
    _use_journal(connection, "wal")  # writes a new file's first page


def _use_journal(connection: apsw.Connection, mode: str) -> None:
    """Turns to write-ahead logging, or away from it. SQLite does not wait for its turn at this, so it is asked again."""
    give_up = time.monotonic() + _WAIT_S
    while True:
        try:
            if connection.execute(f"PRAGMA journal_mode = {mode}").fetchall()[0][0] == mode:
                return
        except apsw.BusyError:
            pass
        if time.monotonic() > give_up:
            raise apsw.BusyError(f"journal_mode = {mode}")
        time.sleep(0.05)


def _roll_back(connection: apsw.Connection) -> None:
    """Ends a transaction; SQLite has ended it by itself after some errors."""
    if connection.in_transaction:
        with contextlib.suppress(apsw.Error):  # the error that led here tells more
            connection.execute("ROLLBACK")


def _as_ours(error: apsw.Error, path: Path, holder: Callable[[], str]) -> RagError | apsw.Error:
    """The error of ours that tells people what SQLite's means; SQLite's own where the fault is in rag."""
    code = _code(error)
    match error:
        case apsw.BusyError() | apsw.LockedError() | apsw.ProtocolError() | apsw.SchemaChangeError():
            who = holder()
            return IndexBusyError(
                f"another process has been writing to {path} for over {_WAIT_S} s" + (f" ({who})" if who else ""),
                "try again, or stop it",
            )
        case apsw.FullError():
            return StorageError(f"the disk of {path} is full", "free some space and repeat; nothing acknowledged was lost")
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError() | apsw.AuthError():
            return StorageError(
                f"{path} {_why_not(path)}", "check the permissions of the folder, or name another with --index"
            )
        case apsw.IOError() if code not in _DAMAGED_READS:
            return StorageError(
                f"reading or writing {path} failed (SQLite's error {code})",
                "check the disk and its free space; nothing acknowledged was lost",
            )
        case apsw.NoMemError() | apsw.TooBigError():
            return StorageError(f"{path}: {error}", "free some memory, or split the document")
        case (
            apsw.CorruptError() | apsw.NotADBError() | apsw.IOError() | apsw.SQLError() | apsw.ConstraintError()
            | apsw.FormatError() | apsw.MismatchError() | apsw.EmptyError()
        ):  # fmt: skip
            why = "a page does not fit its checksum" if code == apsw.SQLITE_IOERR_DATA else error
            return IndexDamagedError(f"{path} is damaged ({why})", _RESTORE_HINT)
        case _:
            return error


def _code(error: apsw.Error) -> int:
    """SQLite's extended error code."""
    return int(getattr(error, "extendedresult", 0))


def _why_not(path: Path) -> str:
    """Why a file cannot be opened for writing, in the system's words."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o644))
    except OSError as error:
        return f"cannot be written ({error.strerror})"
    return "or its folder is read-only"
