"""Reads and writes the tables about files: synced folders, their last scans, removed files and stored originals."""

from __future__ import annotations

from collections.abc import Iterable

from rag.index.catalog.database.connections import Connections
from rag.index.catalog.database.schema import name_hash
from rag.index.records import FileSeen
from rag.sources.records import storable_name


class Files:
    """One catalog's files. Each method is atomic; `Catalog.transaction` groups several calls into one transaction."""

    def __init__(self, connections: Connections) -> None:
        self._db = connections

    def root_id(self, kind: str, path: str) -> int:
        """Returns a root's id; creates the root if it does not exist.

        Args:
            kind: "sync" (a synced folder), "add" (files added by name), "url", "stream" or "memory".
            path: Absolute path of the root's folder; empty if it has none.
        """
        with self._db.transaction():
            self._db.run("INSERT OR IGNORE INTO roots (kind, path) VALUES (?, ?)", (kind, path))
            return int(self._db.query("SELECT id FROM roots WHERE kind = ? AND path = ?", (kind, path))[0][0])

    def roots(self, kind: str) -> list[tuple[int, str]]:
        """Returns (id, path) of every root of this kind, sorted by path."""
        return self._db.query("SELECT id, path FROM roots WHERE kind = ? ORDER BY path", (kind,))

    def scans(self, root_id: int) -> dict[str, FileSeen]:
        """Returns each file's state at this root's last scan, by source."""
        rows = self._db.query(
            "SELECT source, size, mtime_ns, ctime_ns, scanned_ns, content_hash, error, hint FROM files WHERE root_id = ?",
            (root_id,),
        )
        return {row[0]: FileSeen(*row) for row in rows}

    def record_scans(self, root_id: int, files: Iterable[FileSeen]) -> None:
        """Records the state in which a scan found these files."""
        with self._db.transaction():
            self._db.run_many(
                "INSERT OR REPLACE INTO files (root_id, source, size, mtime_ns, ctime_ns, scanned_ns, content_hash, error,"
                " hint) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (root_id, f.source, f.size, f.mtime_ns, f.ctime_ns, f.scanned_ns, f.content_hash, f.error, f.hint)
                    for f in files
                ],
            )

    def forget_scans(self, root_id: int, sources: Iterable[str]) -> None:
        """Deletes the scan records of these files."""
        with self._db.transaction():
            self._db.run_many("DELETE FROM files WHERE root_id = ? AND source = ?", [(root_id, s) for s in sources])

    def failed(self, source: str) -> list[tuple[int, str]]:
        """Returns (root id, source) of each file with this source that could not be read."""
        return self._db.query(
            "SELECT root_id, source FROM files WHERE source = ? AND error <> ''", (storable_name(source),)
        )

    def retry_failed(self) -> None:
        """Makes the next scan try again to read every file that could not be read."""
        self._db.run("UPDATE files SET content_hash = '' WHERE error <> ''")

    def is_removed(self, root_id: int, source: str) -> bool:
        """Returns True if the user removed this file, so that it must not be imported again."""
        name = name_hash(self._db.catalog_id, source)
        return bool(self._db.query("SELECT 1 FROM forgotten WHERE root_id = ? AND name = ?", (root_id, name)))

    def has_removed(self, root_id: int) -> bool:
        """Returns True if the user removed any file of this root."""
        return bool(self._db.query("SELECT 1 FROM forgotten WHERE root_id = ? LIMIT 1", (root_id,)))

    def mark_removed(self, root_id: int, source: str) -> None:
        """Prevents a file that the user removed from being imported again; stores only a salted hash of its name."""
        self._db.run("INSERT OR IGNORE INTO forgotten VALUES (?, ?)", (root_id, name_hash(self._db.catalog_id, source)))

    def allow_again(self, root_id: int, sources: Iterable[str]) -> None:
        """Allows files that the user removed to be imported again."""
        names = [(root_id, name_hash(self._db.catalog_id, source)) for source in sources]
        with self._db.transaction():
            self._db.run_many("DELETE FROM forgotten WHERE root_id = ? AND name = ?", names)

    def prune_removed(self, root_id: int, sources: Iterable[str]) -> None:
        """Deletes the records of removed files that are not in `sources`, so that new files may have the same names."""
        names = {name for (name,) in self._db.query("SELECT name FROM forgotten WHERE root_id = ?", (root_id,))}
        if not names:
            return
        gone = names - {name_hash(self._db.catalog_id, source) for source in sources}
        with self._db.transaction():
            self._db.run_many("DELETE FROM forgotten WHERE root_id = ? AND name = ?", [(root_id, name) for name in gone])

    def original(self, content_hash: str) -> bytes | None:
        """Returns the stored original bytes with this SHA-256; None if they are not stored."""
        rows = self._db.query("SELECT data FROM originals WHERE hash = ?", (content_hash,))
        return bytes(rows[0][0]) if rows else None

    def keep_original(self, content_hash: str, data: bytes) -> None:
        """Stores content that did not come from a file, and keeps it while the index contains a document read from it."""
        self._db.run("INSERT OR IGNORE INTO originals VALUES (?, ?)", (content_hash, data))
