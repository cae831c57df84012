"""Creates the catalog's tables and migrates older catalogs, in numbered steps. Released steps are never changed."""

from __future__ import annotations

import hashlib

import apsw

from rag.errors import IndexDamagedError

APPLICATION_ID = 0x72616731  # "rag1": marks a file as a rag catalog

# documents: one row per revision. `state` is `staged` while passages are being written, `worded` when only vectors are
#   missing and an older revision is still visible, `live` when visible, and `dead` when waiting to be deleted. Readers see
#   only `live` revisions. `pending` counts the passages in the current index version that have no vector. A file can
#   contain several documents (messages, attachments): `file` is the source of the file that the document was read from.
# editions: the index versions. One is `current`; another may be `building` or `former`; `moving` occurs only in a switch.
# cuts: for each building or former index version, the documents whose passages are all stored.
# words_N: index version N's full-text index of the stems in each passage, its headings and its document's title;
#   rowid is the passage's id.
# log: vectors that a vector index must upsert or delete, in order; the vector index stores the last `seq` it has applied.
# files: each file's state at the last scan, which determines whether to read it again; also the error if reading failed.
# landmarks: a document's anchors, which mark where its pages, slides, sheets or chapters begin.
# blocks: a document's parts, such as headings and tables; `kind` is the index in `rag.records.BLOCK_KINDS`. `parser` in
#   documents is the version of the parsers that read a revision; "" for revisions from before there were blocks.
# originals: bytes of content that did not come from a file (fetched web pages, standard input), by SHA-256.
# forgotten: files that the user removed and that must not be imported again, identified by a salted hash of their name.
# runs, run_sources: evaluation runs, and the documents that each run quotes.
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
    """
    INSERT OR IGNORE INTO meta VALUES ('id', lower(hex(randomblob(8)))), ('commits', '0');
    CREATE TABLE editions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        state TEXT NOT NULL UNIQUE CHECK (state IN ('current', 'building', 'former', 'moving')),
        embedder TEXT NOT NULL,
        splitter TEXT NOT NULL,
        passages INTEGER NOT NULL DEFAULT 0,
        terms INTEGER NOT NULL DEFAULT 0
    );
    INSERT INTO editions (id, state, embedder, splitter, passages, terms) SELECT 1, 'current',
        coalesce((SELECT value FROM meta WHERE key = 'embedder'), ''),
        coalesce((SELECT value FROM meta WHERE key = 'splitter'), ''),
        (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'passages'),
        (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'terms');
    CREATE TABLE cuts (edition INTEGER NOT NULL REFERENCES editions (id), document_id INTEGER NOT NULL
        REFERENCES documents (id), PRIMARY KEY (edition, document_id)) WITHOUT ROWID;
    ALTER TABLE passages ADD COLUMN edition INTEGER NOT NULL DEFAULT 1;
    DROP TABLE word_counts;
    ALTER TABLE words RENAME TO words_1;
    INSERT INTO words_1 (words_1, rank) VALUES ('secure-delete', 1);
    CREATE VIRTUAL TABLE word_counts_1 USING fts5vocab ('words_1', 'row');
    ALTER TABLE files ADD COLUMN ctime_ns INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE forgotten (root_id INTEGER NOT NULL REFERENCES roots (id), name BLOB NOT NULL,
        PRIMARY KEY (root_id, name)) WITHOUT ROWID;
    INSERT INTO forgotten SELECT root_id, name_hash((SELECT value FROM meta WHERE key = 'id'), source) FROM files
        WHERE content_hash = 'removed';
    DELETE FROM files WHERE content_hash = 'removed';
    DELETE FROM meta WHERE key IN ('embedder', 'splitter', 'passages', 'terms', 'chroma_generation', 'chroma_filled',
        'chroma_open');
    PRAGMA application_id = 1918986033;
    """,
    """
    ALTER TABLE documents ADD COLUMN file TEXT NOT NULL DEFAULT '';
    CREATE INDEX documents_file ON documents (root_id, file);
    CREATE TABLE landmarks (document_id INTEGER NOT NULL REFERENCES documents (id), start INTEGER NOT NULL,
        name TEXT NOT NULL, page INTEGER, counts TEXT NOT NULL, first INTEGER NOT NULL,
        PRIMARY KEY (document_id, start)) WITHOUT ROWID;
    UPDATE documents SET file = source;
    INSERT OR REPLACE INTO landmarks SELECT d.id, j.value, 'p. ' || (j.key + 1), j.key + 1, '', 1
        FROM documents d, json_each(d.page_starts) j;
    ALTER TABLE documents DROP COLUMN page_starts;
    CREATE INDEX documents_pending ON documents (pending) WHERE pending > 0;
    CREATE TABLE originals (hash TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
    """,
    """
    CREATE TABLE runs (id INTEGER PRIMARY KEY AUTOINCREMENT, made TEXT NOT NULL, set_name TEXT NOT NULL,
        set_hash TEXT NOT NULL, settings TEXT NOT NULL, figures TEXT NOT NULL, questions INTEGER NOT NULL, data BLOB);
    CREATE TABLE run_sources (run_id INTEGER NOT NULL REFERENCES runs (id), source TEXT NOT NULL,
        PRIMARY KEY (run_id, source)) WITHOUT ROWID;
    CREATE INDEX run_sources_source ON run_sources (source);
    """,
    """
    ALTER TABLE documents ADD COLUMN parser TEXT NOT NULL DEFAULT '';
    CREATE TABLE blocks (document_id INTEGER NOT NULL REFERENCES documents (id), start INTEGER NOT NULL,
        kind INTEGER NOT NULL, end INTEGER NOT NULL, level INTEGER NOT NULL, number TEXT NOT NULL,
        label_end INTEGER NOT NULL, PRIMARY KEY (document_id, start, kind)) WITHOUT ROWID;
    """,
)
VERSION = len(_STEPS)


def name_hash(catalog: str, name: str) -> bytes:
    """Returns the salted hash stored for a removed file's name. The hash identifies the name without revealing it."""
    return hashlib.blake2b(name.encode(), key=catalog.encode(), digest_size=16).digest()


def version_of(connection: apsw.Connection) -> int:
    """Returns the catalog's schema version; 0 if the catalog is new."""
    version: int = connection.execute("PRAGMA user_version").fetchall()[0][0]  # type: ignore[assignment]
    return version


def check_kind(connection: apsw.Connection) -> None:
    """Checks that a file is empty, or is a catalog with the current schema or an older one. Does not change the file.

    Raises:
        IndexDamagedError: The file belongs to another program, or was written by a newer version of rag.
    """
    connection.execute("BEGIN")  # all three reads see the same state, even if another process is creating the catalog
    try:
        version = version_of(connection)
        application = connection.execute("PRAGMA application_id").fetchall()[0][0]
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()[0][0]
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    if (version == 0 and tables) or (version > 1 and application != APPLICATION_ID):
        raise IndexDamagedError(
            f"{connection.filename} belongs to another program; it is not a rag catalog",
            "choose another folder with --index",
        )
    if version > VERSION:
        raise IndexDamagedError(
            f"the index was written by a newer version of rag (its format is {version}, but this version reads only"
            f" formats up to {VERSION})",
            "update rag, or choose another folder with --index",
        )


def migrate(connection: apsw.Connection) -> None:
    """Migrates the catalog to the current schema, each step in its own transaction."""
    connection.create_scalar_function("name_hash", name_hash, 2, deterministic=True)  # type: ignore[arg-type]  # of texts
    while (version := version_of(connection)) < VERSION:
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have run this step while this process waited for the lock.
            if version_of(connection) == version:
                for statement in _STEPS[version].split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
