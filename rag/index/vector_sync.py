"""Decides whether this process opens and fills Chroma immediately, in the background, or not at all.

Questions never wait for Chroma and never depend on it: while it is not ready, or if it fails, the vectors are scanned.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from rag.errors import RagError

if TYPE_CHECKING:
    from rag.index.catalog import Catalog
    from rag.index.vector_search import VectorSearch

_log = logging.getLogger(__name__)

# If Chroma lacks fewer changes than this, a short-lived process leaves them to the next process that opens Chroma. Until
# then, they are scanned.
_SYNC_FROM_CHANGES = 1_000
# Up to this many vectors, scanning them all is faster for a short-lived process than importing Chroma (1.5 s).
_SCAN_UP_TO_VECTORS = 200_000
_INTERVAL_S = 15.0  # time after which a process that keeps running looks at Chroma again
_STOP_S = 0.5  # time that the background thread gets to finish the call that it is waiting for

T = TypeVar("T")


class VectorSync:
    """Keeps Chroma in step with the catalog, for one process.

    Args:
        catalog: The catalog that contains the vectors.
        vector_search: Searches with Chroma or with a scan.
        short_lived: Whether the process ends after one or two questions.
    """

    def __init__(self, catalog: Catalog, vector_search: VectorSearch, *, short_lived: bool) -> None:
        self._catalog = catalog
        self._vector_search = vector_search
        self._short_lived = short_lived
        self._guard = threading.Lock()
        self._is_prepared = False
        self._background: threading.Thread | None = None
        self._closing = threading.Event()

    def prepare(self) -> None:
        """Opens Chroma if that makes searching faster. Called before each search; only the first call does anything."""
        with self._guard:
            if self._is_prepared:
                return
            self._is_prepared = True
            is_large = self._catalog.vectors.count() > _SCAN_UP_TO_VECTORS
            if self._short_lived and not is_large:
                return
            if is_large:  # opening Chroma takes less time than reading all vectors
                _logged(self._vector_search.try_open)
            if not self._short_lived:
                self._background = threading.Thread(target=self._keep_in_step, name="vector sync", daemon=True)
                self._background.start()

    def sync(self) -> int:
        """Passes new changes on to Chroma, unless another process has Chroma open; returns the number of changes.

        Chroma can be rebuilt from the catalog at any time, so a failure is logged rather than raised.
        """
        return _logged(lambda: self._vector_search.sync() if self._vector_search.try_open() else 0) or 0

    def close(self, *, changed: bool) -> None:
        """Stops the background work, brings Chroma up to date if this process changed the index, and closes Chroma.

        Failures are logged.
        """
        self._closing.set()
        if self._background is not None:
            self._background.join(_STOP_S)
        if changed and self._is_sync_due():
            self.sync()
        _logged(self._vector_search.close)

    def _is_sync_due(self) -> bool:
        if not self._short_lived or self._vector_search.is_never_filled():
            return True
        return self._vector_search.unconfirmed() >= _SYNC_FROM_CHANGES

    def _keep_in_step(self) -> None:
        """Opens Chroma and brings it up to date, again and again, because Chroma or another process may end at any time."""
        while not self._closing.is_set():
            _logged(self._open_and_sync)
            self._closing.wait(_INTERVAL_S)

    def _open_and_sync(self) -> None:
        if self._vector_search.try_open():
            self._vector_search.sync(self._closing.is_set)


def _logged(work: Callable[[], T]) -> T | None:
    """Returns the result of some work on Chroma; if the work fails, logs why and returns None."""
    try:
        return work()
    except (RagError, OSError) as error:
        _log.warning("%s; searches scan the vectors instead, with the same results", error)
        return None
