"""Scans either all of the catalog's vectors, or only those that Chroma has not stored yet. Follows the change log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rag.index.exact_scan import ExactScan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rag.index.catalog import Catalog

_ROWS_AT_ONCE = 5_000  # rows read at a time, which contain 8 MB of vectors


class CatalogScan:
    """An exact scan that is kept in step with one catalog. Not safe to share between threads.

    Args:
        catalog: The catalog whose vectors are scanned.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.clear()

    def clear(self) -> None:
        """Removes all vectors from memory; the next `update` reads them again."""
        self._scan = ExactScan()
        self._has_all = False  # whether the scan contains all vectors, or only those logged after a certain entry
        self._seq = 0  # number of the last log entry that the scan has applied
        self._version = 0  # the index version that the vectors belong to

    def update(self, *, all_vectors: bool, after: int) -> None:
        """Brings the scan up to date with the log.

        Args:
            all_vectors: Whether to scan every vector in the current index version.
            after: If `all_vectors` is False, only vectors logged after this entry are scanned.
        """
        version, trimmed = self._catalog.versions.current().id, self._catalog.changes.trimmed()
        is_valid = self._version == version and self._has_all == all_vectors and self._seq >= trimmed
        if not is_valid or (not all_vectors and self._seq < after):
            self._scan, self._has_all, self._version, self._seq = ExactScan(), all_vectors, version, after
            if all_vectors:
                with self._catalog.snapshot():
                    self._seq = self._catalog.changes.newest()
                    self._read_all()
        while entries := self._catalog.changes.after(self._seq, _ROWS_AT_ONCE):
            self._scan.apply((entry.key, entry.vector) for entry in entries)
            self._seq = entries[-1].seq

    def drop(self, keys: Iterable[str]) -> None:
        """Removes from the scan the vectors that Chroma has now stored. Does nothing if the scan contains all vectors."""
        if not self._has_all:
            self._scan.apply((key, None) for key in keys)

    def nearest(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]:
        """Returns (key, cosine similarity) for the k nearest vectors, or for all if there are fewer than k, best first."""
        return self._scan.nearest(vector, k)

    def _read_all(self) -> None:
        last = 0
        while rows := self._catalog.vectors.after(last, _ROWS_AT_ONCE):
            self._scan.apply((key, vector) for _, key, vector in rows)
            last = rows[-1][0]
