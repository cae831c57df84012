"""Reads and writes the documents table: each document's revisions, with their text, anchors and blocks.

A revision is `staged` while its passages are being written, `worded` when only its vectors are missing and an older
revision is still visible, `live` when it is the visible revision, and `dead` when it is waiting to be deleted. Readers see
only live revisions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rag.errors import SourceError
from rag.index.catalog.blocks import Blocks
from rag.index.catalog.database.connections import Connections
from rag.index.catalog.files import Files
from rag.index.catalog.sql import CURRENT_VERSION
from rag.index.records import Origin, Outdated, Revision, StoredMail
from rag.records import Anchor, Block, Document, DocumentInfo, Filter, Hit, Ranks
from rag.sources.records import storable_name
from rag.text.blocks import quotations

BLOCK = 16_384  # code points of text stored in each row; only the rows that contain a passage are read to show it


class Documents:
    """One catalog's documents. Each method is atomic; `Catalog.transaction` groups several calls into one transaction."""

    def __init__(self, connections: Connections, files: Files, blocks: Blocks) -> None:
        self._db = connections
        self._files = files
        self._blocks = blocks

    def infos(self) -> list[DocumentInfo]:
        """Returns every live document and every file that could not be read, sorted by source."""
        live = self._db.query(
            "SELECT d.source, title, author, date, media_type, characters,"
            f" (SELECT count(*) FROM passages p WHERE p.document_id = d.id AND p.edition = {CURRENT_VERSION}),"
            " (SELECT count(page) FROM landmarks l WHERE l.document_id = d.id),"
            " CASE WHEN pending > 0 THEN 'embedding' ELSE 'ready' END, r.path, added, content_hash, '', '',"
            " coalesce(json_extract(metadata, '$.language'), ''),"
            " coalesce(json_extract(metadata, '$.pages_without_text'), ''), d.id"
            " FROM documents d JOIN roots r ON r.id = d.root_id WHERE state = 'live'"
        )
        failed = self._db.query(
            "SELECT f.source, '', '', '', '', 0, 0, 0, 'failed', r.path, '', content_hash, error, hint"
            " FROM files f JOIN roots r ON r.id = f.root_id WHERE error <> ''"
        )
        infos = [DocumentInfo(*row) for row in (*live, *failed)]
        return sorted(infos, key=lambda info: (info.source, info.root))

    def count(self) -> int:
        """Returns the number of live documents."""
        return int(self._db.query("SELECT count(*) FROM documents WHERE state = 'live'")[0][0])

    def characters(self) -> int:
        """Returns the number of code points in the texts of all live documents."""
        return int(self._db.query("SELECT coalesce(sum(characters), 0) FROM documents WHERE state = 'live'")[0][0])

    def openings(self, document_ids: Sequence[int] | None, limit: int, characters: int) -> tuple[int, list[Hit]]:
        """Returns the number of live documents, and the beginnings of up to `limit` of them, sorted by source.

        Args:
            document_ids: Ids of the documents to consider; None for all documents.
            limit: Maximum number of documents whose beginnings are returned.
            characters: Maximum length of each beginning, in code points.
        """
        among = "" if document_ids is None else " AND id IN (SELECT value FROM json_each(?))"
        values = [] if document_ids is None else [json.dumps([*document_ids])]
        with self._db.snapshot():
            count = self._db.query(f"SELECT count(*) FROM documents WHERE state = 'live'{among}", values)[0][0]
            rows = self._db.query(
                "SELECT id, source, title, author, date FROM documents"
                f" WHERE state = 'live'{among} ORDER BY source, id LIMIT ?",
                [*values, limit],
            )
            hits = []
            for id_, source, title, author, date in rows:
                text, (page, locator) = self.text(id_, 0, characters), self.locate(id_, 0)
                hits.append(
                    Hit(
                        source=source,
                        title=title,
                        page=page,
                        start=0,
                        end=len(text),
                        score=0.0,
                        text=text,
                        heading="",
                        author=author,
                        date=date,
                        ranks=Ranks(None, 0.0, None, None),
                        document_id=id_,
                        locator=locator,
                    )
                )
        return count, hits

    def find(self, source: str) -> int:
        """Returns the id of the live document that has this source, or that was read from the file with this absolute path.

        Raises:
            SourceError: No document matches, or several documents from different folders match.
        """
        source = storable_name(source)
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
            raise SourceError(f"no document {source!r} in this index", "use `rag ls` to list all documents")
        if len(rows) > 1:
            names = ", ".join(str(Path(path, source)) for _, path in rows)
            raise SourceError(f"{len(rows)} documents are called {source!r}", f"specify one of them by its path: {names}")
        return int(rows[0][0])

    def get(self, document_id: int) -> Document:
        """Returns a live document with its text.

        Raises:
            SourceError: The document was removed in the meantime.
        """
        with self._db.snapshot():
            rows = self._db.query(
                "SELECT title, author, date, media_type, metadata, source, content_hash FROM documents"
                " WHERE id = ? AND state = 'live'",
                (document_id,),
            )
            if not rows:
                raise _gone()
            title, author, date, media_type, metadata, source, content_hash = rows[0]
            anchors = self._db.query(
                "SELECT start, name, page, counts, first FROM landmarks WHERE document_id = ? ORDER BY start",
                (document_id,),
            )
            text = "".join(self.text_blocks(document_id))
            blocks = self._blocks.of(document_id)
        return Document(
            text=text,
            title=title,
            author=author,
            date=date,
            anchors=tuple(Anchor(*anchor) for anchor in anchors),
            media_type=media_type,
            metadata=json.loads(metadata),
            source=source,
            content_hash=content_hash,
            blocks=blocks,
        )

    def without_text(self, document_id: int) -> Document | None:
        """Returns a document's title, media type, source and content hash; None if it was removed in the meantime."""
        rows = self._db.query(
            "SELECT title, media_type, source, content_hash FROM documents WHERE id = ? AND state IN ('live', 'worded')",
            (document_id,),
        )
        if not rows:
            return None
        title, media_type, source, content_hash = rows[0]
        return Document("", title, media_type=media_type, source=source, content_hash=content_hash)

    def revisions(self, root_id: int) -> dict[str, list[Revision]]:
        """Returns, for each source, the document's live revision and any revision waiting for vectors, oldest first."""
        found: dict[str, list[Revision]] = {}
        for source, id_, content_hash, file in self._db.query(
            "SELECT source, id, content_hash, file FROM documents WHERE root_id = ? AND state IN ('live', 'worded')"
            " ORDER BY id",
            (root_id,),
        ):
            found.setdefault(source, []).append(Revision(id_, content_hash, file))
        return found

    def live(self) -> list[tuple[int, str]]:
        """Returns (id, source) of every live document, sorted by source."""
        return self._db.query("SELECT id, source FROM documents WHERE state = 'live' ORDER BY source, id")

    def text_blocks(self, document_id: int) -> Iterator[str]:
        """Yields a document's canonical text, one stored block at a time."""
        for (text,) in self._db.stream("SELECT text FROM texts WHERE document_id = ? ORDER BY start", (document_id,)):
            yield text

    def text(self, document_id: int, start: int, end: int) -> str:
        """Returns the range [start, end) of a document's canonical text; reads only the rows that contain this range."""
        first = start // BLOCK * BLOCK
        rows = self._db.query(
            "SELECT text FROM texts WHERE document_id = ? AND start >= ? AND start < ? ORDER BY start",
            (document_id, first, max(end, start + 1)),
        )
        return "".join(text for (text,) in rows)[start - first : end - first]

    def locate(self, document_id: int, offset: int) -> tuple[int | None, str]:
        """Returns the page and locator of the character at an offset; (None, "") if no anchor precedes it."""
        rows = self._db.query(
            "SELECT start, name, page, counts, first FROM landmarks WHERE document_id = ? AND start <= ?"
            " ORDER BY start DESC LIMIT 1",
            (document_id, offset),
        )
        if not rows:
            return None, ""
        anchor = Anchor(*rows[0])
        lines = self.text(document_id, anchor.start, offset).count("\n") if anchor.counts else 0
        return anchor.page, anchor.locator(lines)

    def content_hash(self, document_id: int) -> str:
        """Returns a document's content hash; "" if the document was removed in the meantime."""
        rows = self._db.query("SELECT content_hash FROM documents WHERE id = ?", (document_id,))
        return str(rows[0][0]) if rows else ""

    def origin(self, document_id: int) -> Origin:
        """Returns the file that a document was read from.

        Raises:
            SourceError: The document was removed in the meantime.
        """
        rows = self._db.query(
            "SELECT r.kind, r.path, d.file, coalesce(f.content_hash, d.content_hash) FROM documents d"
            " JOIN roots r ON r.id = d.root_id LEFT JOIN files f ON f.root_id = d.root_id AND f.source = d.file"
            " WHERE d.id = ?",
            (document_id,),
        )
        if not rows:
            raise _gone()
        return Origin(*rows[0])

    def root_and_source(self, document_id: int) -> tuple[int, str]:
        """Returns the id of a document's root, and the document's source."""
        root_id, source = self._db.query("SELECT root_id, source FROM documents WHERE id = ?", (document_id,))[0]
        return root_id, source

    def files_of_kind(self, kind: str) -> list[str]:
        """Returns the source of each file that live documents under roots of this kind were read from, sorted."""
        rows = self._db.query(
            "SELECT DISTINCT d.file FROM documents d JOIN roots r ON r.id = d.root_id WHERE r.kind = ? AND d.state = 'live'"
            " ORDER BY d.file",
            (kind,),
        )
        return [file for (file,) in rows]

    def metadata(self, kind: str, source: str) -> dict[str, str]:
        """Returns the metadata of the live document with this source under a root of this kind.

        The result is empty if there is no such document.
        """
        rows = self._db.query(
            "SELECT d.metadata FROM documents d JOIN roots r ON r.id = d.root_id WHERE r.kind = ? AND d.source = ?"
            " AND d.state = 'live'",
            (kind, source),
        )
        return dict(json.loads(rows[0][0])) if rows else {}

    def matching(self, filters: Filter) -> list[int] | None:
        """Returns the ids of the live documents that match a filter; None if the filter is empty."""
        if filters.is_empty():
            return None
        conditions: list[str] = ["state = 'live'"]
        values: list[str] = []
        if filters.sources:
            conditions.append("(" + " OR ".join(["source GLOB ?"] * len(filters.sources)) + ")")
            values += filters.sources
        # A date that gives only a month or year matches if any day in that month or year would match.
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

    def fields(self, limit: int) -> list[tuple[str, str, int]]:
        """Returns live documents' authors and metadata as (field, value, number of documents), most frequent first."""
        return self._db.query(
            "SELECT name, value, count(*) AS n FROM ("
            " SELECT 'author' AS name, author AS value FROM documents WHERE state = 'live'"
            " UNION ALL SELECT j.key, j.value FROM documents, json_each(metadata) j"
            " WHERE state = 'live' AND j.type = 'text'"
            ") WHERE value <> '' AND length(value) <= 80 AND name NOT LIKE 'pages_%' GROUP BY name, value"
            " ORDER BY n DESC, name, value LIMIT ?",
            (limit,),
        )

    def metadata_of(self, document_ids: Sequence[int]) -> dict[int, dict[str, str]]:
        """Returns the documents' metadata by id; empty for documents that are gone."""
        rows = self._db.query(
            "SELECT id, metadata FROM documents WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps([*document_ids]),),
        )
        return {id_: json.loads(metadata) for id_, metadata in rows}

    def languages(self, document_ids: Sequence[int]) -> dict[int, str]:
        """Returns each document's ISO 639-1 language code by id; documents with an unknown language are left out."""
        rows = self._db.query(
            "SELECT id, json_extract(metadata, '$.language') FROM documents WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps([*document_ids]),),
        )
        return {id_: str(language) for id_, language in rows if language}

    def waiting(self) -> tuple[int, int]:
        """Returns the number of documents waiting for vectors, and the number of their passages that have no vector."""
        rows = self._db.query(
            "SELECT count(*), coalesce(sum(pending), 0) FROM documents WHERE pending > 0 AND state IN ('live', 'worded')"
        )
        return int(rows[0][0]), int(rows[0][1])

    def stage(self, root_id: int, document: Document, file: str = "", *, parser: str = "") -> int:
        """Stores a revision's text, blocks and metadata without making the revision visible yet; returns its id.

        Args:
            root_id: Id of the document's root.
            document: The new revision.
            file: Source of the file that the document was read from; defaults to the document's own source.
            parser: Version of the parsers that read the document.
        """
        with self._db.transaction():
            document_id = self._db.run(
                "INSERT INTO documents (root_id, source, file, state, title, author, date, media_type, metadata,"
                " characters, content_hash, added, parser) VALUES (?, ?, ?, 'staged', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    root_id,
                    document.source,
                    file or document.source,
                    document.title,
                    document.author,
                    document.date,
                    document.media_type,
                    json.dumps(dict(document.metadata), ensure_ascii=False),
                    len(document.text),
                    document.content_hash,
                    datetime.now(UTC).isoformat(timespec="seconds"),
                    parser,
                ),
            )
            self._blocks.store(document_id, document.blocks)
            self._store_anchors(document_id, document)
            self._db.run_many(
                "INSERT INTO texts (document_id, start, text) VALUES (?, ?, ?)",
                (
                    (document_id, start, document.text[start : start + BLOCK])
                    for start in range(0, len(document.text), BLOCK)
                ),
            )
        return document_id

    def _store_anchors(self, document_id: int, document: Document) -> None:
        self._db.run("DELETE FROM landmarks WHERE document_id = ?", (document_id,))
        self._db.run_many(
            "INSERT OR REPLACE INTO landmarks VALUES (?, ?, ?, ?, ?, ?)",
            [(document_id, a.start, a.name, a.page, a.counts, a.first) for a in document.anchors],
        )

    def outdated(self, parser: str) -> list[Outdated]:
        """Returns the live documents that another version of the parsers has read, grouped by root and file."""
        rows = self._db.query(
            "SELECT id, root_id, file, source FROM documents WHERE state = 'live' AND parser <> ?"
            " ORDER BY root_id, file, id",
            (parser,),
        )
        return [Outdated(*row) for row in rows]

    def mails(self) -> list[StoredMail]:
        """Returns the live documents that are the only message in their file, the oldest first."""
        rows = self._db.query(
            "SELECT id, root_id, source, title, content_hash FROM documents"
            " WHERE state = 'live' AND media_type = 'message/rfc822' AND source = file ORDER BY date, source, id"
        )
        return [StoredMail(*row) for row in rows]

    def reparsed(self, document_id: int, document: Document, parser: str) -> bool:
        """Replaces what this version of the parsers reads differently in a document whose text and title are the same.

        Returns False, and changes nothing, if the text, the title or the quotations that are searched differ.

        Args:
            document_id: The document's id.
            document: What the parsers read.
            parser: Version of the parsers.
        """
        with self._db.transaction():
            title = self._db.query("SELECT title FROM documents WHERE id = ?", (document_id,))
            if title != [(document.title,)] or "".join(self.text_blocks(document_id)) != document.text:
                return False
            if _searched(self._blocks.of(document_id)) != _searched(document.blocks):
                return False
            self._db.run(
                "UPDATE documents SET author = ?, date = ?, metadata = json_patch(metadata, ?), parser = ? WHERE id = ?",
                (document.author, document.date, json.dumps(dict(document.metadata)), parser, document_id),
            )
            self._store_anchors(document_id, document)
            self._blocks.store(document_id, document.blocks)
            return True

    def reblocked(self, document_id: int, blocks: Iterable[Block], parser: str) -> None:
        """Replaces the blocks of a document that cannot be parsed again.

        Args:
            document_id: The document's id.
            blocks: The blocks, recognised from the document's text.
            parser: Version of the parsers.
        """
        with self._db.transaction():
            self._blocks.store(document_id, blocks)
            self._db.run("UPDATE documents SET parser = ? WHERE id = ?", (parser, document_id))

    def publish(self, document_id: int) -> bool:
        """Makes a revision visible. A revision that replaces another one stays `worded` until its vectors are stored.

        A new document becomes visible immediately, because it can already be found by its wording. Returns False if the
        document was removed in the meantime.
        """
        with self._db.transaction():
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

    def hide(self, document_ids: Iterable[int]) -> None:
        """Hides documents and deletes the scan records of their files. `Catalog.sweep` deletes the documents later."""
        with self._db.transaction():
            for document_id in document_ids:
                for root_id, source in self._db.query("SELECT root_id, source FROM documents WHERE id = ?", (document_id,)):
                    self._db.run("UPDATE documents SET state = 'dead' WHERE root_id = ? AND source = ?", (root_id, source))
                    self._files.forget_scans(root_id, [source])

    def discard(self, document_id: int) -> None:
        """Marks one revision for deletion by the next sweep."""
        self._db.run("UPDATE documents SET state = 'dead' WHERE id = ?", (document_id,))


def _gone() -> SourceError:
    return SourceError("the document is no longer in this index", "use `rag ls` to list all documents")


def _searched(blocks: Sequence[Block]) -> list[tuple[int, int, str]]:
    """Returns what divides a mail into passages; see `rag.index.splitting.passages_of`."""
    return [(start, end, blocks[index].number) for index, start, end in quotations(blocks)]
