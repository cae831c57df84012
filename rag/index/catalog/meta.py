"""Reads and writes the meta table, which stores facts about the index as pairs of name and value."""

from __future__ import annotations

from rag.index.catalog.database.connections import Connections


class Meta:
    """Facts about one catalog, such as the number of commits or the name of Chroma's current generation."""

    def __init__(self, connections: Connections) -> None:
        self._db = connections

    def get(self, name: str) -> str:
        """Returns a fact's value; "" if the fact has not been stored."""
        rows = self._db.query("SELECT value FROM meta WHERE key = ?", (name,))
        return str(rows[0][0]) if rows else ""

    def set(self, name: str, value: str) -> None:
        """Stores a fact's value."""
        self._db.run("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (name, value))
