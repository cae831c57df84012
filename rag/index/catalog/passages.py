"""Stores passages in a table with a full-text index (FTS5), finds passages by terms, and counts terms."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rag.index.catalog.database.connections import Connections
from rag.index.catalog.documents import Documents
from rag.index.catalog.index_versions import IndexVersions
from rag.index.catalog.sql import CURRENT_VERSION, placeholders, slices, word_count
from rag.index.records import NewPassage, PassageTerms, PendingPassage, StoredPassage
from rag.records import Passage


class Passages:
    """One catalog's passages. Each method is atomic; `Catalog.transaction` groups several calls into one transaction."""

    def __init__(self, connections: Connections, versions: IndexVersions, documents: Documents) -> None:
        self._db = connections
        self._versions = versions
        self._documents = documents

    def add(self, document_id: int, passages: Sequence[NewPassage], version: int) -> list[int]:
        """Stores a revision's passages and returns their ids; stores nothing if the document was removed in the meantime.

        Passages in the current index version are counted as waiting for vectors; those in another version are not.
        """
        with self._db.transaction():
            if not self._db.query("SELECT 1 FROM documents WHERE id = ? AND state <> 'dead'", (document_id,)):
                return []  # the user has removed the document in the meantime
            ids = [
                self._db.run(
                    "INSERT INTO passages (document_id, start, end, heading, key, edition) VALUES (?, ?, ?, ?, ?, ?)",
                    (document_id, new.passage.start, new.passage.end, new.passage.heading, new.key, version),
                )
                for new in passages
            ]
            self._db.run_many(
                f"INSERT INTO words_{version} (rowid, terms) VALUES (?, ?)",
                zip(ids, (new.terms for new in passages), strict=True),
            )
            self._db.run(
                "UPDATE documents SET pending = pending + ? WHERE id = ?"
                " AND EXISTS (SELECT 1 FROM editions WHERE id = ? AND state = 'current')",
                (len(ids), document_id, version),
            )
            self._versions.count(version, len(ids), sum(word_count(new.terms) for new in passages))
        return ids

    def by_terms(self, terms: Sequence[str], k: int, document_ids: Sequence[int] | None) -> list[int]:
        """Returns the ids of up to k passages that contain any of these stems, with the best BM25 scores (from FTS5) first.

        Args:
            terms: The stems to search for.
            k: Maximum number of passages.
            document_ids: Ids of the documents to search; None for all documents.
        """
        if not terms:
            return []
        # Stems contain only letters and digits; the quotes prevent FTS5 from treating AND or NEAR as operators.
        match = " OR ".join(f'"{term}"' for term in terms)
        words = self._words()
        if document_ids is not None:
            rows = self._db.query(
                f"SELECT w.rowid FROM {words} w CROSS JOIN passages p ON p.id = w.rowid CROSS JOIN documents d"
                f" ON d.id = p.document_id WHERE w.{words} MATCH ? AND d.state = 'live'"
                " AND d.id IN (SELECT value FROM json_each(?)) ORDER BY w.rank LIMIT ?",
                (match, json.dumps(list(document_ids)), k),
            )
            return [row[0] for row in rows]
        limit = k
        while True:  # nearly all matches are visible, so checking each of them in the query would waste time
            rows = self._db.query(f"SELECT rowid FROM {words} WHERE {words} MATCH ? ORDER BY rank LIMIT ?", (match, limit))
            visible = self.visible([row[0] for row in rows])
            if len(visible) >= k or len(rows) < limit:
                return visible[:k]
            limit *= 4

    def document_frequency(self, terms: Sequence[str]) -> dict[str, int]:
        """Returns, for each stem, the number of passages that contain it."""
        counts = dict.fromkeys(terms, 0)
        table = f"word_counts_{self._versions.current().id}"
        for part in slices(terms):
            sql = f"SELECT term, doc FROM {table} WHERE term IN ({placeholders(part)})"
            counts.update(self._db.query(sql, part))
        return counts

    def totals(self) -> tuple[int, int]:
        """Returns the number of passages in the current index version, and the total number of terms in them."""
        version = self._versions.current()
        return version.passages, version.terms

    def get(self, passage_ids: Sequence[int]) -> list[StoredPassage]:
        """Returns these passages with their text, in the given order; passages that are no longer visible are left out."""
        found = {}
        for ids in slices(passage_ids):
            for id_, document_id, start, end, heading, source, title, author, date in self._db.query(
                "SELECT p.id, d.id, p.start, p.end, p.heading, d.source, d.title, d.author, d.date"
                " FROM passages p JOIN documents d ON d.id = p.document_id"
                f" WHERE d.state = 'live' AND p.edition = {CURRENT_VERSION} AND p.id IN ({placeholders(ids)})",
                ids,
            ):
                page, locator = self._documents.locate(document_id, start)
                found[id_] = StoredPassage(
                    id=id_,
                    document_id=document_id,
                    passage=Passage(start, end, heading),
                    page=page,
                    locator=locator,
                    source=source,
                    title=title,
                    author=author,
                    date=date,
                    text=self._documents.text(document_id, start, end),
                )
        return [found[id_] for id_ in passage_ids if id_ in found]

    def terms(self, passage_ids: Sequence[int]) -> list[PassageTerms]:
        """Returns the terms of these passages, in no particular order; passages that are not visible are left out."""
        rows = []
        for ids in slices(passage_ids):
            rows += self._db.query(
                # Reads FTS5's internal content table, because reading the virtual table takes three times as long per row.
                "SELECT p.id, d.id, d.source, w.c0 FROM passages p JOIN documents d ON d.id = p.document_id"
                f" JOIN {self._words()}_content w ON w.id = p.id WHERE d.state = 'live' AND p.id IN ({placeholders(ids)})",
                ids,
            )
        return [PassageTerms(*row) for row in rows]

    def overlapping(self, document_id: int, start: int, end: int) -> list[tuple[int, int, int]]:
        """Returns (id, start, end) of a document's passages that overlap the range [start, end), in order."""
        return self._db.query(
            "SELECT id, start, end FROM passages WHERE document_id = ?"
            f" AND edition = {CURRENT_VERSION} AND start < ? AND end > ? ORDER BY start, end",
            (document_id, end, start),
        )

    def visible(self, passage_ids: Sequence[int]) -> list[int]:
        """Returns those of the given ids whose passages are visible, in the given order."""
        visible: set[int] = set()
        for ids in slices(passage_ids):
            rows = self._db.query(
                "SELECT p.id FROM passages p JOIN documents d ON d.id = p.document_id"
                f" WHERE d.state = 'live' AND p.edition = {CURRENT_VERSION} AND p.id IN ({placeholders(ids)})",
                ids,
            )
            visible.update(row[0] for row in rows)
        return [id_ for id_ in passage_ids if id_ in visible]

    def visible_keys(self, keys: Sequence[str]) -> dict[str, int]:
        """Returns the passage id for each vector key; keys whose passages are not visible are left out."""
        found: dict[str, int] = {}
        for part in slices(keys):
            rows = self._db.query(
                "SELECT p.key, p.id FROM passages p JOIN documents d ON d.id = p.document_id"
                f" WHERE d.state = 'live' AND p.edition = {CURRENT_VERSION} AND p.key IN ({placeholders(part)})",
                part,
            )
            found.update(rows)
        return found

    def waiting(self, limit: int) -> list[PendingPassage]:
        """Returns up to `limit` passages without a vector, oldest first, from revisions that are live or `worded`."""
        rows = self._db.query(
            "SELECT p.id, p.document_id, p.start, p.end, p.heading, d.title, d.source"
            " FROM documents d JOIN passages p ON p.document_id = d.id"
            f" LEFT JOIN vectors v ON v.passage_id = p.id WHERE p.edition = {CURRENT_VERSION} AND d.pending > 0"
            " AND d.state IN ('live', 'worded') AND v.passage_id IS NULL ORDER BY p.id LIMIT ?",
            (limit,),
        )
        return [PendingPassage(row[0], row[1], Passage(*row[2:5]), *row[5:]) for row in rows]

    def delete(self, rows: Sequence[tuple[int, str, int]]) -> None:
        """Deletes passages together with their terms and vectors, and logs the deletions for the vector index.

        Args:
            rows: (id, key, index version) of each passage.
        """
        with self._db.transaction():
            existing = self._existing([row[0] for row in rows])
            for version in {row[2] for row in rows}:
                ids = [(id_,) for id_, _, its in rows if its == version and id_ in existing]
                counts = [
                    word_count(self._db.query(f"SELECT terms FROM words_{version} WHERE rowid = ?", id_)[0][0])
                    for id_ in ids
                ]
                for sql in (
                    f"DELETE FROM words_{version} WHERE rowid = ?",
                    "DELETE FROM vectors WHERE passage_id = ?",
                    "DELETE FROM passages WHERE id = ?",
                ):
                    self._db.run_many(sql, ids)
                self._versions.count(version, -len(ids), -sum(counts))
            self._db.run_many(
                "INSERT INTO log (op, key) VALUES ('delete', ?)", [(key,) for id_, key, _ in rows if id_ in existing]
            )

    def _existing(self, passage_ids: Sequence[int]) -> set[int]:
        """Returns the ids of the passages that still exist. Another process may have deleted some in the meantime."""
        sql = "SELECT id FROM passages WHERE id IN (SELECT value FROM json_each(?))"
        return {id_ for (id_,) in self._db.query(sql, (json.dumps([*passage_ids]),))}

    def _words(self) -> str:
        """Returns the name of the current index version's full-text table."""
        return f"words_{self._versions.current().id}"
