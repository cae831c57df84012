"""The change log lists, in order, the vectors that a vector index must upsert or delete to match the catalog."""

from __future__ import annotations

import secrets

import numpy as np

from rag.index.catalog.database.connections import Connections
from rag.index.catalog.meta import Meta
from rag.index.records import LogEntry


class ChangeLog:
    """A catalog's change log. Each method is atomic; `Catalog.transaction` groups several calls into one transaction."""

    def __init__(self, connections: Connections, meta: Meta) -> None:
        self._db = connections
        self._meta = meta

    def newest(self) -> int:
        """Returns the number of the most recent entry, even if it has been deleted since; 0 if there has never been one."""
        return max(int(self._db.query("SELECT coalesce(max(seq), 0) FROM log")[0][0]), self.trimmed())

    def after(self, seq: int, limit: int) -> list[LogEntry]:
        """Returns the entries that follow entry `seq`. An upsert whose passage no longer exists is returned as a delete."""
        rows = self._db.query(
            "SELECT l.seq, l.key, v.vector FROM (SELECT * FROM log WHERE seq > ? ORDER BY seq LIMIT ?) l"
            " LEFT JOIN passages p ON l.op = 'upsert' AND p.key = l.key LEFT JOIN vectors v ON v.passage_id = p.id"
            " ORDER BY l.seq",
            (seq, limit),
        )
        return [
            LogEntry(seq, key, None if vector is None else np.frombuffer(vector, np.float32)) for seq, key, vector in rows
        ]

    def trimmed(self) -> int:
        """Returns the number of the last deleted entry. A vector index that missed it must read all vectors again."""
        return int(self._meta.get("log_trimmed") or 0)

    def trim(self, upto: int) -> None:
        """Deletes all entries up to and including entry `upto`, in short transactions."""
        while self._db.query("SELECT 1 FROM log WHERE seq <= ? LIMIT 1", (upto,)):
            with self._db.transaction():
                self._db.run(
                    "DELETE FROM log WHERE seq IN (SELECT seq FROM log WHERE seq <= ? ORDER BY seq LIMIT 5000)", (upto,)
                )
                self._meta.set("log_trimmed", str(upto))

    def new_generation(self) -> str:
        """Starts a new generation of the vector index and returns its name. The caller must add all vectors to it.

        Also clears the log, because the new generation does not need the older entries.
        """
        name = secrets.token_hex(6)
        with self._db.transaction():
            newest = self.newest()
            self._db.run("DELETE FROM log")
            self._meta.set("chroma_generation", name)
            self._meta.set("chroma_filled", "0")
            self._meta.set("log_trimmed", str(newest))
        return name
