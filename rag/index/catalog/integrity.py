"""Checks a catalog: runs SQLite's own integrity check, then checks that the tables are consistent with each other."""

from __future__ import annotations

from rag.index.catalog.database.connections import Connections
from rag.index.catalog.sql import CURRENT_VERSION


def problems(connections: Connections) -> list[str]:
    """Checks a catalog and returns a description of each problem found. Slow for a large catalog."""
    found = [f"catalog: {row[0]}" for row in connections.query("PRAGMA integrity_check(10)") if row[0] != "ok"]
    if found:
        return found
    words = _terms(connections, "true")
    # While a version is deleted, its passages are deleted before their terms.
    words_kept = _terms(connections, "embedder <> '' OR state = 'current'")
    checks = {
        "passages without a document": "passages WHERE document_id NOT IN (SELECT id FROM documents)",
        "passages without an index version": "passages WHERE edition NOT IN (SELECT id FROM editions)",
        "passages without terms": f"passages WHERE id NOT IN ({words})",
        "terms without a passage": f"({words_kept}) w WHERE w.rowid NOT IN (SELECT id FROM passages)",
        "vectors without a passage": "vectors WHERE passage_id NOT IN (SELECT id FROM passages)",
        "texts without a document": "texts WHERE document_id NOT IN (SELECT id FROM documents)",
        # subtle: SQLite's length() stops at a NUL character, and the text may contain one.
        "documents with incomplete text": "documents d WHERE state <> 'staged' AND characters <>"
        " (SELECT coalesce(sum(length(text)), 0) FROM texts t WHERE t.document_id = d.id)"
        " AND NOT EXISTS (SELECT 1 FROM texts t WHERE t.document_id = d.id AND instr(text, char(0)) > 0)",
        "documents with a wrong count of waiting passages": "documents d WHERE state IN ('live', 'worded')"
        " AND pending <> (SELECT count(*) FROM passages p LEFT JOIN vectors v ON v.passage_id = p.id"
        f" WHERE p.document_id = d.id AND p.edition = {CURRENT_VERSION} AND v.passage_id IS NULL)",
        "index versions with a wrong count of passages": "editions e WHERE passages <>"
        " (SELECT count(*) FROM passages p WHERE p.edition = e.id)",
    }
    counts = {what: connections.query(f"SELECT count(*) FROM {rows}")[0][0] for what, rows in checks.items()}
    return [f"{count} {what}" for what, count in counts.items() if count]


def _terms(connections: Connections, condition: str) -> str:
    """Returns the query for the ids of all passages that have terms in the index versions that meet a condition."""
    versions = connections.query(f"SELECT id FROM editions WHERE {condition}")
    return " UNION ALL ".join(f"SELECT rowid FROM words_{id_}" for (id_,) in versions)
