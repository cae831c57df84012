"""How documents enter and leave the catalog. Every method is atomic by itself; `transaction` joins several."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from rag.index.catalog.connection import Connections
from rag.index.catalog.schema import name_hash
from rag.index.records import FileSeen, NewPassage
from rag.records import Document

BLOCK = 16_384  # code points of a document's text kept in one row: what is read to show one passage
_SWEEP_AT_ONCE = 2_000  # passages removed in one transaction, so that nobody waits long


class Writing:
    """The writing half of the catalog."""

    _db: Connections

    def transaction(self) -> AbstractContextManager[None]:
        """All that is written inside is committed together, or not at all."""
        return self._db.transaction()

    def set_meta(self, name: str, value: str) -> None:
        """Remembers a fact about the index."""
        self._db.run("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (name, value))

    def root_id(self, kind: str, path: str) -> int:
        """The id of a root, made if it is new. `kind` is "sync" (mirrored) or "add" (named by hand)."""
        with self.transaction():
            self._db.run("INSERT OR IGNORE INTO roots (kind, path) VALUES (?, ?)", (kind, path))
            return int(self._db.query("SELECT id FROM roots WHERE kind = ? AND path = ?", (kind, path))[0][0])

    def saw(self, root_id: int, files: Iterable[FileSeen]) -> None:
        """Remembers what a scan saw."""
        with self.transaction():
            self._db.run_many(
                "INSERT OR REPLACE INTO files (root_id, source, size, mtime_ns, ctime_ns, scanned_ns, content_hash, error,"
                " hint) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (root_id, f.source, f.size, f.mtime_ns, f.ctime_ns, f.scanned_ns, f.content_hash, f.error, f.hint)
                    for f in files
                ],
            )

    def keep_original(self, content_hash: str, data: bytes) -> None:
        """Keeps the bytes of what has no file, by their SHA-256, until no document came from them."""
        self._db.run("INSERT OR IGNORE INTO originals VALUES (?, ?)", (content_hash, data))

    def retry_failed(self) -> None:
        """Has every file looked at again that could not be read."""
        self._db.run("UPDATE files SET content_hash = '' WHERE error <> ''")

    def forget_files(self, root_id: int, sources: Iterable[str]) -> None:
        """Forgets that a scan saw these."""
        with self.transaction():
            self._db.run_many("DELETE FROM files WHERE root_id = ? AND source = ?", [(root_id, s) for s in sources])

    def forget(self, root_id: int, source: str) -> None:
        """Keeps a file that was removed by hand from coming back."""
        self._db.run("INSERT OR IGNORE INTO forgotten VALUES (?, ?)", (root_id, name_hash(self._db.name, source)))

    def want_again(self, root_id: int, sources: Iterable[str]) -> None:
        """Lets files come back that were removed by hand."""
        names = [(root_id, name_hash(self._db.name, source)) for source in sources]
        with self.transaction():
            self._db.run_many("DELETE FROM forgotten WHERE root_id = ? AND name = ?", names)

    def keep_forgotten(self, root_id: int, sources: Iterable[str]) -> None:
        """Forgets about removed files that are not among these: a new file of that name is another one."""
        names = {name for (name,) in self._db.query("SELECT name FROM forgotten WHERE root_id = ?", (root_id,))}
        if not names:
            return
        gone = names - {name_hash(self._db.name, source) for source in sources}
        with self.transaction():
            self._db.run_many("DELETE FROM forgotten WHERE root_id = ? AND name = ?", [(root_id, name) for name in gone])

    def stage(self, root_id: int, document: Document, file: str = "") -> int:
        """Stores a revision's text and facts, seen by nobody yet; returns its id.

        Args:
            root_id: Its root's.
            document: The revision.
            file: Source of the file it came in; its own if left out.
        """
        with self.transaction():
            document_id = self._db.run(
                "INSERT INTO documents (root_id, source, file, state, title, author, date, media_type, metadata,"
                " characters, content_hash, added) VALUES (?, ?, ?, 'staged', ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    root_id, document.source, file or document.source, document.title, document.author, document.date,
                    document.media_type, json.dumps(dict(document.metadata), ensure_ascii=False),
                    len(document.text), document.content_hash, datetime.now(UTC).isoformat(timespec="seconds"),
                ),
            )  # fmt: skip
            self._db.run_many(
                "INSERT OR REPLACE INTO landmarks VALUES (?, ?, ?, ?, ?, ?)",
                [(document_id, mark.start, mark.name, mark.page, mark.counts, mark.first) for mark in document.anchors],
            )
            self._db.run_many(
                "INSERT INTO texts (document_id, start, text) VALUES (?, ?, ?)",
                (
                    (document_id, start, document.text[start : start + BLOCK])
                    for start in range(0, len(document.text), BLOCK)
                ),
            )
        return document_id

    def add_passages(self, document_id: int, passages: Sequence[NewPassage], edition: int) -> list[int]:
        """Stores passages of a revision, found by words once it is live and the edition current; returns their ids.

        Those of the current edition are counted as waiting for vectors; those of another one are not. None are stored if
        the document was removed meanwhile.
        """
        with self.transaction():
            if not self._db.query("SELECT 1 FROM documents WHERE id = ? AND state <> 'dead'", (document_id,)):
                return []  # removed by hand meanwhile
            ids = [
                self._db.run(
                    "INSERT INTO passages (document_id, start, end, heading, key, edition) VALUES (?, ?, ?, ?, ?, ?)",
                    (document_id, new.passage.start, new.passage.end, new.passage.heading, new.key, edition),
                )
                for new in passages
            ]
            self._db.run_many(
                f"INSERT INTO words_{edition} (rowid, terms) VALUES (?, ?)",
                zip(ids, (new.terms for new in passages), strict=True),
            )
            self._db.run(
                "UPDATE documents SET pending = pending + ? WHERE id = ?"
                " AND EXISTS (SELECT 1 FROM editions WHERE id = ? AND state = 'current')",
                (len(ids), document_id, edition),
            )
            self._count(edition, len(ids), sum(_length(new.terms) for new in passages))
        return ids

    def add_vectors(self, document_id: int, passage_ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Stores the vectors of passages of the current edition, and queues them for the vector index.

        Args:
            document_id: Whose passages they are.
            passage_ids: Those that have no vector yet.
            vectors: (n, d) float32, unit rows, in the order of the ids.
        """
        with self.transaction():
            self.store_vectors(passage_ids, vectors)
            self._db.run_many(
                "INSERT INTO log (op, key) SELECT 'upsert', key FROM passages WHERE id = ?", [(i,) for i in passage_ids]
            )
            self._db.run("UPDATE documents SET pending = pending - ? WHERE id = ?", (len(passage_ids), document_id))

    def store_vectors(self, passage_ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Stores the vectors of passages of any edition; those of passages that were removed meanwhile are dropped."""
        self._db.run_many(
            "INSERT INTO vectors (vector, passage_id) SELECT ?, id FROM passages WHERE id = ?",
            ((row.tobytes(), id_) for id_, row in zip(passage_ids, vectors, strict=True)),
        )

    def publish(self, document_id: int) -> bool:
        """Shows a revision in place of the one shown until now; a worded one waits until it has its vectors.

        A document that is new is shown at once, since its words can be searched already. False if it was removed by hand
        meanwhile.
        """
        with self.transaction():
            rows = self._db.query(
                "SELECT root_id, source, pending FROM documents WHERE id = ? AND state <> 'dead'", (document_id,)
            )
            if not rows:
                return False
            root_id, source, pending = rows[0]
            older = self._db.query(
                "SELECT id FROM documents WHERE root_id = ? AND source = ? AND state = 'live' AND id <> ?",
                (root_id, source, document_id),
            )
            if older and pending:
                self._db.run("UPDATE documents SET state = 'worded' WHERE id = ?", (document_id,))
                return True
            self._db.run(
                "UPDATE documents SET state = 'dead' WHERE root_id = ? AND source = ? AND id <> ?",
                (root_id, source, document_id),
            )
            self._db.run("UPDATE documents SET state = 'live' WHERE id = ?", (document_id,))
            return True

    def remove(self, document_ids: Iterable[int]) -> None:
        """Hides documents at once, and forgets that their files were seen. `sweep` removes what is left of them."""
        with self.transaction():
            for document_id in document_ids:
                for root_id, source in self._db.query("SELECT root_id, source FROM documents WHERE id = ?", (document_id,)):
                    self._db.run("UPDATE documents SET state = 'dead' WHERE root_id = ? AND source = ?", (root_id, source))
                    self.forget_files(root_id, [source])

    def discard(self, document_id: int) -> None:
        """Marks one revision for the next sweep."""
        self._db.run("UPDATE documents SET state = 'dead' WHERE id = ?", (document_id,))

    def sweep(self, unfinished_too: bool) -> int:
        """Removes dead revisions with all that belongs to them; returns how many passages went.

        Args:
            unfinished_too: Also revisions whose words were never finished. Only the holder of the import lock may say
                so, for to anyone else they may be another process's work at hand.
        """
        if unfinished_too and self._db.query("SELECT 1 FROM documents WHERE state = 'staged' LIMIT 1"):
            self._db.run("UPDATE documents SET state = 'dead' WHERE state = 'staged'")
        swept = 0
        while dead := self._db.query("SELECT id FROM documents WHERE state = 'dead' LIMIT 1"):
            while batch := self._db.query(
                "SELECT id, key, edition FROM passages WHERE document_id = ? LIMIT ?",
                (dead[0][0], _SWEEP_AT_ONCE),
            ):
                self._sweep_passages(batch)
                swept += len(batch)
            with self.transaction():
                self._db.run("DELETE FROM cuts WHERE document_id = ?", dead[0])
                self._db.run("DELETE FROM texts WHERE document_id = ?", dead[0])
                self._db.run("DELETE FROM landmarks WHERE document_id = ?", dead[0])
                self._db.run("DELETE FROM documents WHERE id = ?", dead[0])
        if unfinished_too:
            self._db.run(
                "DELETE FROM originals WHERE hash NOT IN"
                " (SELECT content_hash FROM documents UNION SELECT content_hash FROM files)"
            )
        return swept

    def _sweep_passages(self, rows: Sequence[tuple[int, str, int]]) -> None:
        with self.transaction():
            # Another process may have swept some of them meanwhile.
            there = {id_ for (id_,) in self._db.query(
                "SELECT id FROM passages WHERE id IN (SELECT value FROM json_each(?))", (json.dumps([r[0] for r in rows]),)
            )}  # fmt: skip
            for edition in {row[2] for row in rows}:
                ids = [(id_,) for id_, _, its in rows if its == edition and id_ in there]
                lengths = [
                    _length(self._db.query(f"SELECT terms FROM words_{edition} WHERE rowid = ?", id_)[0][0]) for id_ in ids
                ]
                for sql in (
                    f"DELETE FROM words_{edition} WHERE rowid = ?",
                    "DELETE FROM vectors WHERE passage_id = ?",
                    "DELETE FROM passages WHERE id = ?",
                ):
                    self._db.run_many(sql, ids)
                self._count(edition, -len(ids), -sum(lengths))
            self._db.run_many(
                "INSERT INTO log (op, key) VALUES ('delete', ?)", [(key,) for id_, key, _ in rows if id_ in there]
            )

    def _count(self, edition: int, passages: int, terms: int) -> None:
        self._db.run(
            "UPDATE editions SET passages = passages + ?, terms = terms + ? WHERE id = ?", (passages, terms, edition)
        )


def _length(terms: str) -> int:
    return terms.count(" ") + 1 if terms else 0
