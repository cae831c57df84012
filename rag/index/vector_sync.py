"""Decides when this process opens and fills Chroma: in the background, at once, or not at all.

Questions never wait for it and never depend on it: until it is ready, and if it fails, vectors are scanned.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from rag.errors import RagError

if TYPE_CHECKING:
    from rag.index.catalog import Catalog
    from rag.index.vector_search import VectorSearch

_log = logging.getLogger(__name__)

# A short-lived process leaves fewer changes than this to the next process that holds Chroma; until then they are scanned.
_FILL_AT_LEAST = 1_000
# Up to this many vectors, scanning them all is faster for a short-lived process than importing Chroma (1.5 s).
_SCANNED_ANYWAY = 200_000


class VectorSync:
    """Keeps Chroma in step with the catalog, for one process.

    Args:
        catalog: The catalog.
        vector_search: Chroma and the scan.
        short_lived: The process ends after a question or two.
    """

    def __init__(self, catalog: Catalog, vector_search: VectorSearch, *, short_lived: bool) -> None:
        self._catalog = catalog
        self._vector_search = vector_search
        self._short_lived = short_lived
        self._guard = threading.Lock()
        self._is_prepared = False
        self._filling: threading.Thread | None = None
        self._closing = threading.Event()

    def prepare(self) -> None:
        """Opens Chroma where that pays off. Called before each search; only the first call does anything."""
        with self._guard:
            if self._is_prepared:
                return
            self._is_prepared = True
            is_large = self._catalog.vectors.count() > _SCANNED_ANYWAY
            if self._short_lived and not is_large:
                return
            if is_large:  # waiting for it takes less time than reading all vectors
                _log_failure(self._vector_search.hold)
            if not self._short_lived:
                self._filling = threading.Thread(target=_log_failure, args=(self._fill,), name="fill", daemon=True)
                self._filling.start()

    def sync(self) -> int:
        """Passes on to Chroma what it has not seen, unless another process holds it; returns the number of changes.

        Raises:
            StorageError: Chroma cannot be opened or filled, not even after a rebuild.
        """
        return self._vector_search.fill() if self._vector_search.hold() else 0

    def close(self, *, changed: bool) -> None:
        """Stops the background work, brings Chroma up to date if this process changed the index, and releases it."""
        self._closing.set()
        if self._filling is not None:
            self._filling.join()
        if changed and (
            not self._short_lived or self._vector_search.is_new() or self._vector_search.waiting() >= _FILL_AT_LEAST
        ):
            self.sync()
        self._vector_search.release()

    def _fill(self) -> None:
        if self._vector_search.hold():
            self._vector_search.fill(self._closing.is_set)


def _log_failure(work: Callable[[], object]) -> None:
    try:
        work()
    except RagError as error:
        _log.warning("%s; answering without it", error)
