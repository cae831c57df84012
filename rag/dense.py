"""The vectors as one process sees them: through Chroma where this process holds it, else by an exact scan.

The catalog's log drives both. Chroma is told of it and remembered to have it only after it confirmed; what it has not
confirmed yet is scanned exactly, so an answer never waits for Chroma and never misses what was acknowledged.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from rag.errors import StorageError
from rag.scan import ExactScan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.catalog import Catalog
    from rag.stored import LogEntry

    Changes = list[tuple[str, NDArray[np.float32] | None]]

_log = logging.getLogger(__name__)
_LOG_AT_ONCE = 5_000  # entries read and passed on together: 8 MB of vectors


class Held(Protocol):
    """A vector index on disk that one process may open at a time (Chroma; a fake in tests)."""

    def __len__(self) -> int:
        """How many vectors it holds."""

    def close(self) -> None:
        """Lets go of its files."""

    def apply(self, changes: Changes) -> None:
        """Upserts (key, vector) and deletes (key, None)."""

    def nearest(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]:
        """Lists (key, cosine), best first."""


class Lock(Protocol):
    """What decides who holds it."""

    def try_acquire(self) -> bool:
        """Takes it if it is free."""

    def release(self) -> None:
        """Gives it back."""


class Generations(Protocol):
    """Where generations of the index on disk lie."""

    def open(self, name: str) -> Held:
        """Opens a generation, or makes it."""

    def is_sound(self, name: str) -> bool:
        """Whether it can be opened without harm."""

    def remove_others(self, name: str) -> None:
        """Removes every generation but this one."""


class Dense:
    """Finds passages near a vector, in step with the catalog. Safe to share between threads."""

    def __init__(self, catalog: Catalog, lock: Lock, generations: Callable[[], Generations]) -> None:
        self._catalog = catalog
        self._lock = lock
        self._generations = generations  # called once, when Chroma is first needed: importing it takes 1.5 s
        self._held: Held | None = None
        self._filled = 0  # up to which entry of the log Chroma has confirmed
        self._scan = ExactScan()
        self._scanned = 0  # up to which entry the scan has; it begins after `_filled`
        self._broken = False  # Chroma failed in this process: its generation is not to be used again
        self._guard = threading.RLock()

    @property
    def holds_chroma(self) -> bool:
        """Whether this process searches through Chroma."""
        return self._held is not None

    def __len__(self) -> int:
        """How many vectors Chroma holds; 0 where this process does not hold it."""
        return len(self._held) if self._held is not None else 0

    def hold(self) -> bool:
        """Opens Chroma if no other process has it; whether this process holds it now."""
        with self._guard:
            if self._held is not None:
                return True
            if not self._lock.try_acquire():
                return False
            try:
                self._open_sound(self._generations())
            except BaseException:
                self._lock.release()
                raise
            return True

    def _open_sound(self, generations: Generations) -> None:
        """Opens the generation in force, or a new one if it fails or has failed."""
        if not self._broken:
            try:
                self._open(generations)
                len(self)
                return
            except StorageError as error:
                _log.warning("%s; it is built anew from the catalog", error)
        self._begin_generation()
        self._open(generations)
        self._broken = False

    def release(self) -> None:
        """Lets another process hold Chroma."""
        with self._guard:
            if self._held is not None:
                self._held.close()
                self._held = None
                self._catalog.set_meta("chroma_open", "")
                self._scan, self._scanned = ExactScan(), 0
            self._lock.release()

    def rebuild(self) -> None:
        """Sets the generation aside and begins a new one, to be filled from the catalog."""
        with self._guard:
            if self._held is not None:
                self._held.close()
                self._held = None
            elif not self._lock.try_acquire():
                return
            self._begin_generation()
            self._open(self._generations())

    def fill(self) -> int:
        """Passes what the log holds on to Chroma, where this process holds it; returns how many entries.

        If Chroma fails, its generation is set aside and a new one filled.

        Raises:
            StorageError: The new one fails too.
        """
        try:
            return self._pass_on()
        except StorageError as error:
            _log.warning("%s; it is built anew from the catalog", error)
            self.rebuild()
            return self._pass_on()

    def _pass_on(self) -> int:
        passed = 0
        while True:
            with self._guard:
                if self._held is None:
                    return passed
                entries = self._catalog.log(self._filled, _LOG_AT_ONCE)
                if not entries:
                    return passed
                self._held.apply(_changes(entries))
                self._filled = entries[-1].seq
                self._catalog.set_meta("chroma_filled", str(self._filled))
                if self._scanned <= self._filled:
                    self._scan, self._scanned = ExactScan(), self._filled
            passed += len(entries)

    def nearest(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]:
        """Lists (key, cosine), best first, at most k; keys of passages removed meanwhile may be among them."""
        with self._guard:
            self._catch_up()
            found = dict(self._held_nearest(vector, k))
            found.update(self._scan.nearest(vector, k))
        return sorted(found.items(), key=lambda item: -item[1])[:k]

    def _held_nearest(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]:
        """Through Chroma; if it fails, it is let go of for good and all is scanned, now and from here on."""
        if self._held is None or not self._filled:
            return []
        try:
            return self._held.nearest(vector, k)
        except StorageError as error:
            _log.warning("%s; answering without it", error)
            self._held = None  # its generation is marked as open, so the next holder probes it
            self._broken = True
            self._scan, self._scanned = ExactScan(), 0
            self._catch_up()
            return []

    def is_new(self) -> bool:
        """Whether Chroma was never filled."""
        return not self._catalog.meta("chroma_generation")

    def waiting(self) -> int:
        """How many entries of the log Chroma has not confirmed."""
        return self._catalog.newest_seq() - int(self._catalog.meta("chroma_filled") or 0)

    def _catch_up(self) -> None:
        """Brings the scan up to the log's end."""
        if self._scanned == 0 and self._held is None:
            # The whole catalog at once, rather than its whole history.
            with self._catalog.snapshot():
                self._scanned = self._catalog.newest_seq()
                self._scan.apply(self._catalog.all_vectors())
        while entries := self._catalog.log(self._scanned, _LOG_AT_ONCE):
            self._scan.apply(_changes(entries))
            self._scanned = entries[-1].seq

    def _open(self, generations: Generations) -> None:
        name = self._catalog.meta("chroma_generation") or self._begin_generation()
        # A mark left standing means that the last holder did not end well.
        if self._catalog.meta("chroma_open") and not generations.is_sound(name):
            _log.warning("Chroma's generation %s is damaged; it is built anew from the catalog", name)
            name = self._begin_generation()
        generations.remove_others(name)
        self._catalog.set_meta("chroma_open", "yes")
        self._held = generations.open(name)
        self._filled = int(self._catalog.meta("chroma_filled") or 0)
        if self._filled and not len(self._held) and self._catalog.totals()[0]:
            self._catalog.set_meta("chroma_filled", "0")  # its files were removed from under it
            self._filled = 0
        self._scan, self._scanned = ExactScan(), self._filled

    def _begin_generation(self) -> str:
        name = secrets.token_hex(6)
        with self._catalog.transaction():
            self._catalog.set_meta("chroma_generation", name)
            self._catalog.set_meta("chroma_filled", "0")
            self._catalog.set_meta("chroma_open", "")
        return name


def _changes(entries: list[LogEntry]) -> Changes:
    return [(entry.key, entry.vector) for entry in entries]
