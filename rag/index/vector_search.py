"""The vectors as one process sees them: through Chroma where this process holds it, else by an exact scan.

The catalog drives both. A generation of Chroma is filled with all vectors, then follows the catalog's log, and says by
itself how far it is; what it has not confirmed is scanned exactly. So an answer never waits for Chroma, never rests on it
alone, and never misses what was acknowledged.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rag.errors import StorageError
from rag.index.exact_scan import ExactScan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.index.catalog import Catalog

    Changes = list[tuple[str, NDArray[np.float32] | None]]

_log = logging.getLogger(__name__)
_PASSED_ON = 512  # changes told to Chroma together, 0.2 s; a question waits for one such batch at most
_SCANNED = 5_000  # rows read for the scan together: 8 MB of vectors
_SCAN_FASTER = 8_000  # passages up to which looking at all of them, 1 ms, is quicker than asking Chroma
_LOG_KEPT = 20_000  # entries that Chroma has, kept for processes that scan; whoever lags further reads all vectors again
_PAUSE_S = 30.0  # after a second failure in a row, and twice as long after each further one
_LONGEST_PAUSE_S = 3600.0


class VectorIndex(Protocol):
    """A vector index on disk that one process may open at a time (Chroma; a fake in tests)."""

    position: str  # how far it was filled when it was opened; "" if it is new

    def __len__(self) -> int:
        """How many vectors it holds."""

    def keys(self) -> list[str]:
        """Every key it holds."""

    def close(self) -> None:
        """Leaves it ready to be opened again, and lets go of it."""

    def abandon(self) -> None:
        """Lets go of it at once; it is not to be opened again."""

    def apply(self, changes: Changes, position: str) -> None:
        """Upserts (key, vector) and deletes (key, None), and remembers how far that is."""

    def nearest(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]:
        """Lists (key, cosine), best first."""


class Lock(Protocol):
    """What decides who holds it."""

    def try_acquire(self) -> bool:
        """Takes it if it is free."""

    def release(self) -> None:
        """Gives it back."""

    def holder(self) -> str:
        """Who has it."""


class Generations(Protocol):
    """Where generations of the index on disk lie."""

    def open(self, name: str) -> VectorIndex:
        """Opens a generation, or makes it; a StorageError if it is not as it was left."""

    def remove_others(self, name: str) -> None:
        """Removes every generation but this one."""


@dataclass(frozen=True, slots=True)
class _Position:
    """How far a generation is: `copied`, the last passage copied into it (None: all are), then `seq` of the log."""

    copied: int | None
    seq: int

    def __str__(self) -> str:
        return f"{'' if self.copied is None else self.copied}:{self.seq}"

    @classmethod
    def read(cls, said: str) -> _Position | None:
        copied, _, seq = said.partition(":")
        return cls(int(copied) if copied else None, int(seq)) if seq.isdigit() else None


class VectorSearch:
    """Finds passages near a vector, in step with the catalog. Safe to share between threads."""

    def __init__(self, catalog: Catalog, lock: Lock, generations: Callable[[], Generations]) -> None:
        self._catalog = catalog
        self._lock = lock
        self._generations = generations
        self._guard = threading.RLock()  # held for moments only: what a question must wait for
        self._changing = threading.RLock()  # held by whoever opens, fills or lets go of Chroma
        self._held: VectorIndex | None = None
        self._name = ""  # of the generation that is held
        self._position = _Position(0, 0)
        self._failures = 0
        self._not_before = 0.0
        self._scan = ExactScan()
        self._scans_all = False  # whether the scan has every vector, or those only that Chroma lacks
        self._scanned = 0  # up to which entry of the log the scan is
        self._scanned_edition = 0

    @property
    def holds_chroma(self) -> bool:
        """Whether this process has Chroma open."""
        return self._held is not None

    def __len__(self) -> int:
        """How many vectors Chroma holds; 0 where this process does not hold it."""
        held = self._held
        return len(held) if held is not None else 0

    def holder(self) -> str:
        """Who holds Chroma, for people; empty if nobody does."""
        return self._lock.holder()

    def hold(self) -> bool:
        """Opens Chroma if no other process has it; whether this process holds it now.

        A generation that is not as it was left is thrown away, and a new one begun.

        Raises:
            StorageError: The new one cannot be opened either.
        """
        with self._changing:
            name = self._catalog.meta.get("chroma_generation")
            if self._held is not None and name == self._name:
                return True
            if self._held is not None:
                self._let_go(keep=False)  # another edition is asked now
            if time.monotonic() < self._not_before or not self._lock.try_acquire():
                return False
            try:
                self._open(name)
            except BaseException:
                self._wait_longer()
                self._lock.release()
                raise
            return True

    def release(self) -> None:
        """Lets another process hold Chroma."""
        with self._changing:
            self._let_go(keep=True)
            self._lock.release()

    def rebuild(self) -> None:
        """Throws the generation away, to be built anew; does nothing where another process holds it."""
        with self._changing:
            if self._held is not None or self._lock.try_acquire():
                self._let_go(keep=False)
                self._open(self._catalog.changes.new_generation())

    def fill(self, stop: Callable[[], bool] = lambda: False) -> int:
        """Brings Chroma up to date, where this process holds it; returns how many changes it was told.

        If Chroma fails, its generation is thrown away and a new one filled.

        Args:
            stop: Asked between batches whether to leave the rest for later.

        Raises:
            StorageError: The new one fails too.
        """
        with self._changing:
            try:
                return self._pass_on(stop)
            except StorageError as error:
                self._fail(error)
            return self._pass_on(stop) if self.hold() else 0

    def nearest(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]:
        """Lists (key, cosine), best first, at most k; keys of passages removed meanwhile may be among them."""
        with self._guard:
            held = self._usable()
            self._catch_up(everything=held is None)
            found = dict(self._scan.nearest(vector, k))
        if held is not None:
            try:
                found = {**dict(held.nearest(vector, k)), **found}
            except StorageError as error:
                self._fail(error)
                return self.nearest(vector, k)
        return sorted(found.items(), key=lambda item: -item[1])[:k]

    def is_new(self) -> bool:
        """Whether Chroma was never filled."""
        return not self._catalog.meta.get("chroma_generation")

    def waiting(self) -> int:
        """How many entries of the log Chroma has not confirmed."""
        return self._catalog.changes.newest() - int(self._catalog.meta.get("chroma_filled") or 0)

    def difference(self) -> str:
        """How Chroma differs from the catalog, in words; empty when it does not, or is not held."""
        held = self._held
        if held is None:
            return ""
        try:
            holds, wanted = set(held.keys()), set(self._catalog.vectors.keys())
        except StorageError as error:
            return str(error)
        if holds == wanted:
            return ""
        return f"Chroma lacks {len(wanted - holds):,} vectors and has {len(holds - wanted):,} too many"

    def _open(self, name: str) -> None:
        generations = self._generations()
        name = name or self._catalog.changes.new_generation()
        generations.remove_others(name)
        newest = self._catalog.changes.newest()  # before anything is copied: what comes later is in the log
        try:
            held = generations.open(name)
            position = _Position.read(held.position) if held.position else _Position(0, newest)
            if position is None or not self._catalog.changes.trimmed() <= position.seq <= newest:
                held.abandon()
                raise StorageError(f"Chroma's generation {name} belongs to another state of the catalog")
        except StorageError as error:
            _log.warning("%s; it is built anew from the catalog", error)
            name = self._catalog.changes.new_generation()
            generations.remove_others(name)
            position = _Position(0, self._catalog.changes.newest())
            held = generations.open(name)
        with self._guard:
            self._held, self._name, self._position = held, name, position

    def _let_go(self, *, keep: bool) -> None:
        with self._guard:
            held, self._held = self._held, None
            self._forget_scan()
        if held is not None:
            if keep:
                held.close()
            else:
                held.abandon()

    def _fail(self, error: StorageError) -> None:
        """Chroma failed in this process: its generation is not used again; a new one is begun, at once the first time."""
        _log.warning("%s; answering without it until it is built anew", error)
        with self._guard:
            if self._held is None:
                return  # another thread saw it first
            self._catalog.changes.new_generation()
            held, self._held = self._held, None
            held.abandon()
            self._forget_scan()
            self._wait_longer()

    def _wait_longer(self) -> None:
        """Counts a failure; from the second in a row on, the next try waits."""
        self._failures += 1
        if self._failures > 1:
            self._not_before = time.monotonic() + min(_PAUSE_S * 2 ** (self._failures - 2), _LONGEST_PAUSE_S)

    def _pass_on(self, stop: Callable[[], bool]) -> int:
        """Copies all vectors if the generation is new, then what the log holds."""
        passed = 0
        while self._held is not None and not stop() and self._catalog.meta.get("chroma_generation") == self._name:
            at = self._position
            changes: Changes
            if at.copied is not None:
                rows = self._catalog.vectors.after(at.copied, _PASSED_ON)
                changes = [(key, vector) for _, key, vector in rows]
                then = _Position(rows[-1][0] if rows else None, at.seq)
            else:
                entries = self._catalog.changes.after(at.seq, _PASSED_ON)
                if not entries:
                    return passed
                changes = [(entry.key, entry.vector) for entry in entries]
                then = _Position(None, entries[-1].seq)
            self._held.apply(changes, str(then))
            self._confirmed(changes, then)
            passed += len(changes)
        return passed

    def _confirmed(self, changes: Changes, then: _Position) -> None:
        with self._guard:
            self._position = then
            self._failures = 0
            if not self._scans_all:
                self._scan.apply((key, None) for key, _ in changes)
        if then.copied is None:
            self._catalog.meta.set("chroma_filled", str(then.seq))
            self._catalog.changes.trim(then.seq - _LOG_KEPT)

    def _usable(self) -> VectorIndex | None:
        """Chroma, where it has all vectors but those the log tells of."""
        if self._held is None or self._position.copied is not None or self._catalog.passages.totals()[0] <= _SCAN_FASTER:
            return None
        return self._held if self._catalog.meta.get("chroma_generation") == self._name else None

    def _catch_up(self, *, everything: bool) -> None:
        """Brings the scan up to the log's end."""
        edition, trimmed = self._catalog.versions.current().id, self._catalog.changes.trimmed()
        fits = self._scanned_edition == edition and self._scans_all == everything and self._scanned >= trimmed
        if not fits or (not everything and self._scanned < self._position.seq):
            self._scan, self._scans_all, self._scanned_edition = ExactScan(), everything, edition
            self._scanned = self._position.seq
            if everything:
                with self._catalog.snapshot():
                    self._scanned = self._catalog.changes.newest()
                    self._scan_all()
        while entries := self._catalog.changes.after(self._scanned, _SCANNED):
            self._scan.apply((entry.key, entry.vector) for entry in entries)
            self._scanned = entries[-1].seq

    def _scan_all(self) -> None:
        last = 0
        while rows := self._catalog.vectors.after(last, _SCANNED):
            self._scan.apply((key, vector) for _, key, vector in rows)
            last = rows[-1][0]

    def _forget_scan(self) -> None:
        self._scan, self._scans_all, self._scanned, self._scanned_edition = ExactScan(), False, 0, 0
