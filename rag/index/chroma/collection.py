"""An open Chroma folder: ids and vectors only. The only home of chromadb; imported by the process that holds it alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

os.environ["ANONYMIZED_TELEMETRY"] = "False"
os.environ["ORT_DISABLE_TELEMETRY"] = os.environ["ORT_TELEMETRY_DISABLED"] = "1"  # onnxruntime, should Chroma load it
import chromadb
from chromadb.api.client import Client
from chromadb.config import Settings as ChromaSettings

VERSION = chromadb.__version__
_COLLECTION = "passages"
_AT_ONCE = 5_000  # Chroma takes at most 5,461 records a call


class ChromaVectors:
    """One Chroma folder. Whatever Chroma raises, it raises: its Rust half has no common class of errors."""

    def __init__(self, folder: Path) -> None:
        self._client = cast("Client", chromadb.PersistentClient(str(folder), ChromaSettings(anonymized_telemetry=False)))
        self._collection = self._client.get_or_create_collection(
            _COLLECTION,
            # None on purpose: left out, Chroma attaches an embedder of its own that downloads a model.
            embedding_function=None,
            configuration={"hnsw": {"space": "ip", "ef_construction": 100, "ef_search": 200, "max_neighbors": 16}},
        )

    def close(self) -> None:
        """Writes what is in memory and lets go of the folder."""
        self._client.close()

    def keys(self) -> list[str]:
        """Every key it holds."""
        return list(self._collection.get(include=[])["ids"])

    def count(self) -> int:
        """How many vectors it holds."""
        return self._collection.count()

    def delete(self, keys: Sequence[str]) -> None:
        """Removes vectors; unknown keys are passed over."""
        for begin in range(0, len(keys), _AT_ONCE):
            self._collection.delete(ids=list(keys[begin : begin + _AT_ONCE]))

    def upsert(self, keys: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Stores vectors, (n, d) unit rows, in place of those that have these keys. A repeat is harmless."""
        for begin in range(0, len(keys), _AT_ONCE):
            self._collection.upsert(list(keys[begin : begin + _AT_ONCE]), embeddings=vectors[begin : begin + _AT_ONCE])

    def nearest(self, vector: NDArray[np.float32], k: int) -> tuple[list[str], list[float]]:
        """The keys of the k nearest vectors and their cosines, best first."""
        found = self._collection.query(query_embeddings=vector[None, :], n_results=k, include=["distances"])
        distances = (found["distances"] or [[]])[0]
        return found["ids"][0], [1.0 - distance for distance in distances]
