"""Nearest vectors by looking at every one: exact, in memory, made from the catalog's log. No index, no files."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_SPARE = 1.5  # room made for more rows than there are, so that adding one does not copy all


class ExactScan:
    """Vectors by key. Safe to share between threads."""

    def __init__(self) -> None:
        self._matrix: NDArray[np.float32] = np.empty((0, 0), np.float32)
        self._keys: list[str] = []  # row → key
        self._rows: dict[str, int] = {}  # key → row
        self._guard = threading.Lock()

    def __len__(self) -> int:
        return len(self._keys)

    def apply(self, changes: Iterable[tuple[str, NDArray[np.float32] | None]]) -> None:
        """Upserts (key, unit row) and deletes (key, None), in order. A repeat is harmless."""
        with self._guard:
            for key, vector in changes:
                if vector is None:
                    self._delete(key)
                else:
                    self._upsert(key, vector)

    def nearest(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]:
        """Lists (key, cosine), best first, at most k."""
        with self._guard:
            n = len(self._keys)
            if not n or k < 1:
                return []
            scores = self._matrix[:n] @ vector
            best = np.argpartition(-scores, k - 1)[:k] if k < n else np.arange(n)
            best = best[np.argsort(-scores[best], kind="stable")]
            return [(self._keys[row], float(scores[row])) for row in best]

    def _upsert(self, key: str, vector: NDArray[np.float32]) -> None:
        row = self._rows.get(key)
        if row is None:
            row = len(self._keys)
            if row >= len(self._matrix):
                grown = np.empty((max(256, int(row * _SPARE)), len(vector)), np.float32)
                if row:
                    grown[:row] = self._matrix[:row]
                self._matrix = grown
            self._keys.append(key)
            self._rows[key] = row
        self._matrix[row] = vector

    def _delete(self, key: str) -> None:
        row = self._rows.pop(key, None)
        if row is None:
            return
        last = self._keys.pop()  # the last row takes the free place
        if last != key:
            self._matrix[row] = self._matrix[len(self._keys)]
            self._keys[row] = last
            self._rows[last] = row
