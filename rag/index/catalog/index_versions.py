"""Manages index versions. Each version has its own passages, made by one splitter and embedded by one embedder.

Documents and their text are stored once; each version owns its passages with their terms and vectors. The `current` version
is the one that is searched. There may be a second version: it is `building` while it is being filled, or `former` after a
switch, and is then kept so that the switch can be undone. In the SQL tables, a version is called an edition; the table
`cuts` lists the documents whose passages are all stored in a version.
"""

from __future__ import annotations

from rag.errors import IndexDamagedError
from rag.index.catalog.change_log import ChangeLog
from rag.index.catalog.database.connections import Connections
from rag.index.records import IndexVersion

_DROP_AT_ONCE = 2_000  # passages deleted per transaction


class IndexVersions:
    """One catalog's index versions.

    Each method is atomic; `Catalog.transaction` groups several calls into one transaction.
    """

    def __init__(self, connections: Connections, changes: ChangeLog) -> None:
        self._db = connections
        self._changes = changes

    def current(self) -> IndexVersion:
        """Returns the version that is searched.

        Raises:
            IndexDamagedError: The catalog has no current version.
        """
        found = self._db.cached_in_snapshot("current", lambda: self._first("state = 'current'"))
        if found is None:
            raise IndexDamagedError("the catalog has no current index version", "restore a backup: rag restore FILE")
        return found

    def other(self) -> IndexVersion | None:
        """Returns the version that is not current; None if there is none."""
        return self._first("state <> 'current'")

    def begin(self, embedder: str, splitter: str) -> IndexVersion:
        """Creates an empty version. The caller must already have dropped any version other than the current one."""
        with self._db.transaction():
            id_ = self._db.run(
                "INSERT INTO editions (state, embedder, splitter) VALUES ('building', ?, ?)", (embedder, splitter)
            )
            self._db.run(f"CREATE VIRTUAL TABLE words_{id_} USING fts5 (terms, tokenize = 'unicode61 remove_diacritics 0')")
            self._db.run(f"INSERT INTO words_{id_} (words_{id_}, rank) VALUES ('secure-delete', 1)")
            self._db.run(f"CREATE VIRTUAL TABLE word_counts_{id_} USING fts5vocab ('words_{id_}', 'row')")
        return IndexVersion(id=id_, state="building", embedder=embedder, splitter=splitter, passages=0, terms=0)

    def name(self, embedder: str, splitter: str) -> None:
        """Sets the embedder and splitter of the current version, which must not have any documents yet."""
        self._db.run("UPDATE editions SET embedder = ?, splitter = ? WHERE state = 'current'", (embedder, splitter))

    def drop(self, version: IndexVersion) -> None:
        """Deletes a version that is not current, in short transactions. If the call is interrupted, it can be repeated.

        Until it is deleted completely, the version has no embedder, and its terms may belong to passages that are deleted.
        """
        self._db.run("UPDATE editions SET embedder = '' WHERE id = ? AND state <> 'current'", (version.id,))
        while ids := self._db.query("SELECT id FROM passages WHERE edition = ? LIMIT ?", (version.id, _DROP_AT_ONCE)):
            with self._db.transaction():
                self._db.run_many("DELETE FROM vectors WHERE passage_id = ?", ids)
                self._db.run_many("DELETE FROM passages WHERE id = ?", ids)
                self._db.run("UPDATE editions SET passages = passages - ? WHERE id = ?", (len(ids), version.id))
        with self._db.transaction():
            self._db.run(f"DROP TABLE IF EXISTS word_counts_{version.id}")
            self._db.run(f"DROP TABLE IF EXISTS words_{version.id}")
            self._db.run("DELETE FROM cuts WHERE edition = ?", (version.id,))
            self._db.run("DELETE FROM editions WHERE id = ? AND state <> 'current'", (version.id,))

    def count(self, version: int, passages: int, terms: int) -> None:
        """Adds these numbers, which may be negative, to a version's counts of passages and terms."""
        self._db.run(
            "UPDATE editions SET passages = passages + ?, terms = terms + ? WHERE id = ?", (passages, terms, version)
        )

    def missing_documents(self, version: IndexVersion) -> list[int]:
        """Returns the ids of the documents whose passages have not all been stored in a version."""
        rows = self._db.query(
            "SELECT id FROM documents WHERE state IN ('live', 'worded')"
            " AND id NOT IN (SELECT document_id FROM cuts WHERE edition = ?) ORDER BY id",
            (version.id,),
        )
        return [row[0] for row in rows]

    def last_start(self, version: IndexVersion, document_id: int) -> int:
        """Returns the start offset of a document's last passage in a version; -1 if the version has no passage from it."""
        rows = self._db.query(
            "SELECT coalesce(max(start), -1) FROM passages WHERE edition = ? AND document_id = ?", (version.id, document_id)
        )
        return int(rows[0][0])

    def finish_document(self, version: IndexVersion, document_id: int) -> None:
        """Records that a version has all of a document's passages, unless the document was removed in the meantime."""
        self._db.run(
            "INSERT OR IGNORE INTO cuts SELECT ?, id FROM documents WHERE id = ? AND state <> 'dead'",
            (version.id, document_id),
        )

    def switch_to(self, version: IndexVersion) -> bool:
        """Makes a version current, in one transaction; the previous version is kept as the `former` one.

        Changed documents that were waiting for vectors in the previous version become visible as well. Returns False and
        changes nothing if the new version does not yet contain all documents.
        """
        with self._db.transaction():
            if self.missing_documents(version):
                return False
            self._db.run(
                "INSERT OR IGNORE INTO cuts SELECT e.id, d.id FROM editions e, documents d"
                " WHERE e.state = 'current' AND d.state IN ('live', 'worded')"
            )
            self._db.run("DELETE FROM cuts WHERE edition = ?", (version.id,))
            # No two versions may be in the same state at the same time, so the new one is temporarily `moving`.
            self._db.run("UPDATE editions SET state = 'moving' WHERE id = ?", (version.id,))
            self._db.run("UPDATE editions SET state = 'former' WHERE state = 'current'")
            self._db.run("UPDATE editions SET state = 'current' WHERE id = ?", (version.id,))
            self._db.run(
                "UPDATE documents SET pending = (SELECT count(*) FROM passages p LEFT JOIN vectors v ON v.passage_id = p.id"
                " WHERE p.document_id = documents.id AND p.edition = ? AND v.passage_id IS NULL)"
                " WHERE state IN ('live', 'worded')",
                (version.id,),
            )
            for document_id, root_id, source in self._db.query(
                "SELECT id, root_id, source FROM documents WHERE state = 'worded' AND pending = 0 ORDER BY id"
            ):
                self._db.run(
                    "UPDATE documents SET state = 'dead' WHERE root_id = ? AND source = ? AND id < ?",
                    (root_id, source, document_id),
                )
                self._db.run("UPDATE documents SET state = 'live' WHERE id = ?", (document_id,))
            self._changes.new_generation()
        return True

    def _first(self, condition: str) -> IndexVersion | None:
        rows = self._db.query(f"SELECT id, state, embedder, splitter, passages, terms FROM editions WHERE {condition}")
        return IndexVersion(*rows[0]) if rows else None
