"""Chroma, as one process holds it: ids and vectors only, filled from the catalog's log and searched through.

The only home of chromadb. Its folder is derived and may be thrown away at any time. One process at a time may open it,
since a second one, even a reading one, damages it (the caller holds the lock). It does not know the catalog.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
import chromadb
from chromadb.api.client import Client
from chromadb.config import Settings as ChromaSettings

from rag.errors import StorageError

VERSION = chromadb.__version__
_COLLECTION = "passages"
_AT_ONCE = 5_000  # Chroma takes at most 5,461 records a call
_PROBE_S = 20  # damage shows as a hang too


class ChromaVectors:
    """An open generation of Chroma's folder."""

    def __init__(self, client: Client, collection: chromadb.Collection) -> None:
        self._client = client
        self._collection = collection

    @classmethod
    def open(cls, folder: Path) -> ChromaVectors:
        """Opens a generation, or makes it.

        Raises:
            StorageError: Chroma cannot use the folder.
        """
        with _named(f"open {folder}"):
            client = cast("Client", chromadb.PersistentClient(str(folder), ChromaSettings(anonymized_telemetry=False)))
            collection = client.get_or_create_collection(
                _COLLECTION,
                # None on purpose: left out, Chroma attaches an embedder of its own that downloads a model.
                embedding_function=None,
                configuration={"hnsw": {"space": "ip", "ef_construction": 100, "ef_search": 200, "max_neighbors": 16}},
            )
        return cls(client, collection)

    def __len__(self) -> int:
        with _named("count"):
            return self._collection.count()

    def close(self) -> None:
        """Lets go of the folder; Chroma would keep it open for the whole process."""
        self._client.close()

    def apply(self, changes: Sequence[tuple[str, NDArray[np.float32] | None]]) -> None:
        """Upserts (key, unit row) and deletes (key, None); the last change of a key counts. A repeat is harmless."""
        final = dict(changes)
        gone = [key for key, vector in final.items() if vector is None]
        kept = [(key, vector) for key, vector in final.items() if vector is not None]
        with _named("write"):
            for begin in range(0, len(gone), _AT_ONCE):
                self._collection.delete(ids=gone[begin : begin + _AT_ONCE])
            for begin in range(0, len(kept), _AT_ONCE):
                part = kept[begin : begin + _AT_ONCE]
                self._collection.upsert([key for key, _ in part], embeddings=np.stack([vector for _, vector in part]))

    def nearest(self, vector: NDArray[np.float32], k: int) -> list[tuple[str, float]]:
        """Lists (key, cosine), best first, at most k."""
        if not np.isfinite(vector).all():  # Chroma would return arbitrary rows
            return []
        with _named("query"):
            found = self._collection.query(query_embeddings=vector[None, :], n_results=k, include=["distances"])
        distances = (found["distances"] or [[]])[0]
        return [(key, 1.0 - distance) for key, distance in zip(found["ids"][0], distances, strict=True)]


class ChromaFolder:
    """Generations of Chroma's folder, each a folder below one of ours."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, name: str) -> ChromaVectors:
        """Opens a generation, or makes it."""
        return ChromaVectors.open(self._folder / name)

    def is_sound(self, name: str) -> bool:
        """Whether it can be opened without harm."""
        return is_sound(self._folder / name)

    def remove_others(self, name: str) -> None:
        """Removes every generation but this one."""
        if self._folder.is_dir():
            for other in self._folder.iterdir():
                if other.name != name:
                    shutil.rmtree(other, ignore_errors=True)


@contextmanager
def _named(what: str) -> Iterator[None]:
    """Chroma raises what its Rust half raises, of no common class; here it becomes one of ours."""
    try:
        yield
    except Exception as error:
        raise StorageError(f"Chroma failed to {what} ({error})", "`rag doctor --repair` builds it anew") from error


def is_sound(folder: Path) -> bool:
    """Whether a generation can be opened and finds what it holds, tried in a child process.

    Damage to Chroma's files shows as a crash of the process or as a hang; both cost a child only.
    """
    if not folder.exists():
        return True
    try:
        child = subprocess.run(
            # -P: nothing of the folder we happen to stand in is imported.
            [sys.executable, "-P", "-m", "rag.vectors", str(folder.resolve())],
            capture_output=True,
            timeout=_PROBE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return child.returncode == 0


def _probe(folder: Path) -> int:
    """Counts, and asks for a sample of its own vectors: 0 when every one is found."""
    collection = ChromaVectors.open(folder)._collection
    sample = collection.get(limit=32, include=["embeddings"])
    if sample["embeddings"] is None or len(sample["ids"]) != min(32, collection.count()):
        return 1
    if not sample["ids"]:
        return 0
    found = collection.query(query_embeddings=np.asarray(sample["embeddings"]), n_results=10, include=["distances"])
    # A copy of the same passage may stand first; its distance is the same.
    whole = [bool(near) and near[0] < 0.01 for near in found["distances"] or []]
    return 0 if whole and all(whole) else 1


if __name__ == "__main__":
    sys.exit(_probe(Path(sys.argv[1])))
