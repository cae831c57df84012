"""Runs statements and transactions on the catalog's file, through one connection per thread."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import apsw

from rag.errors import IndexDamagedError, StorageError
from rag.index.catalog.database.opening import open_shared
from rag.index.catalog.database.receipt import Receipt
from rag.index.catalog.database.sqlite_errors import RESTORE_HINT, translated

_T = TypeVar("_T")


class Connections:
    """The connections to the catalog's file, one for each thread that uses it.

    Args:
        path: The catalog's file.
        holder: Function that describes the importing process ("" if there is none), for the message about a timeout.

    Attributes:
        catalog_id: The catalog's id; "" until the catalog is open.
    """

    def __init__(self, path: Path, holder: Callable[[], str] = str) -> None:
        self.path = path
        self.catalog_id = ""
        self._holder = holder
        self._receipt = Receipt(path.with_name("catalog.receipt"))
        self._local = threading.local()
        self._all: list[tuple[threading.Thread, apsw.Connection]] = []
        self._lock = threading.Lock()

    def open(self, *, accept_data_loss: bool = False) -> str:
        """Opens or creates the file, and checks that no acknowledged change is missing.

        Args:
            accept_data_loss: Also open a catalog that has lost acknowledged changes, and delete its commit receipt.

        Returns:
            A description of what is missing; always empty unless `accept_data_loss` is set.

        Raises:
            StorageError: The file cannot be created or written.
            IndexDamagedError: The file is damaged, is not a catalog, lacks acknowledged changes, or was written by a newer
                version of rag.
            IndexBusyError: Another process kept the catalog locked for too long.
        """
        acknowledged = self._receipt.read()  # read first, because other processes may commit in the meantime
        exists = self.path.exists() and self.path.stat().st_size > 0
        missing = f"{self.path} is missing or empty, although documents were added" if acknowledged and not exists else ""
        if not missing or accept_data_loss:
            self.catalog_id, commits = self._identity()
            if self._is_truncated():
                raise IndexDamagedError(f"{self.path} is shorter than it should be", RESTORE_HINT)
            if acknowledged and exists and (acknowledged[0] != self.catalog_id or acknowledged[1] > commits):
                missing = f"{self.path} has lost its latest changes, or was replaced with another file"
        if missing and not accept_data_loss:
            raise IndexDamagedError(missing, f"{RESTORE_HINT}, or run `rag doctor --repair` to keep the remaining data")
        if missing:
            self._receipt.reset()
        return missing

    def close(self) -> None:
        """Closes every thread's connection."""
        with self._lock:
            while self._all:
                self._all.pop()[1].close()
        self._local = threading.local()
        self._receipt.close()

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Runs one statement and returns all of its rows."""
        with self._translate_errors():
            return self._connection().execute(sql, values).fetchall()

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Runs one statement and yields its rows as they are read."""
        with self._translate_errors():
            yield from self._connection().execute(sql, values)

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Runs one statement that writes; returns the id of the last row that it inserted."""
        with self.transaction():
            connection = self._connection()
            connection.execute(sql, values)
            return int(connection.last_insert_rowid())

    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Runs a statement that writes, once for each row of values."""
        with self.transaction():
            self._connection().executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits everything written inside the `with` block together, or nothing if the block raises an exception.

        A nested transaction becomes part of the outer one.
        """
        with self._translate_errors():
            connection = self._connection()
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
            self._receipt.write(self.catalog_id, commits)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Makes all reads inside the `with` block see the same state of the catalog."""
        with self._translate_errors():
            connection = self._connection()
            if connection.in_transaction:
                yield
                return
            connection.execute("BEGIN")
            self._local.snapshot_cache = {}
            try:
                yield
            finally:
                self._local.snapshot_cache = None
                _roll_back(connection)

    def cached_in_snapshot(self, name: str, read: Callable[[], _T]) -> _T:
        """Returns the result of `read`. Inside a snapshot, `read` is called only once for each name."""
        cache: dict[str, Any] | None = getattr(self._local, "snapshot_cache", None)
        if cache is None:
            return read()
        if name not in cache:
            cache[name] = read()
        return cache[name]  # type: ignore[no-any-return]  # whatever `read` of that name returned

    def _connection(self) -> apsw.Connection:
        """Returns this thread's connection; also closes the connections of threads that have ended."""
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            with self._translate_errors():
                connection = self._local.connection = open_shared(self.path)
            with self._lock:
                for ended in [entry for entry in self._all if not entry[0].is_alive()]:
                    self._all.remove(ended)
                    ended[1].close()
                self._all.append((threading.current_thread(), connection))
        return connection

    def _identity(self) -> tuple[str, int]:
        """Returns the catalog's id and its number of commits."""
        facts = dict(self.query("SELECT key, value FROM meta WHERE key IN ('id', 'commits')"))
        return str(facts["id"]), int(facts["commits"])

    def _is_truncated(self) -> bool:
        """Returns True if the file's last pages are missing. SQLite would read them as zeros without reporting an error."""
        pages, size = (self.query(f"PRAGMA {fact}")[0][0] for fact in ("page_count", "page_size"))
        if self.path.stat().st_size >= pages * size:
            return False
        try:
            busy, in_log, moved = self.query("PRAGMA wal_checkpoint(PASSIVE)")[0]  # the pages may still be in the log
        except StorageError:  # the disk is full, so the pages cannot be moved from the log to the file
            return False
        return not busy and in_log == moved and self.path.stat().st_size < pages * size

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except apsw.Error as error:
            raise translated(error, self.path, self._holder) from error


def _roll_back(connection: apsw.Connection) -> None:
    """Rolls back a transaction, unless SQLite has already ended it because of an error."""
    if connection.in_transaction:
        with contextlib.suppress(apsw.Error):  # the error that caused the rollback is more informative
            connection.execute("ROLLBACK")
