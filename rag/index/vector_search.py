"""Finds the passages nearest to a vector, using Chroma in the process that has it open, and an exact scan in all others.

Chroma and the scan both get their vectors from the catalog. Each new Chroma index is called a generation: it is first
filled with all vectors, then follows the catalog's change log, and stores its position in the log. Vectors that Chroma has
not stored yet are scanned. Therefore an answer never waits for Chroma, never depends on Chroma alone, and never misses an
acknowledged document.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rag.errors import StorageError
from rag.index.catalog_scan import CatalogScan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.index.catalog import Catalog

    Changes = list[tuple[str, NDArray[np.float32] | None]]

_log = logging.getLogger(__name__)
_CHANGES_AT_ONCE = 512  # changes passed to Chroma in one call, which takes 0.2 s; a question waits for at most one call
_SCAN_ALL_UP_TO = 8_000  # number of passages; scanning this many takes 1 ms, which is faster than a Chroma query
_LOG_KEPT = 20_000  # applied log entries kept for processes that scan; a process further behind rereads all vectors
_UPKEEP_S = 0.5  # time that closing waits for another thread that is working on Chroma
_ORPHAN_S = 1.0  # time that a killed process needs to release its lock
_RETRY_PAUSE_S = 30.0  # pause after the second failure in a row; doubled after each further failure
_LONGEST_RETRY_PAUSE_S = 3600.0


class VectorIndex(Protocol):
    """A vector index on disk that only one process at a time may open. Chroma implements it; tests use a fake."""

    position: str  # how far the index was filled when it was opened; "" if it is new

    def __len__(self) -> int:
        """Returns the number of vectors."""

    def keys(self) -> list[str]:
        """Returns the keys of all vectors."""

    def is_alive(self) -> bool:
        """Returns whether the index can still reply."""

    def close(self) -> None:
        """Closes the index, so that it can be opened again."""

    def abandon(self) -> None:
        """Closes the index immediately; it must not be opened again."""

    def apply(self, changes: Changes, position: str) -> None:
        """Upserts each (key, vector), deletes each (key, None), and stores the position reached by these changes."""

    def nearest(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]:
        """Returns (key, cosine similarity) for the k nearest vectors, best first."""


class IndexLock(Protocol):
    """Decides which process may open the vector index."""

    def try_acquire(self) -> bool:
        """Acquires the lock if it is free. Returns True if this process now holds the lock."""

    def release(self) -> None:
        """Releases the lock."""

    def end_orphan(self) -> bool:
        """Kills a process that still holds the lock although its parent has exited. Returns whether there was one."""

    def holder(self) -> str:
        """Returns a readable description of the lock's holder; empty if the lock is free."""


class GenerationStore(Protocol):
    """Stores the generations of the vector index."""

    def open(self, name: str) -> VectorIndex:
        """Opens or creates a generation; raises a StorageError if it has changed since it was closed."""

    def remove_others(self, name: str) -> None:
        """Removes every generation except this one."""


@dataclass(frozen=True, slots=True)
class _Position:
    """How far a generation has been filled.

    Attributes:
        copied: Id of the last passage copied into the generation; None once all have been copied.
        seq: Number of the last change log entry that the generation has applied.

    Example:
        >>> str(_Position(3, 12)), str(_Position(None, 12))
        ('3:12', ':12')
    """

    copied: int | None
    seq: int

    def __str__(self) -> str:
        return f"{'' if self.copied is None else self.copied}:{self.seq}"

    @classmethod
    def parse(cls, position: str) -> _Position | None:
        copied, _, seq = position.partition(":")
        return cls(int(copied) if copied else None, int(seq)) if seq.isdigit() else None


class VectorSearch:
    """Finds the passages nearest to a vector, according to the catalog's current state. Safe to share between threads.

    Args:
        catalog: The catalog that contains the vectors.
        lock: Decides which process may open Chroma.
        generations: Function that returns the store of Chroma's generations; called only while the lock is held.
    """

    def __init__(self, catalog: Catalog, lock: IndexLock, generations: Callable[[], GenerationStore]) -> None:
        self._catalog = catalog
        self._lock = lock
        self._generations = generations
        self._state_lock = threading.RLock()  # held only briefly, because questions wait for it
        self._upkeep_lock = threading.RLock()  # held while Chroma is opened, filled or closed
        self._index: VectorIndex | None = None
        self._generation = ""  # name of the open generation
        self._position = _Position(0, 0)
        self._failures = 0  # number of failures in a row
        self._retry_at = 0.0  # time (on the monotonic clock) before which Chroma is not opened again
        self._scan = CatalogScan(catalog)

    @property
    def is_open(self) -> bool:
        """Whether this process has Chroma open."""
        return self._index is not None

    def __len__(self) -> int:
        """Returns the number of vectors in Chroma; 0 if this process does not have Chroma open."""
        index = self._index
        return len(index) if index is not None else 0

    def holder(self) -> str:
        """Returns a readable description of the process that has Chroma open; empty if no process has it open."""
        return self._lock.holder()

    def try_open(self) -> bool:
        """Opens Chroma if no other process has it open. Returns True if this process now has it open.

        A generation that has changed since it was closed is discarded, and a new one is created.

        Raises:
            StorageError: The new generation cannot be opened either.
        """
        with self._upkeep_lock:
            if self._index is not None and not self._index.is_alive():
                self._discard_failed(StorageError("Chroma ended unexpectedly"))
            name = self._catalog.meta.get("chroma_generation")
            if self._index is not None and name == self._generation:
                return True
            if self._index is not None:
                self._close_index(keep=False)  # a new generation has been started in the meantime
            if time.monotonic() < self._retry_at or not self._lock.try_acquire():
                return False
            try:
                self._open(name)
            except BaseException:
                self._count_failure()
                self._lock.release()
                raise
            return True

    def close(self) -> None:
        """Closes Chroma, so that another process can open it.

        If another thread is still opening or filling Chroma, nothing is closed: Chroma ends when this process does.
        """
        if not self._upkeep_lock.acquire(timeout=_UPKEEP_S):
            return
        try:
            self._close_index(keep=True)
            self._lock.release()
        finally:
            self._upkeep_lock.release()

    def erase(self) -> bool:
        """Deletes everything in Chroma, which is filled again when it is next opened.

        Returns:
            False if another process has Chroma open; in that case, nothing is deleted.
        """
        with self._upkeep_lock:
            if self._index is None and not self._lock.try_acquire():
                # Whatever an orphan is still saving is to be deleted anyway.
                give_up = time.monotonic() + (_ORPHAN_S if self._lock.end_orphan() else 0.0)
                while not self._lock.try_acquire():
                    if time.monotonic() > give_up:
                        return False
                    time.sleep(0.05)
            self._close_index(keep=False)
            self._generations().remove_others(self._catalog.changes.new_generation())
            self._failures, self._retry_at = 0, 0.0
            return True

    def sync(self, should_stop: Callable[[], bool] = lambda: False) -> int:
        """Brings Chroma up to date if this process has it open; returns the number of changes passed to Chroma.

        If Chroma fails, its generation is discarded and a new one is filled.

        Args:
            should_stop: Function called between batches. If it returns True, the remaining changes are left for later.

        Raises:
            StorageError: The new generation also failed.
        """
        with self._upkeep_lock:
            try:
                return self._apply_changes(should_stop)
            except StorageError as error:
                self._discard_failed(error)
            return self._apply_changes(should_stop) if self.try_open() else 0

    def nearest(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]:
        """Returns (key, cosine similarity) for the k nearest passages, best first.

        The result may include passages that were removed in the meantime.
        """
        with self._state_lock:
            index = self._usable_index()
            self._scan.update(all_vectors=index is None, after=self._position.seq)
            found = dict(self._scan.nearest(vector, k))
        if index is not None:
            try:
                found = {**dict(index.nearest(vector, k)), **found}
            except StorageError as error:
                self._discard_failed(error)
                return self.nearest(vector, k)
        return sorted(found.items(), key=lambda item: -item[1])[:k]

    def is_never_filled(self) -> bool:
        """Returns whether Chroma has never been filled by any process."""
        return not self._catalog.meta.get("chroma_generation")

    def unconfirmed(self) -> int:
        """Returns the number of log entries that Chroma has not applied yet."""
        return self._catalog.changes.newest() - int(self._catalog.meta.get("chroma_filled") or 0)

    def difference(self) -> str:
        """Describes how Chroma differs from the catalog; empty if they match, or if Chroma is not open in this process."""
        index = self._index
        if index is None:
            return ""
        try:
            present, expected = set(index.keys()), set(self._catalog.vectors.keys())
        except StorageError as error:
            return str(error)
        if present == expected:
            return ""
        return f"Chroma lacks {len(expected - present):,} vectors and has {len(present - expected):,} too many"

    def _open(self, name: str) -> None:
        generations = self._generations()
        name = name or self._catalog.changes.new_generation()
        generations.remove_others(name)
        newest = self._catalog.changes.newest()  # read before copying starts, because the log has all later changes
        try:
            index = generations.open(name)
            position = _Position.parse(index.position) if index.position else _Position(0, newest)
            if position is None or not self._catalog.changes.trimmed() <= position.seq <= newest:
                index.abandon()
                raise StorageError(f"Chroma's generation {name} does not match the catalog's current state")
        except StorageError as error:
            _log.warning("%s; rebuilding it from the catalog", error)
            name = self._catalog.changes.new_generation()
            generations.remove_others(name)
            position = _Position(0, self._catalog.changes.newest())
            index = generations.open(name)
        with self._state_lock:
            self._index, self._generation, self._position = index, name, position

    def _close_index(self, *, keep: bool) -> None:
        with self._state_lock:
            index, self._index = self._index, None
            self._scan.clear()
        if index is not None:
            if keep:
                index.close()
            else:
                index.abandon()

    def _discard_failed(self, error: StorageError) -> None:
        """Discards the generation after a failure. If failures recur, a new generation is created only after a pause."""
        _log.warning("%s; answering without Chroma until it is rebuilt", error)
        with self._state_lock:
            if self._index is None:
                return  # another thread has already discarded it
            self._catalog.changes.new_generation()
            index, self._index = self._index, None
            index.abandon()
            self._scan.clear()
            self._count_failure()

    def _count_failure(self) -> None:
        """Counts a failure. After two or more failures in a row, sets a pause before the next attempt to open Chroma."""
        self._failures += 1
        if self._failures > 1:
            pause_s = min(_RETRY_PAUSE_S * 2 ** (self._failures - 2), _LONGEST_RETRY_PAUSE_S)
            self._retry_at = time.monotonic() + pause_s

    def _apply_changes(self, should_stop: Callable[[], bool]) -> int:
        """Copies all vectors into a new generation, then applies the log; returns the number of changes."""
        applied = 0
        while self._index is not None and not should_stop() and self._is_current_generation():
            position = self._position
            changes: Changes
            if position.copied is not None:
                rows = self._catalog.vectors.after(position.copied, _CHANGES_AT_ONCE)
                changes = [(key, vector) for _, key, vector in rows]
                reached = _Position(rows[-1][0] if rows else None, position.seq)
            else:
                entries = self._catalog.changes.after(position.seq, _CHANGES_AT_ONCE)
                if not entries:
                    return applied
                changes = [(entry.key, entry.vector) for entry in entries]
                reached = _Position(None, entries[-1].seq)
            self._index.apply(changes, str(reached))
            self._confirm(changes, reached)
            applied += len(changes)
        return applied

    def _confirm(self, changes: Changes, reached: _Position) -> None:
        with self._state_lock:
            self._position = reached
            self._failures = 0
            self._scan.drop(key for key, _ in changes)
        if reached.copied is None:
            self._catalog.meta.set("chroma_filled", str(reached.seq))
            self._catalog.changes.trim(reached.seq - _LOG_KEPT)

    def _usable_index(self) -> VectorIndex | None:
        """Returns Chroma's index if it can be used and is faster than a full scan; else None.

        The index can be used if the change log lists all vectors that the index lacks.
        """
        if self._position.copied is not None or self._catalog.passages.totals()[0] <= _SCAN_ALL_UP_TO:
            return None
        return self._index if self._is_current_generation() else None

    def _is_current_generation(self) -> bool:
        return self._catalog.meta.get("chroma_generation") == self._generation
