"""Reads and writes the vectors table, which supplies Chroma and the exact scan. Each passage has at most one vector."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.errors import EmbedderError
from rag.index.catalog.database.connections import Connections
from rag.index.catalog.documents import Documents
from rag.index.catalog.index_versions import IndexVersions
from rag.index.catalog.sql import CURRENT_VERSION, placeholders, slices


class Vectors:
    """One catalog's vectors: float32 rows of unit length.

    Each method is atomic; `Catalog.transaction` groups several calls into one transaction.
    """

    def __init__(self, connections: Connections, versions: IndexVersions, documents: Documents) -> None:
        self._db = connections
        self._versions = versions
        self._documents = documents
        self._dimensions: dict[tuple[int, str], int] = {}  # dimension of the vectors, by (index version, embedder)

    def add(self, document_id: int, passage_ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Stores vectors for passages in the current index version, and adds them to the vector index's change log.

        Args:
            document_id: The passages' document.
            passage_ids: Passages that have no vector yet.
            vectors: Array of shape (n, d), float32, with rows of unit length, in the same order as the ids.
        """
        with self._db.transaction():
            self.store(passage_ids, vectors)
            self._db.run_many(
                "INSERT INTO log (op, key) SELECT 'upsert', key FROM passages WHERE id = ?", [(i,) for i in passage_ids]
            )
            self._db.run("UPDATE documents SET pending = pending - ? WHERE id = ?", (len(passage_ids), document_id))

    def store(self, passage_ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Stores vectors for passages in any index version; skips passages that were removed in the meantime."""
        self._db.run_many(
            "INSERT INTO vectors (vector, passage_id) SELECT ?, id FROM passages WHERE id = ?",
            ((row.tobytes(), id_) for id_, row in zip(passage_ids, vectors, strict=True)),
        )

    def of_passages(self, passage_ids: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """Returns each passage's vector, of shape (d,), by passage id; passages without a vector are left out."""
        found = {}
        for ids in slices(passage_ids):
            sql = f"SELECT passage_id, vector FROM vectors WHERE passage_id IN ({placeholders(ids)})"
            for id_, blob in self._db.query(sql, ids):
                found[id_] = np.frombuffer(blob, np.float32)
        return found

    def of_documents(self, document_ids: Sequence[int]) -> tuple[list[int], NDArray[np.float32]]:
        """Returns the ids and vectors, of shape (n, d), of all passages in these documents that have a vector."""
        rows = self._db.query(
            "SELECT passage_id, vector FROM vectors WHERE passage_id IN (SELECT id FROM passages WHERE"
            f" edition = {CURRENT_VERSION} AND document_id IN (SELECT value FROM json_each(?)))",
            (json.dumps(list(document_ids)),),
        )
        matrix = np.frombuffer(b"".join(row[1] for row in rows), np.float32)
        return [row[0] for row in rows], matrix.reshape(len(rows), -1) if rows else np.empty((0, 0), np.float32)

    def of_revision(self, document_id: int) -> dict[tuple[str, str], NDArray[np.float32]]:
        """Returns the vectors of a revision's passages in the current index version, by (heading, text)."""
        rows = self._db.query(
            "SELECT p.heading, p.start, p.end, v.vector FROM passages p JOIN vectors v ON v.passage_id = p.id"
            f" WHERE p.document_id = ? AND p.edition = {CURRENT_VERSION}",
            (document_id,),
        )
        text = "".join(self._documents.text_blocks(document_id)) if rows else ""
        return {(heading, text[start:end]): np.frombuffer(vector, np.float32) for heading, start, end, vector in rows}

    def after(self, passage_id: int, limit: int) -> list[tuple[int, str, NDArray[np.float32]]]:
        """Returns (id, key, vector) of up to `limit` passages whose ids are greater than `passage_id`, sorted by id.

        Only passages in the current index version that have a vector are returned.
        """
        rows = self._db.query(
            "SELECT p.id, p.key, v.vector FROM passages p JOIN vectors v ON v.passage_id = p.id"
            f" WHERE p.id > ? AND p.edition = {CURRENT_VERSION} ORDER BY p.id LIMIT ?",
            (passage_id, limit),
        )
        return [(id_, key, np.frombuffer(vector, np.float32)) for id_, key, vector in rows]

    def keys(self) -> Iterator[str]:
        """Yields the key of every passage in the current index version that has a vector."""
        for (key,) in self._db.stream(
            f"SELECT p.key FROM vectors v JOIN passages p ON p.id = v.passage_id WHERE p.edition = {CURRENT_VERSION}"
        ):
            yield key

    def count(self) -> int:
        """Estimates the number of vectors in the current index version; an exact count would have to read all of them."""
        return max(0, self._versions.current().passages - self._documents.waiting()[1])

    def check_dimension(self, vectors: NDArray[np.float32]) -> None:
        """Checks that vectors, of shape (n, d), have the same dimension as the stored vectors.

        Raises:
            EmbedderError: The dimensions differ.
        """
        version = self._versions.current()
        key = (version.id, version.embedder)
        if key not in self._dimensions:  # once a version has vectors, their dimension never changes
            rows = self._db.query(
                "SELECT length(v.vector) / 4 FROM passages p JOIN vectors v ON v.passage_id = p.id WHERE p.edition = ?"
                " LIMIT 1",
                (version.id,),
            )
            if not rows:
                return
            self._dimensions[key] = int(rows[0][0])
        if vectors.shape[1] != self._dimensions[key]:
            raise EmbedderError(
                f"the embedder returned vectors with {vectors.shape[1]} dimensions, but those in the index have"
                f" {self._dimensions[key]}",
                "use the model that the index was built with",
            )
