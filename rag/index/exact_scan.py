"""Finds the nearest vectors by comparing a query with every vector in memory. Uses neither an index nor files."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

_GROWTH = 1.5  # factor by which the matrix grows, so that adding a row rarely requires copying the matrix


class ExactScan:
    """Vectors in memory, each with a key. Safe to share between threads."""

    def __init__(self) -> None:
        self._matrix: NDArray[np.float32] = np.empty((0, 0), np.float32)
        self._keys: list[str] = []  # row → key
        self._rows: dict[str, int] = {}  # key → row
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._keys)

    def apply(self, changes: Iterable[tuple[str, NDArray[np.float32] | None]]) -> None:
        """Upserts each (key, unit vector) and deletes each (key, None), in order. Repeating a change has no effect."""
        with self._lock:
            for key, vector in changes:
                if vector is None:
                    self._delete(key)
                else:
                    self._upsert(key, vector)

    def nearest(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]:
        """Returns (key, cosine similarity) for the k nearest vectors, or for all if there are fewer than k, best first.

        Args:
            vector: The query's vector, of shape (d,), float32 and unit length.
            k: Maximum number of vectors returned.
        """
        with self._lock:
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
                grown = np.empty((max(256, int(row * _GROWTH)), len(vector)), np.float32)
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
        last = self._keys.pop()  # the last row is moved to the position of the deleted row
        if last != key:
            self._matrix[row] = self._matrix[len(self._keys)]
            self._keys[row] = last
            self._rows[last] = row
