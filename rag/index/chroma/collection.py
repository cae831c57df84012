"""Reads and writes vectors in a Chroma folder. No other module uses chromadb; only the child process imports this one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

os.environ["ANONYMIZED_TELEMETRY"] = "False"
os.environ["ORT_DISABLE_TELEMETRY"] = os.environ["ORT_TELEMETRY_DISABLED"] = "1"  # in case Chroma loads onnxruntime
import chromadb
from chromadb.api.client import Client
from chromadb.config import Settings as ChromaSettings

VERSION = chromadb.__version__
_COLLECTION = "passages"
_PER_CALL = 5_000  # Chroma accepts at most 5,461 records per call


class ChromaVectors:
    """The vectors in one Chroma folder. Chroma's errors are not caught, as they have no common base class."""

    def __init__(self, folder: Path) -> None:
        self._client = cast("Client", chromadb.PersistentClient(str(folder), ChromaSettings(anonymized_telemetry=False)))
        self._collection = self._client.get_or_create_collection(
            _COLLECTION,
            # subtle: if this were not None, Chroma would attach its own embedder, which downloads a model.
            embedding_function=None,
            configuration={"hnsw": {"space": "ip", "ef_construction": 100, "ef_search": 200, "max_neighbors": 16}},
        )

    def close(self) -> None:
        """Flushes all data to disk and closes the folder."""
        self._client.close()

    def keys(self) -> list[str]:
        """Returns the keys of all vectors."""
        return list(self._collection.get(include=[])["ids"])

    def count(self) -> int:
        """Returns the number of vectors."""
        return self._collection.count()

    def delete(self, keys: Sequence[str]) -> None:
        """Deletes vectors; unknown keys are ignored."""
        for begin in range(0, len(keys), _PER_CALL):
            self._collection.delete(ids=list(keys[begin : begin + _PER_CALL]))

    def upsert(self, keys: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Adds or replaces vectors, of shape (n, d) and unit length. Repeating a call has no further effect."""
        for begin in range(0, len(keys), _PER_CALL):
            self._collection.upsert(list(keys[begin : begin + _PER_CALL]), embeddings=vectors[begin : begin + _PER_CALL])

    def nearest(self, vector: NDArray[np.float32], k: int) -> tuple[list[str], list[float]]:
        """Returns the keys and cosine similarities of the k nearest vectors, best first."""
        found = self._collection.query(query_embeddings=vector[None, :], n_results=k, include=["distances"])
        distances = (found["distances"] or [[]])[0]
        return found["ids"][0], [1.0 - distance for distance in distances]
