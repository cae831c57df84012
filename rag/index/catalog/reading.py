"""What can be asked of the catalog. Readers see live revisions only, each whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rag.errors import EmbedderError, IndexDamagedError, SourceError
from rag.index.catalog.connection import Connections
from rag.index.catalog.schema import name_hash
from rag.index.catalog.writing import BLOCK
from rag.index.records import FileSeen, IndexVersion, LogEntry, PendingPassage, Revision, StoredPassage
from rag.records import Anchor, Document, DocumentInfo, Filter, Hit, Passage, Ranks
from rag.sources.records import storable

_T = TypeVar("_T")
_CURRENT = "(SELECT id FROM editions WHERE state = 'current')"
_IDS_A_STATEMENT = 900  # SQLite's oldest limit on values in one statement is 999


class Reading:
    """The reading half of the catalog."""

    _db: Connections
    _dimensions: dict[tuple[int, str], int]  # of the vectors of an edition and its embedder, once they were looked at

    def snapshot(self) -> AbstractContextManager[None]:
        """All that is read inside is of one moment."""
        return self._db.snapshot()

    def meta(self, name: str) -> str:
        """A remembered fact about the index; empty if there is none."""
        rows = self._db.query("SELECT value FROM meta WHERE key = ?", (name,))
        return str(rows[0][0]) if rows else ""

    def current(self) -> IndexVersion:
        """The edition that is asked."""
        found = self._db.remembered("current", lambda: self._edition("state = 'current'"))
        if found is None:
            raise IndexDamagedError("the catalog has no current edition", "restore a backup: rag restore FILE")
        return found

    def other_index_version(self) -> IndexVersion | None:
        """The edition that is not current, if there is one."""
        return self._edition("state <> 'current'")

    def _edition(self, which: str) -> IndexVersion | None:
        rows = self._db.query(f"SELECT id, state, embedder, splitter, passages, terms FROM editions WHERE {which}")
        return IndexVersion(*rows[0]) if rows else None

    def is_forgotten(self, root_id: int, source: str) -> bool:
        """Whether a file was removed by hand, and is to stay out."""
        name = name_hash(self._db.name, source)
        return bool(self._db.query("SELECT 1 FROM forgotten WHERE root_id = ? AND name = ?", (root_id, name)))

    def has_forgotten(self, root_id: int) -> bool:
        """Whether anything of this root was removed by hand."""
        return bool(self._db.query("SELECT 1 FROM forgotten WHERE root_id = ? LIMIT 1", (root_id,)))

    def roots(self, kind: str) -> list[tuple[int, str]]:
        """(id, path) of the roots of a kind."""
        return self._db.query("SELECT id, path FROM roots WHERE kind = ? ORDER BY path", (kind,))

    def files(self, root_id: int) -> dict[str, FileSeen]:
        """Source → what the last scan of this root saw."""
        rows = self._db.query(
            "SELECT source, size, mtime_ns, ctime_ns, scanned_ns, content_hash, error, hint FROM files WHERE root_id = ?",
            (root_id,),
        )
        return {row[0]: FileSeen(*row) for row in rows}

    def revisions(self, root_id: int) -> dict[str, list[Revision]]:
        """Source → its live revision and the one that waits for vectors, oldest first."""
        found: dict[str, list[Revision]] = {}
        for source, id_, content_hash, file in self._db.query(
            "SELECT source, id, content_hash, file FROM documents WHERE root_id = ? AND state IN ('live', 'worded')"
            " ORDER BY id",
            (root_id,),
        ):
            found.setdefault(source, []).append(Revision(id_, content_hash, file))
        return found

    def held_vectors(self, document_id: int) -> dict[tuple[str, str], NDArray[np.float32]]:
        """(heading, text) of each passage that a revision has in the current edition → its vector."""
        rows = self._db.query(
            "SELECT p.heading, p.start, p.end, v.vector FROM passages p JOIN vectors v ON v.passage_id = p.id"
            f" WHERE p.document_id = ? AND p.edition = {_CURRENT}",
            (document_id,),
        )
        text = "".join(self.text_blocks(document_id)) if rows else ""
        return {(heading, text[start:end]): np.frombuffer(vector, np.float32) for heading, start, end, vector in rows}

    def documents(self) -> list[DocumentInfo]:
        """Every live document and every file that could not be read, by source."""
        live = self._db.query(
            "SELECT d.source, title, author, date, media_type, characters,"
            f" (SELECT count(*) FROM passages p WHERE p.document_id = d.id AND p.edition = {_CURRENT}),"
            " (SELECT count(page) FROM landmarks l WHERE l.document_id = d.id), pending, r.path, added,"
            " content_hash, coalesce(json_extract(metadata, '$.language'), ''),"
            " coalesce(json_extract(metadata, '$.pages_without_text'), ''), d.id"
            " FROM documents d JOIN roots r ON r.id = d.root_id WHERE state = 'live'"
        )
        infos = [
            DocumentInfo(source, title, author, date, kind, length, passages, pages,
                         "embedding" if pending else "ready", root, added, hash_, language=language, unread_pages=unread,
                         id=id_)
            for source, title, author, date, kind, length, passages, pages, pending, root, added, hash_, language, unread,
            id_ in live
        ]  # fmt: skip
        failed = self._db.query(
            "SELECT f.source, r.path, content_hash, error, hint FROM files f JOIN roots r ON r.id = f.root_id"
            " WHERE error <> ''"
        )
        infos += [
            DocumentInfo(source, "", "", "", "", 0, 0, 0, "failed", root, "", content_hash, error, hint)
            for source, root, content_hash, error, hint in failed
        ]
        return sorted(infos, key=lambda info: (info.source, info.root))

    def openings(self, document_ids: Sequence[int] | None, most: int, characters: int) -> tuple[int, list[Hit]]:
        """How many live documents there are, and how the first of them begin, by source.

        Args:
            document_ids: Of these only; all if None.
            most: Documents.
            characters: Of each, at most.
        """
        among = "" if document_ids is None else " AND id IN (SELECT value FROM json_each(?))"
        values = [] if document_ids is None else [json.dumps(list(document_ids))]
        with self._db.snapshot():
            count = self._db.query(f"SELECT count(*) FROM documents WHERE state = 'live'{among}", values)[0][0]
            rows = self._db.query(
                "SELECT id, source, title, author, date FROM documents"
                f" WHERE state = 'live'{among} ORDER BY source, id LIMIT ?",
                [*values, most],
            )
            texts = [self.text(row[0], 0, characters) for row in rows]
            located = [self.locate(row[0], 0) for row in rows]
        unranked = Ranks(None, 0.0, None, None)
        return count, [
            Hit(
                source, title, page, 0, len(text), 0.0, text, "", author, date, unranked, id_, locator=locator,
            )
            for (id_, source, title, author, date), text, (page, locator) in zip(rows, texts, located, strict=True)
        ]  # fmt: skip

    def find(self, source: str) -> int:
        """The id of the live document of this name: its source, or the absolute path of its file.

        Raises:
            SourceError: There is none, or several synced folders have one.
        """
        source = storable(source)
        rows = self._db.query(
            "SELECT d.id, r.path FROM documents d JOIN roots r ON r.id = d.root_id WHERE d.state = 'live' AND d.source = ?",
            (source,),
        )
        if not rows and Path(source).is_absolute():
            rows = [
                (id_, path)
                for id_, found, path in self._db.query(
                    "SELECT d.id, d.source, r.path FROM documents d JOIN roots r ON r.id = d.root_id WHERE d.state = 'live'"
                )
                if str(Path(path, found)) == source
            ]
        if not rows:
            raise SourceError(f"no document {source!r} in this index", "`rag ls` lists them")
        if len(rows) > 1:
            names = ", ".join(str(Path(path, source)) for _, path in rows)
            raise SourceError(f"{len(rows)} documents are called {source!r}", f"name one by its path: {names}")
        return int(rows[0][0])

    def failed_files(self, source: str) -> list[tuple[int, str]]:
        """(root id, source) of files of this name that could not be read."""
        return self._db.query("SELECT root_id, source FROM files WHERE source = ? AND error <> ''", (storable(source),))

    def document(self, document_id: int) -> Document:
        """A whole document.

        Raises:
            SourceError: It was removed meanwhile.
        """
        with self._db.snapshot():
            rows = self._db.query(
                "SELECT title, author, date, media_type, metadata, source, content_hash FROM documents"
                " WHERE id = ? AND state = 'live'",
                (document_id,),
            )
            if not rows:
                raise SourceError("the document is not in this index any more", "`rag ls` lists those that are")
            title, author, date, media_type, metadata, source, content_hash = rows[0]
            marks = self._db.query(
                "SELECT start, name, page, counts, first FROM landmarks WHERE document_id = ? ORDER BY start",
                (document_id,),
            )
            text = "".join(self.text_blocks(document_id))
        return Document(
            text,
            title,
            author,
            date,
            tuple(Anchor(*mark) for mark in marks),
            media_type,
            json.loads(metadata),
            source,
            content_hash,
        )

    def sources_of(self, kind: str) -> list[str]:
        """The files that live documents of this kind of root came in."""
        rows = self._db.query(
            "SELECT DISTINCT d.file FROM documents d JOIN roots r ON r.id = d.root_id WHERE r.kind = ? AND d.state = 'live'"
            " ORDER BY d.file",
            (kind,),
        )
        return [file for (file,) in rows]

    def facts_of(self, kind: str, source: str) -> dict[str, str]:
        """The metadata of a live document by the kind of its root; empty if there is none."""
        rows = self._db.query(
            "SELECT d.metadata FROM documents d JOIN roots r ON r.id = d.root_id WHERE r.kind = ? AND d.source = ?"
            " AND d.state = 'live'",
            (kind, source),
        )
        return dict(json.loads(rows[0][0])) if rows else {}

    def original(self, content_hash: str) -> bytes | None:
        """The bytes that were kept of what has no file; None if there are none of this SHA-256."""
        rows = self._db.query("SELECT data FROM originals WHERE hash = ?", (content_hash,))
        return bytes(rows[0][0]) if rows else None

    def file_of(self, document_id: int) -> tuple[str, str, str, str]:
        """(kind of its root, path of its root, source of the file it came in, SHA-256 of that file) of a document."""
        rows = self._db.query(
            "SELECT r.kind, r.path, d.file, coalesce(f.content_hash, d.content_hash) FROM documents d"
            " JOIN roots r ON r.id = d.root_id LEFT JOIN files f ON f.root_id = d.root_id AND f.source = d.file"
            " WHERE d.id = ?",
            (document_id,),
        )
        if not rows:
            raise SourceError("the document is not in this index any more", "`rag ls` lists those that are")
        return rows[0]

    def text_blocks(self, document_id: int) -> Iterator[str]:
        """A document's canonical text, piece by piece."""
        for (text,) in self._db.stream("SELECT text FROM texts WHERE document_id = ? ORDER BY start", (document_id,)):
            yield text

    def text(self, document_id: int, start: int, end: int) -> str:
        """The characters [start, end) of a document's canonical text, whatever its length."""
        first = start // BLOCK * BLOCK
        rows = self._db.query(
            "SELECT text FROM texts WHERE document_id = ? AND start >= ? AND start < ? ORDER BY start",
            (document_id, first, max(end, start + 1)),
        )
        return "".join(text for (text,) in rows)[start - first : end - first]

    def locate(self, document_id: int, offset: int) -> tuple[int | None, str]:
        """The page of a character, and where to look for it in words; (None, "") in a document without such places."""
        rows = self._db.query(
            "SELECT start, name, page, counts, first FROM landmarks WHERE document_id = ? AND start <= ?"
            " ORDER BY start DESC LIMIT 1",
            (document_id, offset),
        )
        if not rows:
            return None, ""
        mark = Anchor(*rows[0])
        lines = self.text(document_id, mark.start, offset).count("\n") if mark.counts else 0
        return mark.page, mark.locator(lines)

    def hash_of(self, document_id: int) -> str:
        """The content hash of a document; "" if it was removed meanwhile."""
        rows = self._db.query("SELECT content_hash FROM documents WHERE id = ?", (document_id,))
        return str(rows[0][0]) if rows else ""

    def matching(self, filters: Filter) -> list[int] | None:
        """The ids of the live documents that pass a filter; None when it lets all pass."""
        if filters.is_empty():
            return None
        conditions: list[str] = ["state = 'live'"]
        values: list[str] = []
        if filters.sources:
            conditions.append("(" + " OR ".join(["source GLOB ?"] * len(filters.sources)) + ")")
            values += filters.sources
        # A date known only to the year or month passes if any of its days does.
        for bound, sign in ((filters.since, ">="), (filters.until, "<=")):
            if bound:
                conditions.append(f"date <> '' AND substr(date, 1, length(?)) {sign} substr(?, 1, length(date))")
                values += [bound, bound]
        for name, value in filters.metadata.items():
            conditions.append(
                "(EXISTS (SELECT 1 FROM json_each(metadata) WHERE key = ? AND value = ?)"
                " OR (? = 'title' AND title = ?) OR (? = 'author' AND author = ?))"
            )
            values += [name, value] * 3
        return [row[0] for row in self._db.query(f"SELECT id FROM documents WHERE {' AND '.join(conditions)}", values)]

    def by_words(self, terms: Sequence[str], k: int, document_ids: Sequence[int] | None) -> list[int]:
        """The ids of the k passages that BM25 ranks first for any of these stems, among these documents if given."""
        if not terms:
            return []
        # Stems are letters and digits only; the quotes keep FTS5's own words (AND, NEAR) from being commands.
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
        wanted = k
        while True:  # nearly all are shown, and looking at each match whether it is costs more than the search
            rows = self._db.query(f"SELECT rowid FROM {words} WHERE {words} MATCH ? ORDER BY rank LIMIT ?", (match, wanted))
            shown = self.live([row[0] for row in rows])
            if len(shown) >= k or len(rows) < wanted:
                return shown[:k]
            wanted *= 4

    def document_frequency(self, terms: Sequence[str]) -> dict[str, int]:
        """How many passages have each of these stems."""
        counts = dict.fromkeys(terms, 0)
        for part in _slices(terms):
            table = f"word_counts_{self.current().id}"
            counts.update(self._db.query(f"SELECT term, doc FROM {table} WHERE term IN ({_marks(part)})", part))
        return counts

    def totals(self) -> tuple[int, int]:
        """How many passages are stored, and how many words they have together."""
        edition = self.current()
        return edition.passages, edition.terms

    def _words(self) -> str:
        """The table of the current edition's words."""
        return f"words_{self.current().id}"

    def passages(self, passage_ids: Sequence[int]) -> list[StoredPassage]:
        """These passages with their text, in this order; those no longer shown are left out."""
        found = {}
        for ids in _slices(passage_ids):
            for id_, document_id, start, end, heading, source, title, author, date, terms in self._db.query(
                "SELECT p.id, d.id, p.start, p.end, p.heading, d.source, d.title, d.author, d.date, w.terms"
                f" FROM passages p JOIN documents d ON d.id = p.document_id JOIN {self._words()} w ON w.rowid = p.id"
                f" WHERE d.state = 'live' AND p.id IN ({_marks(ids)})",
                ids,
            ):
                page, locator = self.locate(document_id, start)
                text = self.text(document_id, start, end)
                found[id_] = StoredPassage(
                    id_, document_id, Passage(start, end, heading), page, locator, source, title, author, date, text, terms
                )
        return [found[id_] for id_ in passage_ids if id_ in found]

    def words_of(self, passage_ids: Sequence[int]) -> list[tuple[int, int, str, str]]:
        """(passage id, document id, source, stems joined by spaces) of those of these passages that are shown."""
        rows = []
        for ids in _slices(passage_ids):
            rows += self._db.query(
                # FTS5's own table of what it indexed: through the virtual one each row takes three times as long.
                "SELECT p.id, d.id, d.source, w.c0 FROM passages p JOIN documents d ON d.id = p.document_id"
                f" JOIN {self._words()}_content w ON w.id = p.id WHERE d.state = 'live' AND p.id IN ({_marks(ids)})",
                ids,
            )
        return rows

    def passages_over(self, document_id: int, start: int, end: int) -> list[tuple[int, int, int]]:
        """(id, start, end) of the passages of a document that share characters with [start, end), in their order."""
        return self._db.query(
            f"SELECT id, start, end FROM passages WHERE document_id = ? AND edition = {_CURRENT} AND start < ? AND end > ?"
            " ORDER BY start, end",
            (document_id, end, start),
        )

    def fields(self, most: int) -> list[tuple[str, str, int]]:
        """(field, value, documents) of what live documents say of themselves; the commonest first.

        Args:
            most: So many at most.
        """
        return self._db.query(
            "SELECT name, value, count(*) AS n FROM ("
            " SELECT 'author' AS name, author AS value FROM documents WHERE state = 'live'"
            " UNION ALL SELECT j.key, j.value FROM documents, json_each(metadata) j"
            " WHERE state = 'live' AND j.type = 'text'"
            ") WHERE value <> '' AND length(value) <= 80 AND name NOT LIKE 'pages_%' GROUP BY name, value"
            " ORDER BY n DESC, name, value LIMIT ?",
            (most,),
        )

    def live_documents(self) -> list[tuple[int, str]]:
        """(id, source) of every document that is shown, by source."""
        return self._db.query("SELECT id, source FROM documents WHERE state = 'live' ORDER BY source, id")

    def languages(self, document_ids: Sequence[int]) -> dict[int, str]:
        """Document id → ISO 639-1 code, of those of these documents whose language is known."""
        rows = self._db.query(
            "SELECT id, json_extract(metadata, '$.language') FROM documents WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(document_ids)),),
        )
        return {id_: str(language) for id_, language in rows if language}

    def live(self, passage_ids: Sequence[int]) -> list[int]:
        """Those of these passages that are shown, in this order."""
        shown: set[int] = set()
        for ids in _slices(passage_ids):
            rows = self._db.query(
                "SELECT p.id FROM passages p JOIN documents d ON d.id = p.document_id"
                f" WHERE d.state = 'live' AND p.edition = {_CURRENT} AND p.id IN ({_marks(ids)})",
                ids,
            )
            shown.update(row[0] for row in rows)
        return [id_ for id_ in passage_ids if id_ in shown]

    def shown(self, keys: Sequence[str]) -> dict[str, int]:
        """Vector index key → passage id, of those that are shown."""
        found: dict[str, int] = {}
        for part in _slices(keys):
            rows = self._db.query(
                "SELECT p.key, p.id FROM passages p JOIN documents d ON d.id = p.document_id"
                f" WHERE d.state = 'live' AND p.edition = {_CURRENT} AND p.key IN ({_marks(part)})",
                part,
            )
            found.update(rows)
        return found

    def vectors(self, passage_ids: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """Passage id → its vector; those that have none yet are left out."""
        found = {}
        for ids in _slices(passage_ids):
            for id_, blob in self._db.query(f"SELECT * FROM vectors WHERE passage_id IN ({_marks(ids)})", ids):
                found[id_] = np.frombuffer(blob, np.float32)
        return found

    def vectors_of(self, document_ids: Sequence[int]) -> tuple[list[int], NDArray[np.float32]]:
        """The passage ids and vectors (n, d) of whole documents, in the order of their ids."""
        rows = self._db.query(
            "SELECT passage_id, vector FROM vectors WHERE passage_id IN (SELECT id FROM passages WHERE"
            f" edition = {_CURRENT} AND document_id IN (SELECT value FROM json_each(?)))",
            (json.dumps(list(document_ids)),),
        )
        matrix = np.frombuffer(b"".join(row[1] for row in rows), np.float32)
        return [row[0] for row in rows], matrix.reshape(len(rows), -1) if rows else np.empty((0, 0), np.float32)

    def vectors_after(self, passage_id: int, limit: int) -> list[tuple[int, str, NDArray[np.float32]]]:
        """(passage id, key, vector) of the next passages of the current edition that have one, by id."""
        rows = self._db.query(
            "SELECT p.id, p.key, v.vector FROM passages p JOIN vectors v ON v.passage_id = p.id"
            f" WHERE p.id > ? AND p.edition = {_CURRENT} ORDER BY p.id LIMIT ?",
            (passage_id, limit),
        )
        return [(id_, key, np.frombuffer(vector, np.float32)) for id_, key, vector in rows]

    def keys(self) -> Iterator[str]:
        """The key of every passage of the current edition that has a vector."""
        for (key,) in self._db.stream(
            f"SELECT p.key FROM vectors v JOIN passages p ON p.id = v.passage_id WHERE p.edition = {_CURRENT}"
        ):
            yield key

    def check_dimension(self, vectors: NDArray[np.float32]) -> None:
        """Looks whether vectors (n, d) can stand beside those that are stored.

        Raises:
            EmbedderError: They have another dimension.
        """
        edition = self.current()
        key = (edition.id, edition.embedder)
        if key not in self._dimensions:  # one that has vectors never changes its dimension
            rows = self._db.query(
                "SELECT length(v.vector) / 4 FROM passages p JOIN vectors v ON v.passage_id = p.id WHERE p.edition = ?"
                " LIMIT 1",
                (edition.id,),
            )
            if not rows:
                return
            self._dimensions[key] = int(rows[0][0])
        if vectors.shape[1] != self._dimensions[key]:
            raise EmbedderError(
                f"the embedder sent vectors of {vectors.shape[1]} dimensions, and the index has {self._dimensions[key]}",
                "name the model that the index was built with",
            )

    def pending(self, limit: int) -> list[PendingPassage]:
        """The first passages of live or waiting revisions that have no vector yet."""
        rows = self._db.query(
            "SELECT p.id, p.document_id, p.start, p.end, p.heading, d.title, d.source"
            " FROM documents d JOIN passages p ON p.document_id = d.id"
            f" LEFT JOIN vectors v ON v.passage_id = p.id WHERE p.edition = {_CURRENT} AND d.pending > 0"
            " AND d.state IN ('live', 'worded') AND v.passage_id IS NULL ORDER BY p.id LIMIT ?",
            (limit,),
        )
        return [PendingPassage(row[0], row[1], Passage(*row[2:5]), *row[5:]) for row in rows]

    def place(self, document_id: int) -> tuple[int, str]:
        """The root's id and the source of a document."""
        root_id, source = self._db.query("SELECT root_id, source FROM documents WHERE id = ?", (document_id,))[0]
        return root_id, source

    def vector_count(self) -> int:
        """About how many vectors the current edition has; counting them exactly would read them all."""
        return max(0, self.current().passages - self.pending_count())

    def being_embedded(self) -> tuple[int, int]:
        """How many documents, and passages of them, wait for vectors."""
        rows = self._db.query(
            "SELECT count(*), coalesce(sum(pending), 0) FROM documents WHERE pending > 0 AND state IN ('live', 'worded')"
        )
        return int(rows[0][0]), int(rows[0][1])

    def pending_count(self) -> int:
        """How many passages have no vector yet."""
        return int(self._db.query("SELECT total(pending) FROM documents WHERE state IN ('live', 'worded')")[0][0])

    def newest_seq(self) -> int:
        """The number of the last entry that the log had; 0 when it never had one."""
        return max(int(self._db.query("SELECT coalesce(max(seq), 0) FROM log")[0][0]), self.trimmed_seq())

    def log(self, after: int, limit: int) -> list[LogEntry]:
        """The next `limit` entries of the log after a number. An upsert whose passage is gone since reads as a delete."""
        rows = self._db.query(
            "SELECT l.seq, l.key, v.vector FROM (SELECT * FROM log WHERE seq > ? ORDER BY seq LIMIT ?) l"
            " LEFT JOIN passages p ON l.op = 'upsert' AND p.key = l.key LEFT JOIN vectors v ON v.passage_id = p.id"
            " ORDER BY l.seq",
            (after, limit),
        )
        return [
            LogEntry(seq, key, None if vector is None else np.frombuffer(vector, np.float32)) for seq, key, vector in rows
        ]

    def trimmed_seq(self) -> int:
        """Up to which number the log was cleared: whoever has less must begin with all vectors."""
        return int(self.meta("log_trimmed") or 0)

    def problems(self) -> list[str]:
        """What SQLite's and rag's own checks of the catalog find wrong, a sentence each; slow on a large one."""
        found = [f"catalog: {row[0]}" for row in self._db.query("PRAGMA integrity_check(10)") if row[0] != "ok"]
        if found:
            return found
        words = [f"words_{id_}" for (id_,) in self._db.query("SELECT id FROM editions")]
        rows_of_words = " UNION ALL ".join(f"SELECT rowid FROM {table}" for table in words)
        checks = {
            "passages without a document": "passages WHERE document_id NOT IN (SELECT id FROM documents)",
            "passages of no edition": "passages WHERE edition NOT IN (SELECT id FROM editions)",
            "passages without words": f"passages WHERE id NOT IN ({rows_of_words})",
            "words without a passage": f"({rows_of_words}) w WHERE w.rowid NOT IN (SELECT id FROM passages)",
            "vectors without a passage": "vectors WHERE passage_id NOT IN (SELECT id FROM passages)",
            "texts without a document": "texts WHERE document_id NOT IN (SELECT id FROM documents)",
            # length() stops at a NUL, which a text may hold.
            "documents whose text is not whole": "documents d WHERE state <> 'staged' AND characters <>"
            " (SELECT coalesce(sum(length(text)), 0) FROM texts t WHERE t.document_id = d.id)"
            " AND NOT EXISTS (SELECT 1 FROM texts t WHERE t.document_id = d.id AND instr(text, char(0)) > 0)",
            "documents whose count of waiting passages is wrong": "documents d WHERE state IN ('live', 'worded')"
            " AND pending <> (SELECT count(*) FROM passages p LEFT JOIN vectors v ON v.passage_id = p.id"
            f" WHERE p.document_id = d.id AND p.edition = {_CURRENT} AND v.passage_id IS NULL)",
            "editions whose count of passages is wrong": "editions e WHERE passages <>"
            " (SELECT count(*) FROM passages p WHERE p.edition = e.id)",
        }
        counts = {what: self._db.query(f"SELECT count(*) FROM {rows}")[0][0] for what, rows in checks.items()}
        return [f"{count} {what}" for what, count in counts.items() if count]


def _slices(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for begin in range(0, len(values), _IDS_A_STATEMENT):
        yield values[begin : begin + _IDS_A_STATEMENT]


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
