"""Deletes the data of removed documents in short transactions, so that other processes never have to wait long."""

from __future__ import annotations

from rag.index.catalog.database.connections import Connections
from rag.index.catalog.passages import Passages

_AT_ONCE = 2_000  # passages deleted per transaction


def sweep(connections: Connections, passages: Passages, *, unfinished_too: bool) -> int:
    """Deletes dead revisions and everything that belongs to them; returns the number of deleted passages.

    Args:
        connections: The catalog's connections.
        passages: The catalog's passages.
        unfinished_too: Also delete unfinished revisions, and originals that no document uses. Only the process that
            holds the import lock may request this, because otherwise another process might still be importing them.
    """
    if unfinished_too and connections.query("SELECT 1 FROM documents WHERE state = 'staged' LIMIT 1"):
        connections.run("UPDATE documents SET state = 'dead' WHERE state = 'staged'")
    swept = 0
    while dead := connections.query("SELECT id FROM documents WHERE state = 'dead' LIMIT 1"):
        while batch := connections.query(
            "SELECT id, key, edition FROM passages WHERE document_id = ? LIMIT ?", (dead[0][0], _AT_ONCE)
        ):
            passages.delete(batch)
            swept += len(batch)
        with connections.transaction():
            connections.run("DELETE FROM cuts WHERE document_id = ?", dead[0])
            connections.run("DELETE FROM texts WHERE document_id = ?", dead[0])
            connections.run("DELETE FROM landmarks WHERE document_id = ?", dead[0])
            connections.run("DELETE FROM blocks WHERE document_id = ?", dead[0])
            connections.run("DELETE FROM documents WHERE id = ?", dead[0])
    if unfinished_too:
        connections.run(
            "DELETE FROM originals WHERE hash NOT IN"
            " (SELECT content_hash FROM documents UNION SELECT content_hash FROM files)"
        )
    return swept
