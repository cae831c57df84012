"""How one edition of the passages is built beside another, and takes its place in one transaction.

The documents and their text are there once. What belongs to an edition is its passages, their words and vectors. There is
a current edition and at most one other: being built, or the former one, kept so that the switch can be taken back.
"""

from __future__ import annotations

import secrets

from rag.index.catalog.reading import Reading
from rag.index.catalog.writing import Writing
from rag.index.records import IndexVersion
from rag.records import Document

_DROP_AT_ONCE = 2_000  # passages removed in one transaction


class Editions(Reading, Writing):
    """The part of the catalog that knows of more than one edition."""

    def begin_index_version(self, embedder: str, splitter: str) -> IndexVersion:
        """Begins an empty edition; the caller has dropped any other but the current one."""
        with self.transaction():
            id_ = self._db.run(
                "INSERT INTO editions (state, embedder, splitter) VALUES ('building', ?, ?)", (embedder, splitter)
            )
            self._db.run(f"CREATE VIRTUAL TABLE words_{id_} USING fts5 (terms, tokenize = 'unicode61 remove_diacritics 0')")
            self._db.run(f"INSERT INTO words_{id_} (words_{id_}, rank) VALUES ('secure-delete', 1)")
            self._db.run(f"CREATE VIRTUAL TABLE word_counts_{id_} USING fts5vocab ('words_{id_}', 'row')")
        return IndexVersion(id_, "building", embedder, splitter, 0, 0)

    def name_index_version(self, embedder: str, splitter: str) -> None:
        """Says what an edition that has no documents yet is made with."""
        self._db.run("UPDATE editions SET embedder = ?, splitter = ? WHERE state = 'current'", (embedder, splitter))

    def drop_index_version(self, edition: IndexVersion) -> None:
        """Removes an edition that is not current, in short transactions; one that was cut off goes on."""
        while ids := self._db.query("SELECT id FROM passages WHERE edition = ? LIMIT ?", (edition.id, _DROP_AT_ONCE)):
            with self.transaction():
                self._db.run_many("DELETE FROM vectors WHERE passage_id = ?", ids)
                self._db.run_many("DELETE FROM passages WHERE id = ?", ids)
                self._db.run("UPDATE editions SET passages = passages - ? WHERE id = ?", (len(ids), edition.id))
        with self.transaction():
            self._db.run(f"DROP TABLE IF EXISTS word_counts_{edition.id}")
            self._db.run(f"DROP TABLE IF EXISTS words_{edition.id}")
            self._db.run("DELETE FROM cuts WHERE edition = ?", (edition.id,))
            self._db.run("DELETE FROM editions WHERE id = ? AND state <> 'current'", (edition.id,))

    def uncut(self, edition: IndexVersion) -> list[int]:
        """The ids of the documents that an edition does not have whole yet."""
        rows = self._db.query(
            "SELECT id FROM documents WHERE state IN ('live', 'worded')"
            " AND id NOT IN (SELECT document_id FROM cuts WHERE edition = ?) ORDER BY id",
            (edition.id,),
        )
        return [row[0] for row in rows]

    def cut_so_far(self, edition: IndexVersion, document_id: int) -> int:
        """Where the last passage of a document begins that an edition has; -1 when it has none."""
        rows = self._db.query(
            "SELECT coalesce(max(start), -1) FROM passages WHERE edition = ? AND document_id = ?", (edition.id, document_id)
        )
        return int(rows[0][0])

    def finish_cut(self, edition: IndexVersion, document_id: int) -> None:
        """Says that an edition has a document whole, unless it was removed meanwhile."""
        self._db.run(
            "INSERT OR IGNORE INTO cuts SELECT ?, id FROM documents WHERE id = ? AND state <> 'dead'",
            (edition.id, document_id),
        )

    def revision(self, document_id: int) -> Document | None:
        """The facts that passages are made from, without the text; None if the document was removed meanwhile."""
        rows = self._db.query(
            "SELECT title, media_type, source, content_hash FROM documents WHERE id = ? AND state IN ('live', 'worded')",
            (document_id,),
        )
        if not rows:
            return None
        title, media_type, source, content_hash = rows[0]
        return Document("", title, media_type=media_type, source=source, content_hash=content_hash)

    def switch_to(self, edition: IndexVersion) -> bool:
        """Makes an edition the current one, in one transaction; the current one becomes the former.

        Changed documents that waited for vectors of the old edition are shown with it. False, and nothing done, while the
        edition lacks a document.
        """
        with self.transaction():
            if self.uncut(edition):
                return False
            self._db.run(
                "INSERT OR IGNORE INTO cuts SELECT e.id, d.id FROM editions e, documents d"
                " WHERE e.state = 'current' AND d.state IN ('live', 'worded')"
            )
            self._db.run("DELETE FROM cuts WHERE edition = ?", (edition.id,))
            # Each state is there once at most, so they move one by one.
            self._db.run("UPDATE editions SET state = 'moving' WHERE id = ?", (edition.id,))
            self._db.run("UPDATE editions SET state = 'former' WHERE state = 'current'")
            self._db.run("UPDATE editions SET state = 'current' WHERE id = ?", (edition.id,))
            self._db.run(
                "UPDATE documents SET pending = (SELECT count(*) FROM passages p LEFT JOIN vectors v ON v.passage_id = p.id"
                " WHERE p.document_id = documents.id AND p.edition = ? AND v.passage_id IS NULL)"
                " WHERE state IN ('live', 'worded')",
                (edition.id,),
            )
            for document_id, root_id, source in self._db.query(
                "SELECT id, root_id, source FROM documents WHERE state = 'worded' AND pending = 0 ORDER BY id"
            ):
                self._db.run(
                    "UPDATE documents SET state = 'dead' WHERE root_id = ? AND source = ? AND id < ?",
                    (root_id, source, document_id),
                )
                self._db.run("UPDATE documents SET state = 'live' WHERE id = ?", (document_id,))
            self.begin_generation()
        return True

    def begin_generation(self) -> str:
        """Names a new generation of the vector index, to be filled with all vectors; returns its name.

        The log is cleared with it, since whoever follows it begins anew too.
        """
        name = secrets.token_hex(6)
        with self.transaction():
            newest = self.newest_seq()
            self._db.run("DELETE FROM log")
            self.set_meta("chroma_generation", name)
            self.set_meta("chroma_filled", "0")
            self.set_meta("log_trimmed", str(newest))
        return name

    def trim_log(self, upto: int) -> None:
        """Clears what every vector index has, in short transactions."""
        while self._db.query("SELECT 1 FROM log WHERE seq <= ? LIMIT 1", (upto,)):
            with self.transaction():
                self._db.run(
                    "DELETE FROM log WHERE seq IN (SELECT seq FROM log WHERE seq <= ? ORDER BY seq LIMIT 5000)", (upto,)
                )
                self.set_meta("log_trimmed", str(upto))
