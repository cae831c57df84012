"""The catalog's tables, and how an older catalog becomes a newer one: numbered steps, only ever added to."""

from __future__ import annotations

import sqlite3

from rag.errors import IndexDamagedError

# A document's revision is `staged` while its passages are written, `worded` when it has all but its vectors and an
# older revision is still shown, `live` when it is the one shown, `dead` when it waits to be swept. Readers see `live` only.
# `pending` counts its passages without a vector.
# `words.terms` holds the stems of title, headings and passage; its rowid is the passage's id.
# `log` lists what the vector index has to do, in order; a vector index remembers up to which `seq` it has.
# `files` is what the last scan of a folder saw: whether to look again, and why it failed if it did.
_STEPS = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE roots (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, path TEXT NOT NULL, UNIQUE (kind, path));
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        root_id INTEGER NOT NULL REFERENCES roots (id),
        source TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('staged', 'worded', 'live', 'dead')),
        pending INTEGER NOT NULL DEFAULT 0,
        title TEXT NOT NULL,
        author TEXT NOT NULL,
        date TEXT NOT NULL,
        media_type TEXT NOT NULL,
        page_starts TEXT NOT NULL,
        metadata TEXT NOT NULL,
        characters INTEGER NOT NULL,
        content_hash TEXT NOT NULL,
        added TEXT NOT NULL
    );
    CREATE UNIQUE INDEX documents_live ON documents (root_id, source) WHERE state = 'live';
    CREATE INDEX documents_source ON documents (source);
    CREATE TABLE texts (
        id INTEGER PRIMARY KEY,
        document_id INTEGER NOT NULL REFERENCES documents (id),
        start INTEGER NOT NULL,
        text TEXT NOT NULL,
        UNIQUE (document_id, start)
    );
    CREATE TABLE passages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        document_id INTEGER NOT NULL REFERENCES documents (id),
        start INTEGER NOT NULL,
        end INTEGER NOT NULL,
        heading TEXT NOT NULL,
        key TEXT NOT NULL UNIQUE
    );
    CREATE INDEX passages_document ON passages (document_id, start);
    CREATE TABLE vectors (passage_id INTEGER PRIMARY KEY REFERENCES passages (id), vector BLOB NOT NULL);
    CREATE TABLE log (seq INTEGER PRIMARY KEY AUTOINCREMENT, op TEXT NOT NULL, key TEXT NOT NULL);
    CREATE TABLE files (
        root_id INTEGER NOT NULL REFERENCES roots (id),
        source TEXT NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        scanned_ns INTEGER NOT NULL,
        content_hash TEXT NOT NULL,
        error TEXT NOT NULL,
        hint TEXT NOT NULL,
        PRIMARY KEY (root_id, source)
    );
    CREATE VIRTUAL TABLE words USING fts5 (terms, tokenize = 'unicode61 remove_diacritics 0');
    CREATE VIRTUAL TABLE word_counts USING fts5vocab ('words', 'row');
    INSERT INTO meta VALUES ('passages', '0'), ('terms', '0');
    """,
)
VERSION = len(_STEPS)


def migrate(connection: sqlite3.Connection) -> None:
    """Brings the catalog up to this version, each step in a transaction of its own.

    Raises:
        IndexDamagedError: A newer rag wrote it; it is left as it is.
    """
    while (version := connection.execute("PRAGMA user_version").fetchone()[0]) != VERSION:
        if version > VERSION:
            raise IndexDamagedError(
                f"the index was written by a newer rag (its version is {version}, this one knows {VERSION})",
                "update rag, or name another folder with --index",
            )
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have done this step while this one waited for its turn.
            if connection.execute("PRAGMA user_version").fetchone()[0] == version:
                for statement in _STEPS[version].split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
