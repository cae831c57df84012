"""Opens the catalog's file, gives each thread its own connection, and turns SQLite's errors into rag's."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rag.catalog.schema import migrate
from rag.errors import IndexBusyError, IndexDamagedError, RagError, StorageError

_WAIT_S = 30  # for another process's transaction; they are short
_RESTORE_HINT = "keep the folder as it is, and restore the catalog from a backup or add the documents to a new index"


class Connections:
    """The catalog's file, opened once in each thread that uses it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._all: list[tuple[threading.Thread, sqlite3.Connection]] = []
        self._guard = threading.Lock()

    def close(self) -> None:
        """Closes every thread's connection."""
        with self._guard:
            while self._all:
                self._all.pop()[1].close()
        self._local = threading.local()

    def query(self, sql: str, values: Sequence[object] = ()) -> list[tuple]:  # type: ignore[type-arg]  # rows differ
        """Runs one statement and returns all of its rows."""
        with _translated(self._path):
            return self._connection().execute(sql, values).fetchall()

    def stream(self, sql: str, values: Sequence[object] = ()) -> Iterator[tuple]:  # type: ignore[type-arg]
        """Runs one statement and yields its rows as they are read."""
        with _translated(self._path):
            yield from self._connection().execute(sql, values)

    def run(self, sql: str, values: Sequence[object] = ()) -> int:
        """Runs one statement that writes; returns the id of the row it inserted last."""
        with _translated(self._path):
            return self._connection().execute(sql, values).lastrowid or 0

    def run_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Runs one statement that writes for each row."""
        with _translated(self._path):
            self._connection().executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside is committed together, or not at all. Inside another one it joins that."""
        connection = self._connection()
        if connection.in_transaction:
            yield
            return
        with _translated(self._path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All that is read inside is of one moment."""
        connection = self._connection()
        if connection.in_transaction:
            yield
            return
        with _translated(self._path):
            connection.execute("BEGIN")
            try:
                yield
            finally:
                connection.execute("ROLLBACK")

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._open()
            with self._guard:
                for ended in [entry for entry in self._all if not entry[0].is_alive()]:
                    self._all.remove(ended)
                    ended[1].close()
                self._all.append((threading.current_thread(), connection))
        return connection

    def _open(self) -> sqlite3.Connection:
        with _translated(self._path):
            connection = sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
            try:
                _use_wal(connection)
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA secure_delete = ON")  # a removed document's text is overwritten
                connection.execute("PRAGMA cache_size = -32768")  # 32 MiB
                connection.execute("PRAGMA trusted_schema = OFF")  # a catalog from elsewhere runs nothing
                migrate(connection)
            except BaseException:
                connection.close()
                raise
            return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turns a new catalog to write-ahead logging. SQLite does not wait for its turn at this, so it is asked again."""
    for _ in range(_WAIT_S * 20):
        try:
            if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal":
                return
        except sqlite3.OperationalError as error:
            if not getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
                raise
        time.sleep(0.05)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except RagError:
        raise
    except sqlite3.OperationalError as error:
        raise _operational(error, path) from error
    except sqlite3.DatabaseError as error:
        raise IndexDamagedError(f"{path} is damaged ({error})", _RESTORE_HINT) from error


def _operational(error: sqlite3.OperationalError, path: Path) -> RagError:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return IndexBusyError(f"another process has been writing to {path} for over {_WAIT_S} s", "try again")
    if name.startswith("SQLITE_FULL"):
        return StorageError(f"the disk of {path} is full", "free some space and repeat; nothing acknowledged was lost")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        reason = "is read-only" if os.path.exists(path) else "cannot be created"
        return StorageError(f"{path} {reason}", "check the permissions of the folder, or name another with --index")
    if name.startswith("SQLITE_IOERR"):
        return StorageError(f"reading or writing {path} failed ({name})", "check the disk and its free space")
    return IndexDamagedError(f"{path} is not a catalog that can be used ({error})", _RESTORE_HINT)
